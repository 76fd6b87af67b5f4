"""Hosts that others wrote drive the server: LangChain's MCP adapters and OpenAI's Agents SDK, without any model."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import foreign
from listening import bare, listening
from outside import Show, have

pytestmark = pytest.mark.anyio
LONGEST = 180.0
VISITORS = Path(__file__).parent / "visitors"
EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy"
SPEC = {
    "subject": {"name": "Dorothy"},
    "recordings": [str(EXAMPLE / "recording.mp3")],
    "memories": [str(EXAMPLE / "memories")],
}
# Names with a dollar stand for what a model reads in the answers before.
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("list_companions", {}),
    ("plan_companion", {"spec": SPEC}),
    ("provision_companion", {"plan_id": "$plan"}),
    ("record_consent", {"companion": "$companion", "kind": "self", "granted_by": "Dorothy"}),
    ("provision_companion", {"plan_id": "$plan"}),
    ("list_companions", {}),
    ("get_signed_url", {"of": "nobody-0000"}),
    ("check_quota", {"dry_runn": True}),
]
REFUSED = {2: "needs_consent", 6: "not_found", 7: "unknown_argument"}
NEXT = {2: "record_consent", 6: "list_companions", 7: "schema"}


@pytest.fixture(autouse=True)
def _there() -> None:
    have(foreign.missing())


@asynccontextmanager
async def over_stdio(home: Path) -> AsyncIterator[dict[str, Any]]:
    """The host starts it."""
    command = {"command": sys.executable, "args": ["-m", "storykeeper_server", "mcp"]}
    yield {**command, "env": bare(home, STORYKEEPER_FILES=str(EXAMPLE))}


@asynccontextmanager
async def over_http(home: Path) -> AsyncIterator[dict[str, Any]]:
    """It is there already."""
    async with listening(home, STORYKEEPER_FILES=str(EXAMPLE)) as url:
        yield {"url": url}


async def driven(program: str, server: dict[str, Any], home: Path) -> dict[str, list[str]]:
    """What a host's model saw of a server."""
    command = [str(foreign.PYTHON), str(VISITORS / program)]
    given = json.dumps({"server": server, "steps": STEPS}).encode()
    with anyio.fail_after(LONGEST):
        done = await anyio.run_process(command, input=given, env=bare(home, PYTHONPATH=""), cwd=home, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def transcript(seen: dict[str, list[str]]) -> str:
    turns = zip(STEPS, seen["answers"], strict=True)
    return "\n".join(f"> {name}({json.dumps(arguments)[:160]})\n{answer}\n" for (name, arguments), answer in turns)


@pytest.mark.parametrize(
    ("program", "way", "kind"),
    [
        ("with_langchain.py", over_stdio, {"transport": "stdio"}),
        ("with_langchain.py", over_http, {"transport": "http"}),
        ("with_agents.py", over_stdio, {}),
    ],
    ids=["langchain over stdio", "langchain over http", "openai-agents over stdio"],
)
async def test_a_foreign_host_makes_a_companion_and_hears_why_it_is_refused(
    tmp_path: Path, record_property: Show, program: str, way: Any, kind: dict[str, str]
) -> None:
    """It lists, plans, has to ask for consent, provisions; a refusal reaches the model whole: code, what happened, what
    exists, what to do next."""
    async with way(tmp_path) as server:
        seen = await driven(program, {**server, **kind}, tmp_path)
    record_property("session", transcript(seen))

    assert len(seen["tools"]) == 20
    answers = [answer.removeprefix("success: ") for answer in seen["answers"]]
    assert answers[0].startswith("No companions")
    assert "is done: voice" in answers[4]
    assert "Dorothy" in answers[5]
    told = {step: answers[step].removeprefix("error: ").split(" · ") for step in REFUSED}
    assert {step: parts[0] for step, parts in told.items()} == REFUSED
    assert {step: len(parts) for step, parts in told.items()} == dict.fromkeys(REFUSED, 4)
    assert all(NEXT[step] in parts[3] for step, parts in told.items())
