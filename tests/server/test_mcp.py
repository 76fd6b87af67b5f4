"""The MCP server: what hosts see, in both eras of the protocol."""

from __future__ import annotations

import base64
import inspect
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import anyio
import pytest
from mcp import Client, MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import INVALID_PARAMS, ElicitResult

from judge import Judge
from stage import EXAMPLE, Stage, open_stage
from storykeeper_server.mcp.app import build
from storykeeper_server.mcp.schemas import shown_output
from storykeeper_server.wiring import COMPANION_TOOLS, offered, wire
from storykeeper_tools.account import Quota
from storykeeper_tools.catalogue import Tool
from storykeeper_tools.settings import Settings

pytestmark = pytest.mark.anyio
SNAPSHOT = Path(__file__).parent / "tools.json"
SPEC = {"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")]}


@asynccontextmanager
async def running(_: object) -> AsyncGenerator[None]:
    """The stage opens and closes what the tools need."""
    yield


def server(stage: Stage, **settings: Any) -> MCPServer[None]:
    chosen = replace(stage.keeper.settings, **settings)
    return build(offered(chosen, stage.keeper.tools), running, "0.1.0")


async def listed(stage: Stage, **settings: Any) -> list[dict[str, Any]]:
    async with Client(server(stage, **settings)) as client:
        return [t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in (await client.list_tools()).tools]


async def test_the_published_tools_are_the_reviewed_ones(stage: Stage) -> None:
    """Names, schemas and hints are a file: whoever changes them writes it anew and reads the difference."""
    shown = json.dumps(await listed(stage), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("REVIEWED"):
        SNAPSHOT.write_text(shown, encoding="utf-8")
    assert shown == SNAPSHOT.read_text(encoding="utf-8"), "run the test with REVIEWED=1 and read the difference"


def test_what_is_told_of_answers_is_what_pydantic_would_tell(tmp_path: Path) -> None:
    """The names and types of all fields, which are read off the models so that a start needn't build these."""
    for tool in wire(Settings(home=tmp_path)).tools:
        answer = inspect.signature(tool.call, eval_str=True).return_annotation
        told, whole = shown_output(answer)["properties"], answer.model_json_schema()["properties"]
        assert told.keys() == whole.keys() - {"workspace"}
        for name, field in told.items():
            choices = [{"type": "object"} | choice for choice in whole[name].get("anyOf", [whole[name]])]
            types = [choice["type"] for choice in choices]
            shown = types if len(types) > 1 else types[0]
            assert field == ({} if "object" in types and len(types) > 1 else {"type": shown}), (tool.name, name)


async def test_the_server_says_who_it_is(stage: Stage) -> None:
    """A name, a title, a version, a site, and a picture that hosts needn't fetch from anywhere."""
    async with Client(server(stage)) as client:
        about = client.server_info
    assert (about.name, about.title, about.version) == ("storykeeper", "Storykeeper", "0.1.0")
    [icon] = about.icons or []
    kind, _, drawn = icon.src.partition(";base64,")
    assert kind == f"data:{icon.mime_type}" == "data:image/svg+xml"
    assert ET.fromstring(base64.b64decode(drawn)).tag == "{http://www.w3.org/2000/svg}svg"


async def test_every_tool_is_fully_described_and_the_list_is_short(stage: Stage) -> None:
    """At most 20 tools and 16,000 characters; a title, a sentence, four hints and both schemas each."""
    tools = await listed(stage)
    assert len(tools) <= 20
    assert len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False)) <= 16_000
    for tool in tools:
        assert tool["title"]
        assert 0 < len(tool["description"]) <= 300
        assert set(tool["annotations"]) == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
        assert tool["inputSchema"]["additionalProperties"] is False
        assert tool["outputSchema"]["properties"]
        assert "caller" not in tool["inputSchema"]["properties"]


async def test_what_spends_or_mints_is_not_called_reading(stage: Stage) -> None:
    """Hints are promises to whoever approves a call."""
    hints = {tool["name"]: tool["annotations"] for tool in await listed(stage)}
    reading = {name for name, hint in hints.items() if hint["readOnlyHint"]}
    assert reading == {
        "check_quota",
        "inspect_recording",
        "list_voices",
        "list_knowledge_base",
        "list_agents",
        "get_agent",
        "get_companion",
        "list_companions",
    }
    taking = {name for name, hint in hints.items() if hint["destructiveHint"]}
    assert taking == {"update_agent", "provision_companion", "retire_companion", "delete_resource"}
    assert {name for name, hint in hints.items() if not hint["openWorldHint"]} == {
        "inspect_recording",
        "list_companions",
    }


async def test_a_server_can_offer_less(stage: Stage) -> None:
    """Only what reads, only what a companion needs."""
    everything = {tool.name for tool in stage.keeper.tools}
    async with Client(server(stage, read_only=True)) as client:
        some = {tool.name for tool in (await client.list_tools()).tools}
    assert "clone_voice" not in some
    assert some < everything
    async with Client(server(stage, tools="companion")) as client:
        assert "clone_voice" not in {tool.name for tool in (await client.list_tools()).tools}


async def test_what_a_companion_needs_is_a_shorter_list(stage: Stage) -> None:
    """At most 10,000 characters: it is read again in every conversation."""
    tools = await listed(stage, tools="companion")
    assert len(tools) == len(COMPANION_TOOLS)
    assert len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False)) <= 10_000


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("check_quota", {"dry_runn": True}, "unknown_argument · there is no argument dry_runn"),
        (
            "plan_companion",
            {"spec": {**SPEC, "langauge": "en"}},
            "unknown_argument · there is no argument spec.langauge; did you mean spec.language?",
        ),
        ("get_agent", {"agentid": "x"}, "unknown_argument · there is no argument agentid; did you mean agent_id?"),
        (
            "plan_companion",
            {"spec": {**SPEC, "voice": {"sped": 1}, "subject": {"name": "D", "relaton": "x"}}},
            "unknown_argument · there is no argument spec.subject.relaton, spec.voice.sped; did you mean spec.subject.relation, spec.voice.speed?",
        ),
        (
            "get_agent",
            {"hunter2 · \n": "x"},
            "unknown_argument · there is no argument of that name; it takes agent_id · ",
        ),
        (
            "plan_companion",
            SPEC,
            "unknown_argument · there is no argument subject, recordings; did you mean spec.subject, spec.recordings?",
        ),
        (
            "plan_companion",
            {"spec": {"name": "D", "recordings": ["a.wav"]}},
            "unknown_argument · there is no argument spec.name; did you mean spec.subject.name?",
        ),
        ("list_companions", {"hunter2": 1}, "unknown_argument · there is no argument hunter2; it takes none · "),
        ("plan_companion", {"spec": {**SPEC, "voice": {"speed": "1"}}}, "bad_input · spec.voice.speed"),
        ("provision_companion", {"plan_id": "x", "wait_seconds": "2"}, "bad_input · wait_seconds"),
        ("provision_companion", {"plan_id": "x", "wait_seconds": True}, "bad_input · wait_seconds"),
        ("clone_voice", {"name": "A", "recordings": [], "remove_background_noise": 1}, "bad_input · "),
        ("plan_companion", {}, "bad_input · give either a spec, or a companion and its changes"),
        ("plan_companion", {"spec": {**SPEC, "voice": {"speed": 9}}}, "bad_input · spec.voice.speed"),
        (
            "plan_companion",
            {"companion": "x", "changes": {"voice": {"speed": 9}}},
            "bad_input · changes.voice.speed: Input should be less than or equal to 1.2, or Input should be 'slower' or 'faster' · ",
        ),
        (
            "plan_companion",
            {"spec": {**SPEC, "language": "english"}},
            "bad_input · spec.language: It should be two small letters, such as en · ",
        ),
        ("provision_companion", {"plan_id": "x", "wait_seconds": float("nan")}, "bad_input · wait_seconds"),
        ("provision_companion", {"plan_id": "plan_unknown"}, "not_found · there is no such plan"),
        ("get_agent", {"agent_id": "../../v1/user"}, "bad_input · that is not an id"),
        ("get_agent", {"agent_id": "agent_unknown"}, "not_found · ElevenLabs answered 404"),
        ("update_agent", {"agent_id": "agent_unknown", "name": "X"}, "not_found · no agent with that id"),
        ("get_signed_url", {"of": "nobody-0000"}, "not_found · no companion or agent"),
        ("clone_voice", {"name": "A", "recordings": ["/etc/passwd"]}, "file_refused · can't read 'passwd'"),
    ],
)
async def test_refusals_are_results_that_say_what_to_do(
    stage: Stage, mode: Any, name: str, arguments: dict[str, Any], told: str
) -> None:
    """`code · what happened · what exists now · what to call next`, under 600 characters."""
    async with Client(server(stage), mode=mode) as client:
        result = await client.call_tool(name, arguments)
    text = result.content[0].text  # type: ignore[union-attr]
    assert result.is_error
    assert text.startswith(told)
    assert len(text.split(" · ")) == 4
    assert len(text) <= 600


async def test_text_that_is_no_text_is_answered(stage: Stage) -> None:
    """Half a surrogate pair can't be written back; what is no JSON at all only comes from within. The server lives."""
    tools = {tool.name: tool for tool in server(stage)._tool_manager.list_tools()}  # the only way in for such bytes
    result = await tools["get_agent"].run({"agent_id": "\ud800"}, Context())
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    deep = await tools["get_agent"].run({"agent_id": nested}, Context())
    endless = await tools["get_agent"].run({"agent_id": 10**5000}, Context())  # which Python itself doesn't write down
    told = [each.content[0].text for each in (result, deep, endless)]
    assert [each.is_error for each in (result, deep, endless)] == [True] * 3
    assert "valid Unicode" in told[0]
    assert told[1].startswith("bad_input · an argument is nested too deeply")
    assert told[2].startswith("internal · something broke inside Storykeeper")


async def test_input_is_never_repeated(stage: Stage) -> None:
    """A value in the wrong place may be a secret."""
    async with Client(server(stage)) as client:
        result = await client.call_tool("plan_companion", {"spec": {**SPEC, "wishes": {"key": "sk_secret"}}})
    assert result.is_error
    assert "sk_secret" not in str(result)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_unknown_tool_is_a_protocol_error(stage: Stage, mode: Any) -> None:
    """With the names there are."""
    async with Client(server(stage), mode=mode) as client:
        with pytest.raises(MCPError, match="check_quota") as told:
            await client.call_tool("clone_everything", {})
    assert told.value.error.code == INVALID_PARAMS


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_host_that_can_ask_is_asked_for_consent(stage: Stage, mode: Any) -> None:
    """The person at the host answers; then the companion is made, in one call."""
    asked: list[str] = []

    async def answer(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        answers = {"agree": True, "kind": "self", "granted_by": "Dorothy", "confirm": True}
        return ElicitResult(
            action="accept", content={field: answers[field] for field in params.requested_schema["properties"]}
        )

    async with Client(server(stage), mode=mode, elicitation_callback=answer) as client:
        plan = (await client.call_tool("plan_companion", {"spec": SPEC})).structured_content
        assert plan is not None
        made = await client.call_tool("provision_companion", {"plan_id": plan["plan_id"]})
    assert made.structured_content is not None, made
    assert made.structured_content["status"] == "done"
    assert asked[0] == "May the voice of Dorothy be cloned for a private memory companion? Who agrees?"
    assert [question.split()[0] for question in asked] == ["May", "Carry"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("reply", [{"action": "decline"}, {"action": "cancel"}, {"action": "accept", "content": {}}])
async def test_a_person_who_does_not_agree_is_heard(stage: Stage, mode: Any, reply: dict[str, Any]) -> None:
    """Declined, sent away, or answered with nothing: neither recorded nor made."""

    async def answer(context: Any, params: Any) -> ElicitResult:
        return ElicitResult.model_validate(reply)

    async with Client(server(stage), mode=mode, elicitation_callback=answer) as client:
        plan = (await client.call_tool("plan_companion", {"spec": SPEC})).structured_content
        assert plan is not None
        made = await client.call_tool("provision_companion", {"plan_id": plan["plan_id"]})
        attested = {"companion": plan["companion"], "kind": "self", "granted_by": "Dorothy"}
        recorded = await client.call_tool("record_consent", attested)
    assert made.is_error
    assert recorded.is_error
    assert recorded.content[0].text.startswith("needs_consent")  # type: ignore[union-attr]
    assert made.content[0].text.startswith("needs_consent")  # type: ignore[union-attr]
    assert not [1 for method, _ in stage.faults.log if method == "POST"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_where_only_a_person_counts_an_attestation_is_none(judge: Judge, tmp_path: Path, mode: Any) -> None:
    """A host that can't ask records nothing, and is told where one can; a person's answer in one that can is enough."""
    recordings = SPEC["recordings"]

    async def answer(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content=dict.fromkeys(params.requested_schema["properties"], True))

    async with open_stage(judge, tmp_path, settings={"consent": "elicit"}) as stage:
        said = {"name": "Dorothy", "recordings": recordings, "kind": "self", "granted_by": "Dorothy"}
        async with Client(server(stage), mode=mode) as client:
            attested = await client.call_tool("record_consent", said)
            refused = await client.call_tool("clone_voice", {"name": "Dorothy", "recordings": recordings})
        sent = stage.faults.sent("POST", "/v1/voices/add")
        async with Client(server(stage), mode=mode, elicitation_callback=answer) as client:
            elicited = await client.call_tool("record_consent", said)
            cloned = await client.call_tool("clone_voice", {"name": "Dorothy", "recordings": recordings})
    assert [result.content[0].text.split(" · ")[0] for result in (attested, refused)] == ["needs_consent"] * 2  # type: ignore[union-attr]
    assert "`storykeeper consent` at a terminal" in attested.content[0].text  # type: ignore[union-attr]
    assert elicited.structured_content is not None
    assert (sent, elicited.structured_content["granting"], cloned.is_error) == (0, "elicited", False)


async def test_something_that_breaks_says_nothing_of_itself(stage: Stage) -> None:
    """A defect of ours is `internal`, without its text."""

    async def broken_tool() -> Quota:
        """Breaks."""
        raise RuntimeError("sk_secret in a traceback")

    broken = build([Tool(broken_tool, "Broken", "reads")], running, "0")
    async with Client(broken) as client:
        result = await client.call_tool("broken_tool", {})
    assert result.is_error
    assert result.content[0].text.startswith("internal · ")  # type: ignore[union-attr]
    assert "sk_secret" not in str(result)


def environ(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    return {**kept, "HOME": str(home), "STORYKEEPER_HOME": str(home / "state"), **more}


async def test_without_a_key_it_starts_and_lists_and_says_what_is_missing(tmp_path: Path) -> None:
    """And on stdout there is nothing but the protocol, to the last byte."""
    calls = [
        {"method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}},
        {"method": "tools/list", "params": {}},
        {"method": "tools/call", "params": {"name": "check_quota", "arguments": {}}},
        {"method": "tools/call", "params": {"name": "inspect_recording", "arguments": {"recordings": ["x"]}}},
    ]  # fmt: skip
    lines = [json.dumps({"jsonrpc": "2.0", "id": n, **call}) for n, call in enumerate(calls)]
    lines.insert(1, json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    command = [sys.executable, "-m", "storykeeper_server", "mcp"]
    seen: list[dict[str, Any]] = []
    async with await anyio.open_process(command, env=environ(tmp_path, STORYKEEPER_TYPO="1")) as process:
        assert process.stdin
        assert process.stdout
        await process.stdin.send("".join(f"{line}\n" for line in lines).encode())
        text = ""
        with anyio.fail_after(60):
            while len(seen) < len(calls):
                text += (await process.stdout.receive()).decode()
                *whole, text = text.split("\n")
                seen += [json.loads(line) for line in whole]
            await process.stdin.aclose()
            rest = text + "".join([chunk.decode() async for chunk in process.stdout])
            assert await process.wait() == 0
    answers = {answer["id"]: answer["result"] for answer in seen}
    assert rest == ""
    assert len(answers[1]["tools"]) == 20
    assert answers[2]["content"][0]["text"].startswith("auth_missing · there is no ElevenLabs key")
    assert answers[3]["content"][0]["text"].startswith("file_refused")


async def test_over_http_it_serves_this_machine(tmp_path: Path, free_tcp_port: int) -> None:
    """The same tools at /mcp; to other addresses it isn't bound at all."""
    command = [sys.executable, "-m", "storykeeper_server", "mcp", "--sandbox", "--http", f"127.0.0.1:{free_tcp_port}"]
    async with await anyio.open_process(command, env=environ(tmp_path)) as process:
        try:
            with anyio.fail_after(60):
                await listening(free_tcp_port)
                async with Client(f"http://127.0.0.1:{free_tcp_port}/mcp") as client:
                    quota = await client.call_tool("check_quota", {})
            assert quota.structured_content is not None
            assert quota.structured_content["tier"] == "creator"
        finally:
            process.terminate()
            await process.wait()

    open_to_all = [*command[:-1], "0.0.0.0:8000"]
    refused = await anyio.run_process(open_to_all, env=environ(tmp_path), check=False)
    assert refused.returncode == 4
    assert b"on your bill" in refused.stderr


async def listening(port: int) -> None:
    """Until somebody does."""
    while True:
        try:
            await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
        except OSError:
            await anyio.lowlevel.checkpoint()
        else:
            return


async def test_the_text_of_a_result_carries_every_id_that_a_next_call_needs(stage: Stage) -> None:
    """Some hosts show the model only the text."""
    async with Client(server(stage)) as client:

        async def told(name: str, /, **arguments: Any) -> tuple[str, dict[str, Any]]:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, result
            return result.content[0].text, result.structured_content or {}  # type: ignore[union-attr]

        recording = SPEC["recordings"]
        await told("record_consent", name="Dorothy", recordings=recording, kind="self", granted_by="Dorothy")
        text, clone = await told("clone_voice", name="Dorothy", recordings=recording)
        assert clone["voice_id"] in text
        text, uploaded = await told("upload_knowledge_base", text="Born in Cork.", title="Cork")
        documents = [document["id"] for document in uploaded["documents"]]
        assert documents[0] in text
        text, agent = await told("create_agent", name="Dorothy", voice_id=clone["voice_id"], documents=documents)
        assert agent["agent_id"] in text
        text, _ = await told("get_agent", agent_id=agent["agent_id"])
        assert all(part in text for part in [agent["agent_id"], clone["voice_id"], *documents])
        text, _ = await told("update_agent", agent_id=agent["agent_id"], name="Dot")
        assert agent["agent_id"] in text
        for name, wanted in (
            ("list_voices", clone["voice_id"]),
            ("list_knowledge_base", documents[0]),
            ("list_agents", agent["agent_id"]),
        ):
            text, _ = await told(name)
            assert wanted in text
        text, inspected = await told("inspect_recording", recordings=recording)
        assert "recording.mp3: good" in text
        assert inspected["usable"] is True
