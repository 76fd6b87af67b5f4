"""The official <elevenlabs-convai> element in Chromium, used as a visitor of a page would use it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import clients
import sounds
from outside import TEXT, Event, Show, companion, greeting, need, only, pages, rest, session, stored

pytestmark = pytest.mark.anyio

GREETING = greeting("Clare")
ROOT = Path(__file__).parent.parent
# The pattern of its orb; the widget works without.
PICTURE = "https://storage.googleapis.com/eleven-public-cdn/images/perlin-noise.png"


@pytest.fixture(autouse=True)
def _there() -> None:
    need("node", "chromium")


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    """A microphone that hears nothing."""
    file = tmp_path / "silence.wav"
    file.write_bytes(sounds.wav(np.zeros(5 * 16_000, np.float32), 16_000))
    return file


async def visit(
    client: httpx.AsyncClient, agent: str, steps: list[Event], silence: Path, show: Show, *, config: Any = None
) -> list[Event]:
    """A visitor of a page with the widget, which is configured as given, or as the sandbox tells, and calls the sandbox."""
    config = config or (await client.get(f"/v1/convai/agents/{agent}/widget")).json()["widget_config"]
    attributes = {
        "agent-id": agent,
        # In place of what the widget would ask of the service, at an address that can't be changed.
        "override-config": json.dumps(config),
        "dynamic-variables": json.dumps({"visitor": "Clare"}),
        "default-expanded": "true",
        "transcript": "true",
        "text-input": "true",
    }
    origin = str(client.base_url).rstrip("/").replace("http", "ws")
    async with pages() as page:
        given = {
            "chromium": clients.chromium(),
            "url": f"{page}/widget.html",
            "microphone": str(silence),
            "scenario": {"attributes": attributes, "origin": origin, "steps": steps},
        }
        return await session("widget.mjs", given, silence.parent, show)


async def test_a_visitor_calls(sandbox_url: str, silence: Path, record_property: Show) -> None:
    """The greeting is heard and read, and the visitor hangs up."""
    steps = [
        {"click": "Start a call"},
        {"shown": GREETING},
        {"click": "End"},
        {"shown": "You ended the conversation"},
    ]
    async with rest(sandbox_url) as client:
        agent = await companion(client, private=False)
        events = await visit(client, agent, steps, silence, record_property)
        kept = await stored(client, events)

    assert only(events, "call", "audio")
    assert {event["url"] for event in only(events, "outside")} <= {PICTURE}
    assert only(events, "socket") == [
        {"event": "socket", "url": f"{sandbox_url.replace('http', 'ws')}/v1/convai/conversation"}
    ]
    assert [turn["message"] for turn in kept["transcript"]] == [GREETING]
    assert kept["metadata"]["conversation_initiation_source"] == "widget"
    assert kept["metadata"]["text_only"] is False


async def test_a_visitor_writes(sandbox_url: str, silence: Path, record_property: Show) -> None:
    """A message instead of a call begins a conversation in text."""
    steps = [{"write": "What did the family call the clock?"}, {"shown": "Liar"}]
    async with rest(sandbox_url) as client:
        agent = await companion(client, private=False, overridable=TEXT)
        events = await visit(client, agent, steps, silence, record_property)
        kept = await stored(client, events)

    assert only(events, "audio") == []
    assert kept["metadata"]["text_only"] is True
    assert [turn["role"] for turn in kept["transcript"]] == ["agent", "user", "agent"]


async def test_a_page_made_as_the_documentation_says_calls(
    sandbox_url: str, silence: Path, record_property: Show
) -> None:
    """With the very configuration that is printed there."""
    printed = re.search(r"override-config='([^']+)'", (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8"))
    assert printed
    steps = [{"click": "Start a call"}, {"shown": GREETING}, {"click": "End"}, {"shown": "You ended the conversation"}]
    async with rest(sandbox_url) as client:
        agent = await companion(client, private=False)
        config = json.loads(printed[1])
        events = await visit(client, agent, steps, silence, record_property, config=config)
        kept = await stored(client, events)

    assert only(events, "call", "audio")
    assert [turn["message"] for turn in kept["transcript"]] == [GREETING]
