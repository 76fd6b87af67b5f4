"""Every tool in both eras of the protocol: in this process, over a real pipe, and over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp import Client

from processes import place
from stage import EXAMPLE, Stage
from storykeeper_server.mcp.app import build
from wire import ERAS, Era, Wire, piped, webbed

RECORDING = str(EXAMPLE / "recording.mp3")
SPEC = {"subject": {"name": "Dorothy"}, "recordings": [RECORDING], "memories": [str(EXAMPLE / "memories")]}
WAIT = 30.0
Content = dict[str, Any]
Story = Generator[tuple[str, Content], Content, None]


def story() -> Story:
    """A voice and an agent piece by piece, then a whole companion, and all of it taken away again."""
    assert (yield "check_quota", {})["can_clone"]
    assert (yield "inspect_recording", {"recordings": [RECORDING]})["usable"]
    whose = {"name": "Rosa", "recordings": [RECORDING], "kind": "self", "granted_by": "Rosa"}
    assert (yield "record_consent", whose)["consent_id"]
    voice = (yield "clone_voice", {"name": "Rosa", "recordings": [RECORDING]})["voice_id"]
    document = (yield "upload_knowledge_base", {"text": "Born in Cork.", "title": "Cork"})["documents"][0]["id"]
    agent = (yield "create_agent", {"name": "Rosa", "voice_id": voice, "documents": [document]})["agent_id"]
    assert (yield "update_agent", {"agent_id": agent, "name": "Rosie"})["changes"]
    assert (yield "get_agent", {"agent_id": agent})["name"] == "Rosie"
    assert voice in str((yield "list_voices", {}))
    assert document in str((yield "list_knowledge_base", {}))
    assert agent in str((yield "list_agents", {}))
    assert (yield "get_signed_url", {"of": agent})["signed_url"].startswith("ws://127.0.0.1:")
    assert (yield "get_conversation_token", {"of": agent})["token"]
    yield from companion()
    for id in (agent, document, voice):
        asked = yield "delete_resource", {"id": id}
        assert (yield "delete_resource", {"id": id, "confirm": asked["confirm"]})["receipt"]


def companion() -> Story:
    """From a plan to a receipt."""
    plan = yield "plan_companion", {"spec": SPEC}
    who = plan["companion"]
    yield "record_consent", {"companion": who, "kind": "self", "granted_by": "Dorothy"}
    assert (yield "provision_companion", {"plan_id": plan["plan_id"], "wait_seconds": WAIT})["status"] == "done"
    assert (yield "get_companion", {"companion": who})["agent_id"]
    assert who in str((yield "list_companions", {}))
    assert (yield "rehearse_companion", {"companion": who, "wait_seconds": WAIT})["status"] == "done"
    assert (yield "retire_companion", {"companion": who, "action": "pause"})["status"] == "paused"
    assert (yield "retire_companion", {"companion": who, "action": "resume"})["status"]
    asked = yield "retire_companion", {"companion": who, "action": "forget"}
    forget = {"companion": who, "action": "forget", "confirm": asked["confirm"], "wait_seconds": WAIT}
    assert (yield "retire_companion", forget)["receipt"]


def fits(content: Any, schemas: dict[str, Any], name: str) -> Content:
    """What a tool's schema promises."""
    jsonschema.validate(content, schemas[name])
    missing = schemas[name]["properties"].keys() - content.keys()
    assert not missing, f"{name} leaves out {missing}"
    return content


def told(wire: Wire) -> set[str]:
    """The whole story over a wire; answers the tools that took part."""
    schemas = {tool["name"]: tool["outputSchema"] for tool in wire.ask("tools/list").message["result"]["tools"]}
    telling, called = story(), set[str]()
    name, arguments = next(telling)
    while True:
        reply = wire.call(name, 60.0, **arguments)
        assert reply.code == "ok", f"{name}: {reply.message}"
        called.add(name)
        try:
            name, arguments = telling.send(fits(reply.content, schemas, name))
        except StopIteration:
            assert called == set(schemas)
            return called


@pytest.mark.parametrize("era", ERAS)
def test_over_a_pipe_every_tool_does_what_it_says(tmp_path: Path, era: Era) -> None:
    """All twenty, and each result fits its schema; there is nothing but messages on stdout."""
    with (
        place(tmp_path / "home", STORYKEEPER_FILES=str(EXAMPLE)) as here,
        piped(here, era, tmp_path / "stderr") as (pipe, running),
    ):
        assert len(told(pipe)) == 20
    assert (running.process.returncode, pipe.strays) == (0, [])


@pytest.mark.parametrize("era", ERAS)
def test_over_http_every_tool_does_what_it_says(tmp_path: Path, era: Era) -> None:
    """All twenty, and each result fits its schema."""
    with (
        place(tmp_path / "home", STORYKEEPER_FILES=str(EXAMPLE)) as here,
        webbed(here, era, tmp_path / "stderr") as (web, _),
    ):
        assert len(told(web)) == 20


@asynccontextmanager
async def running(_: object) -> AsyncGenerator[None]:
    """The stage opens and closes what the tools need."""
    yield


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_in_this_process_every_tool_does_what_it_says(stage: Stage, mode: Any) -> None:
    """All twenty, with the official client."""
    async with Client(build(stage.keeper.tools, running, "0"), mode=mode) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        telling, called = story_in_memory(), set[str]()
        name, arguments = next(telling)
        while name:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, (name, result.content)
            called.add(name)
            name, arguments = telling.send(fits(result.structured_content, schemas, name))
    assert called == set(schemas)


def story_in_memory() -> Story:
    """The same, with an end that needs no exception."""
    yield from story()
    yield "", {}
