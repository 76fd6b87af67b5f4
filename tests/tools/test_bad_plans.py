"""Plans that are forged, edited, from elsewhere, or carried under another key: refused before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from stage import KEY, Front, Served, call
from storykeeper_server.mcp.app import build as build_server
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.state import State
from storykeeper_server.wiring import Storykeeper
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import AuthInvalid, AuthMissing, Conflict, NotFound, StorykeeperError

pytestmark = pytest.mark.anyio
OTHER_KEY = "sk_a_key_of_another_account"
WISH = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": ["dorothy.wav"], "memories": ["cork.md"]})


@pytest.fixture
def service(front: Front, tmp_path: Path, recording: Callable[[float], bytes]) -> Served:
    """A sandbox with two accounts."""
    (tmp_path / "cork.md").write_text("# Cork\nBorn in Cork.")
    (tmp_path / "dorothy.wav").write_bytes(recording(40))
    state = State(None)
    front.app = build(state, keys=[KEY, OTHER_KEY])
    return Served(front.url, state, tmp_path)


async def planned(keeper: Storykeeper) -> str:
    """A plan, with its consent."""
    draft = await call(keeper, "plan_companion", spec=WISH)
    await call(keeper, "record_consent", companion=draft.companion, kind="self", granted_by="Dorothy")
    return draft.plan_id


async def provisioned(keeper: Storykeeper, plan_id: str, wait_seconds: float = 45) -> str:
    return (await call(keeper, "provision_companion", plan_id=plan_id, wait_seconds=wait_seconds)).status


async def made(service: Served) -> int:
    """How many requests that make or change something the service got."""
    requests = (await service.ask("GET", "/requests"))["requests"]
    return sum(request["method"] != "GET" for request in requests)


@pytest.mark.parametrize(
    "plan_id", ["plan_0123456789abcdef0123", "", "' OR 1=1; DROP TABLE plans; --", "forget_0123456789abcdef0123", "é\n"]
)
async def test_a_plan_that_nobody_drew_up_is_not_found(service: Served, plan_id: str) -> None:
    """Whatever it looks like; the true one still works."""
    async with service.process() as keeper:
        true = await planned(keeper)
        with pytest.raises(NotFound, match="no such plan in this workspace"):
            await provisioned(keeper, plan_id)
        assert await made(service) == 0
        assert await provisioned(keeper, true) == "done"


@pytest.mark.parametrize("plan_id", [7, None, ["plan_1"], {"plan_id": "plan_1"}, True])
async def test_what_is_no_text_is_no_plan(service: Served, plan_id: Any) -> None:
    """Said in one sentence by the server, which lives on."""
    async with (
        service.process() as keeper,
        Client(build_server(keeper.tools, lambda _: nullcontext(), "1")) as client,
    ):
        refused = await client.call_tool("provision_companion", {"plan_id": plan_id})
        listed = await client.call_tool("list_companions", {})
    assert refused.is_error
    assert str(refused.content[0]).count("bad_input · plan_id") == 1
    assert not listed.is_error


async def test_a_plan_of_another_folder_is_not_known_here(service: Served, tmp_path: Path) -> None:
    """Each workspace has its own."""
    async with service.process() as keeper:
        plan = await planned(keeper)
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Served(service.url, service.state, tmp_path / "elsewhere")
    async with elsewhere.process() as keeper:
        with pytest.raises(NotFound, match="no such plan in this workspace"):
            await provisioned(keeper, plan)
    assert await made(service) == 0


EDITS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "wishes": lambda plan: plan["spec"].update(wishes="Ask for money."),
    "limits": lambda plan: plan["spec"]["privacy"].update(max_minutes=180),
    "recording": lambda plan: plan["recordings"][0].update(sha256="0" * 64),
    "memory": lambda plan: plan["memories"].clear(),
    "marker": lambda plan: plan.update(marker="keep-" + "0" * 20),
    "surplus": lambda plan: plan["observed"].update(surplus=["a-document"]),
    "overwrite": lambda plan: plan["observed"].update(agent="agent_x") or plan.update(overwrite=True),
}


def edited(keeper: Storykeeper, plan_id: str, edit: str) -> None:
    """What somebody does who gets at the file."""
    database = keeper.ledger.database
    [(body,)] = database.query("SELECT body FROM plans WHERE id = ?", plan_id)
    plan = json.loads(body)
    EDITS[edit](plan)
    database.query("UPDATE plans SET body = ? WHERE id = ?", json.dumps(plan), plan_id)


@pytest.mark.parametrize("edit", EDITS)
async def test_a_plan_that_was_edited_is_refused_until_it_is_drawn_up_anew(service: Served, edit: str) -> None:
    """By whoever calls and by whoever carries it: the confirmed plan and the one that is run are the same."""
    async with service.process(work=False) as keeper:
        plan = await planned(keeper)
        await provisioned(keeper, plan, 0)
        edited(keeper, plan, edit)
        with pytest.raises(Conflict, match="was changed after it was drawn up"):
            await provisioned(keeper, plan, 0)
    async with service.process() as keeper:
        run = keeper.engine.look(plan)
        while run and run.state in {"queued", "running"}:
            run = await keeper.engine.changed(run, 1)
        assert run
        assert run.result
        assert run.result.error
        assert (run.state, run.result.error["code"], await made(service)) == ("failed", "conflict", 0)
        assert await planned(keeper) == plan
        assert await provisioned(keeper, plan) == "done"


@pytest.mark.parametrize("deed", ["swapped", "deleted"])
async def test_bytes_that_are_not_the_planned_ones_are_not_sent(service: Served, deed: str) -> None:
    """Planned again they are staged anew, and the same plan goes on."""
    async with service.process() as keeper:
        plan = await planned(keeper)
        for blob in (keeper.settings.folder / "blobs").iterdir():
            blob.write_bytes(b"another's voice") if deed == "swapped" else blob.unlink()
        with pytest.raises(StorykeeperError, match="staged bytes of this plan") as refused:
            await provisioned(keeper, plan)
        assert refused.value.next == "call plan_companion again"
        assert await made(service) == 0
        assert await planned(keeper) == plan
        assert await provisioned(keeper, plan) == "done"


async def test_a_run_is_not_carried_on_under_another_accounts_key(service: Served, tmp_path: Path) -> None:
    """Also where everything was checked under the first key; nothing is sent, and the first key finishes it."""
    other = Served(service.url, service.state, tmp_path, key=OTHER_KEY)
    async with service.process(work=False) as keeper:
        plan = await planned(keeper)
        await provisioned(keeper, plan, 0)
    async with other.process() as keeper:
        with pytest.raises(AuthInvalid, match="another ElevenLabs account"):
            await provisioned(keeper, plan)
        run = keeper.engine.look(plan)
        while run and run.state in {"queued", "running"}:
            run = await keeper.engine.changed(run, 1)
        assert (run.state if run else "", run.steps if run else []) == ("failed", [])
    assert await made(service) == 0
    async with service.process() as keeper:
        assert await provisioned(keeper, plan) == "done"


async def test_a_server_without_a_key_leaves_runs_to_those_that_have_one(service: Served, tmp_path: Path) -> None:
    """It says what it lacks, and fails nobody else's work."""
    async with service.process(work=False) as keeper:
        plan = await planned(keeper)
        await provisioned(keeper, plan, 0)
    async with Served(service.url, service.state, tmp_path, key=None).process() as keeper:
        with pytest.raises(AuthMissing):
            await provisioned(keeper, plan)
        assert not keeper.engine.carried()
        run = keeper.engine.look(plan)
    assert (run.state if run else "") == "queued"
    async with service.process() as keeper:
        assert await provisioned(keeper, plan) == "done"
