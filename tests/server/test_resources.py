"""What hosts can show and hand to a model: companions, the guide, the embed kit; in both eras of the protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS

from judge import Judge
from stage import EXAMPLE, Stage, open_stage
from storykeeper_server.mcp.app import build
from storykeeper_server.mcp.living import LivingServer
from storykeeper_server.mcp.prompts import prompts
from storykeeper_server.mcp.resources import LISTED, resources
from storykeeper_server.mcp.shelf import Shelf
from storykeeper_server.talk.embedding import SNIPPETS, text
from storykeeper_tools.companion.changes import Changes
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.provisioning.ledger import Companion

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("mode", ["auto", "legacy"])
MEMORIES = EXAMPLE / "memories"


@asynccontextmanager
async def running(_: object) -> AsyncGenerator[None]:
    """The stage opens and closes what the resources need."""
    yield


def server(stage: Stage) -> LivingServer:
    shelf = Shelf(stage.keeper.companions, stage.keeper.retirement.receipts)
    offered = prompts(stage.keeper.interviews, shelf), resources(SNIPPETS, text)
    return build(stage.keeper.tools, running, "0.1.0", *offered, shelf=shelf)


async def read(client: Client, uri: str) -> tuple[str, str]:
    [content] = (await client.read_resource(uri)).contents
    return content.text, content.mime_type or ""  # pyright: ignore[reportAttributeAccessIssue]


async def dorothy(stage: Stage) -> Any:
    """Made, with her memories."""
    said = {"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")], "memories": [str(MEMORIES)]}
    plan = await stage.call("plan_companion", spec=Wish.model_validate(said))
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    return await stage.call("provision_companion", plan_id=plan.plan_id)


async def test_each_snippet_is_a_resource() -> None:
    """Listed with what it is, and read as it is in its file."""
    server = build((), running, "0.1.0", (), resources(SNIPPETS, text))
    async with Client(server) as client:
        listed = [each for each in (await client.list_resources()).resources if "embed" in str(each.uri)]
        shown = {str(each.uri).rpartition("/")[2]: (await read(client, str(each.uri)))[0] for each in listed}
        with pytest.raises(MCPError):
            await client.read_resource("storykeeper://embed/../../pyproject.toml")
    assert [str(each.uri) for each in listed] == [f"storykeeper://embed/{kind}" for kind in SNIPPETS]
    assert all("COMPANION_ID" in (each.description or "") for each in listed)
    assert shown == {kind: text(kind) for kind in SNIPPETS}


@both
async def test_the_guide_names_what_there_is(stage: Stage, mode: Any) -> None:
    """Tools and prompts that it sends somebody to are there."""
    async with Client(server(stage), mode=mode) as client:
        guide, mime = await read(client, "storykeeper://guide")
        offered = {tool.name for tool in (await client.list_tools()).tools}
        offered |= {prompt.name for prompt in (await client.list_prompts()).prompts}
        instructions = client.instructions or ""
    assert mime == "text/markdown"
    called = {"inspect_recording", "plan_companion", "record_consent", "provision_companion", "rehearse_companion"}
    assert all(f"`{name}`" in guide for name in called)
    assert {name for name in called if name in instructions} == called
    assert called | {"get_signed_url", "interview", "troubleshoot", "review_companion", "create_companion"} <= offered
    assert len(instructions) <= 2000


@both
async def test_what_there_is_of_a_companion_can_be_read(stage: Stage, mode: Any) -> None:
    """Its state, its memory book, its plan and its rehearsal; and it is listed by its name."""
    view = await dorothy(stage)
    uri = f"companion://{view.companion}"
    async with Client(server(stage), mode=mode) as client:
        [row] = [each for each in (await client.list_resources()).resources if str(each.uri) == uri]
        state = json.loads((await read(client, uri))[0])
        memories, mime = await read(client, f"{uri}/memories")
        plan = json.loads((await read(client, f"{uri}/plan"))[0])
        with pytest.raises(MCPError, match="never rehearsed") as unheard:
            await client.read_resource(f"{uri}/rehearsal")
        await client.call_tool("rehearse_companion", {"companion": view.companion})
        rehearsal, _ = await read(client, f"{uri}/rehearsal")
        told = (await client.call_tool("get_companion", {"companion": view.companion})).structured_content
    assert row.title == "Dorothy"
    assert state["agent_id"] == view.agent_id
    assert told is not None
    assert set(state) == set(told)
    assert mime == "text/markdown"
    for file in MEMORIES.glob("*.md"):
        assert file.read_text(encoding="utf-8").strip().splitlines()[-1] in memories
    assert plan["plan_id"] == view.plan_id
    assert {step["action"] for step in plan["steps"]} == {"keep"}
    assert unheard.value.error.code == INVALID_PARAMS
    assert rehearsal.startswith(f"# The last rehearsal of {view.companion}")
    assert rehearsal.count("\n## ") == 11
    assert "\n> " in rehearsal


@both
async def test_the_plan_is_the_change_that_waits(stage: Stage, mode: Any) -> None:
    """While there is one; corrections of the newest made plan stand in the memory book."""
    view = await dorothy(stage)
    news = Changes(add_corrections=["Dorothy was born in 1941, not 1940."])
    draft = await stage.call("plan_companion", companion=view.companion, changes=news)
    uri = f"companion://{view.companion}"
    async with Client(server(stage), mode=mode) as client:
        plan = json.loads((await read(client, f"{uri}/plan"))[0])
        before, _ = await read(client, f"{uri}/memories")
        await client.call_tool("provision_companion", {"plan_id": draft.plan_id})
        after, _ = await read(client, f"{uri}/memories")
    assert (plan["plan_id"], plan["steps"][-1]["action"]) == (draft.plan_id, "change")
    assert ["1941, not 1940" in book for book in (before, after)] == [False, True]


@both
async def test_a_receipt_outlives_its_companion(stage: Stage, mode: Any) -> None:
    """By the companion's id, and by its own; all else of it is gone."""
    view = await dorothy(stage)
    uri = f"companion://{view.companion}"
    async with Client(server(stage), mode=mode) as client:
        with pytest.raises(MCPError, match="no receipt"):
            await client.read_resource(f"{uri}/receipt")
        shown = await stage.call("retire_companion", companion=view.companion, action="forget")
        await stage.call("retire_companion", companion=view.companion, action="forget", confirm=shown.confirm)
        receipt, _ = await read(client, f"{uri}/receipt")
        id = json.loads(receipt)["receipt_id"]
        same, _ = await read(client, f"companion://{id}/receipt")
        listed = [str(each.uri) for each in (await client.list_resources()).resources]
        for path in ("", "/memories", "/plan", "/rehearsal"):
            with pytest.raises(MCPError) as gone:
                await client.read_resource(uri + path)
            assert gone.value.error.code == INVALID_PARAMS
    assert same == receipt
    assert uri not in listed
    assert "Dorothy" not in receipt


NOT_THERE = (
    "companion://nobody-0000",
    "companion://nobody-0000/plan",
    "companion://nobody-0000/receipt",
    "companion://",
    "companion://Dorothy",
    "companion://dorothy-7f3a/secrets",
    "companion://..%2F..%2Fetc%2Fpasswd",
    "companion://%00/receipt",
    "companion://a%20b%22/receipt",
    f"companion://{'a' * 200}/receipt",
    "storykeeper://embed/nothing",
    "file:///etc/passwd",
    "x",
)


@both
async def test_what_is_not_there_is_invalid_parameters(stage: Stage, mode: Any) -> None:
    """With a sentence that repeats nothing; and the next read works."""
    async with Client(server(stage), mode=mode) as client:
        for uri in NOT_THERE:
            with pytest.raises(MCPError) as refused:
                await client.read_resource(uri)
            assert refused.value.error.code == INVALID_PARAMS, uri
            assert len(refused.value.error.message.split(" · ")) == 4, uri
            assert "passwd" not in refused.value.error.message
        assert await read(client, "storykeeper://guide")


async def test_what_cannot_be_looked_at_now_says_why(stage: Stage) -> None:
    """Staged memories that were taken away, a ledger that somebody spoilt: the guide is listed all the same."""
    view = await dorothy(stage)
    for blob in (stage.home / "state").rglob("blobs/*"):
        blob.unlink()
    async with Client(server(stage)) as client:
        with pytest.raises(MCPError, match="the staged bytes of this plan are gone") as lost:
            await client.read_resource(f"companion://{view.companion}/memories")
    assert str(stage.home) not in lost.value.error.message
    stage.keeper.ledger.database.query("UPDATE companions SET body = '{'")
    async with Client(server(stage)) as client:
        with pytest.raises(MCPError, match="conflict · ") as refused:
            await client.read_resource(f"companion://{view.companion}")
        listed = [str(each.uri) for each in (await client.list_resources()).resources]
    assert refused.value.error.code == INTERNAL_ERROR
    assert "storykeeper://guide" in listed


async def test_nothing_secret_is_in_a_resource(judge: Judge, tmp_path: Path) -> None:
    """Neither a link to talk nor the key, nor where a file lies."""
    key = "sk_that_nobody_is_told"
    async with open_stage(judge, tmp_path, key=key, keys=[key]) as stage:
        view = await dorothy(stage)
        await stage.call("rehearse_companion", companion=view.companion)
        link = await stage.call("get_signed_url", of=view.companion)
        async with Client(server(stage)) as client:
            uris = [str(each.uri) for each in (await client.list_resources()).resources]
            uris += [f"companion://{view.companion}{path}" for path in ("/memories", "/plan", "/rehearsal")]
            told = "".join([(await read(client, uri))[0] for uri in uris])
    assert link.signed_url.startswith("ws")
    assert [secret for secret in (key, link.signed_url, "wss://", str(EXAMPLE), str(tmp_path)) if secret in told] == []


async def test_the_list_of_companions_has_an_end(stage: Stage) -> None:
    """The newest, and no more than a menu holds."""
    for number in range(LISTED + 20):
        stage.keeper.ledger.keep_companion(
            Companion(
                id=f"a-{number:04x}",
                name="A",
                name_key="a",
                marker=f"keep-{number}",
                contents="",
                plan_id="",
                made_at=number,
            )
        )
    async with Client(server(stage)) as client:
        listed = [str(each.uri) for each in (await client.list_resources()).resources]
    found = [uri for uri in listed if uri.startswith("companion://")]
    assert len(found) == LISTED
    assert found[0] == f"companion://a-{LISTED + 19:04x}"


async def test_what_is_about_a_person_is_kept_by_nobody(stage: Stage) -> None:
    """Lists that are the same for everybody may be kept for a while; companions never, and by nobody else."""
    view = await dorothy(stage)
    async with Client(server(stage)) as client:
        same = [await client.list_tools(), await client.list_prompts(), await client.list_resource_templates()]
        same.append(await client.read_resource("storykeeper://guide"))  # type: ignore[arg-type]
        private = [await client.list_resources(), await client.read_resource(f"companion://{view.companion}")]
    assert {(each.ttl_ms, each.cache_scope) for each in same} == {(600_000, "public")}
    assert {(each.ttl_ms, each.cache_scope) for each in private} == {(0, "private")}
