"""The official clients as programs of their own, led by scenarios; `scripts/clients.py` makes them ready."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

import clients
from storykeeper_server.sandbox.serving import serving

Event = dict[str, Any]
Show = Callable[[str, object], None]
"""pytest's `record_property`: what is shown as "session" is printed at the end of the run."""

LONGEST = 180.0


def need(*parts: str) -> None:
    """Skip where a part can't be had; in CI everything must be there."""
    have("; ".join(reason for part, reason in clients.missing().items() if part in parts))


def have(lacking: str) -> None:
    """Skip for what is lacking, if anything is; in CI everything must be there."""
    if lacking:
        assert not os.environ.get("CI"), lacking
        pytest.skip(f"NOT RUN: {lacking}")


async def ran(
    command: list[str], home: Path, *, given: object = None, env: Mapping[str, str] | None = None
) -> CompletedProcess[bytes]:
    """A program, run in `home` with nothing of this machine's settings, and ended if it takes too long."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **(env or {})}
    with anyio.fail_after(LONGEST):
        return await anyio.run_process(command, input=json.dumps(given).encode(), env=bare, cwd=home, check=False)


async def session(program: str, given: Event, home: Path, show: Show) -> list[Event]:
    """What one of the programs in `clients/` told, in order."""
    done = await ran([*clients.node(), str(clients.FOLDER / program)], home, given=given)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    show("session", transcript(events))
    assert done.returncode == 0, f"{transcript(events)}\n{done.stderr.decode()}"
    return events


def transcript(events: list[Event]) -> str:
    """Events as lines to read, those that repeat only once."""
    lines: list[str] = []
    for name, group in groupby(events, key=lambda event: event["event"]):
        same = list(group)
        if name in {"audio", "part"}:
            lines.append(f"{name} x{len(same)}")
        else:
            lines += [f"{name}  {_details(event)}".rstrip() for event in same]
    return "\n".join(lines)


def _details(event: Event) -> str:
    return "  ".join(str(value) for name, value in event.items() if name != "event" and value is not None)


def only(events: list[Event], *names: str) -> list[Event]:
    """The events of these kinds."""
    return [event for event in events if event["event"] in names]


@asynccontextmanager
async def pages() -> AsyncIterator[str]:
    """The pages in `clients/`, and the packages that they load, on an origin of their own."""
    async with serving(Starlette(routes=[Mount("/", StaticFiles(directory=clients.FOLDER))])) as url:
        yield url


@asynccontextmanager
async def rest(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Plain requests with a key; refusals raise."""

    async def refused(response: httpx.Response) -> None:
        await response.aread()
        response.raise_for_status()

    hooks = {"response": [refused]}
    async with httpx.AsyncClient(base_url=url, headers={"xi-api-key": "sandbox"}, event_hooks=hooks) as client:
        yield client


CLIENT_EVENTS = [
    "audio",
    "interruption",
    "user_transcript",
    "agent_response",
    "agent_response_correction",
    "agent_chat_response_part",
    "agent_tool_response",
    "client_tool_call",
    "ping",
]
TEXT = {"conversation": {"text_only": True}}
MEMORIES = Path(__file__).parent.parent / "examples" / "dorothy" / "memories"
PHOTO = {
    "type": "client",
    "name": "show_photo",
    "description": "Shows a photo",
    "expects_response": True,
    "parameters": {
        "type": "object",
        "required": ["subject"],
        "properties": {"subject": {"type": "string", "description": "what the photo shows"}},
    },
}


END_CALL = {"end_call": {"name": "end_call", "params": {"system_tool_type": "end_call"}}}


def greeting(visitor: str) -> str:
    """What a companion says first; long enough to be talked over."""
    return (
        f"Hello {visitor}. I'm an AI, made from Dorothy's memories. "
        "Ask me about the house off Shandon Street, about the bakery years, or about Sundays at one o'clock."
    )


async def companion(client: httpx.AsyncClient, *, private: bool = True, overridable: Event | None = None) -> str:
    """An agent with Dorothy's memories and two tools; `overridable` is what a client may change of it."""
    documents = [await _document(client, path) for path in sorted(MEMORIES.glob("*.md"))]
    tools = {"tools": [PHOTO], "built_in_tools": END_CALL}
    prompt = {"prompt": "You are Dorothy.", "knowledge_base": documents, **tools}
    settings = {
        "name": "Dorothy",
        "conversation_config": {
            "agent": {"first_message": greeting("{{visitor}}"), "prompt": prompt},
            "conversation": {"client_events": CLIENT_EVENTS},
        },
        "platform_settings": {
            "auth": {"enable_auth": private},
            "overrides": {"conversation_config_override": overridable or {}},
        },
    }
    return (await client.post("/v1/convai/agents/create", json=settings)).json()["agent_id"]


async def _document(client: httpx.AsyncClient, path: Path) -> Event:
    body = {"text": path.read_text(encoding="utf-8"), "name": path.stem}
    made = (await client.post("/v1/convai/knowledge-base/text", json=body)).json()
    return {"type": "text", "id": made["id"], "name": made["name"]}


async def signed(client: httpx.AsyncClient, agent: str) -> str:
    """An address that lets whoever has it talk to a private agent."""
    answer = await client.get("/v1/convai/conversation/get-signed-url", params={"agent_id": agent})
    return answer.json()["signed_url"]


async def stored(client: httpx.AsyncClient, events: list[Event]) -> Event:
    """The conversation of a session that has ended, as the sandbox keeps it."""
    [connected] = only(events, "connected")
    with anyio.fail_after(5):
        while True:
            found = (await client.get(f"/v1/convai/conversations/{connected['conversation']}")).json()
            if found["status"] in {"done", "failed"}:
                return found
            # The program closed its socket and ended; the server may hear of that a moment later.
            await anyio.sleep(0.01)
