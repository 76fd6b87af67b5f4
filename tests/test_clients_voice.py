"""The official @elevenlabs/client in Chromium talks to a companion by voice."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest

import clients
from judge import Judge, JudgedApp
from microphones import microphone
from outside import Event, Show, companion, greeting, need, only, pages, rest, session, signed, stored
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio

QUESTION = "What did the family call the clock?"


@pytest.fixture(autouse=True)
def _there() -> None:
    need("node", "chromium")


@pytest.fixture
async def url(judge: Judge) -> AsyncIterator[str]:
    """A judged sandbox that takes whatever is said for a question."""
    switches = Switches(hears=(QUESTION,))
    async with serving(JudgedApp(build(State(None), switches=switches), judge)) as url:
        yield url


async def call(url: str, scenario: Event, example: Path, home: Path, show: Show) -> list[Event]:
    """A session in a page of its own."""
    async with pages() as origin:
        given = {
            "chromium": clients.chromium(),
            "url": f"{origin}/voice.html",
            "microphone": str(microphone(home / "microphone.wav", before=3, after=30)),
            "scenario": scenario,
        }
        return await session("voice.mjs", given, home, show)


async def test_a_call_with_a_microphone(url: str, example: Path, tmp_path: Path, record_property: Show) -> None:
    """The greeting is played and talked over, the question heard, and the answer played."""
    steps = [
        {"until": {"event": "mode", "mode": "speaking"}},
        {"until": {"event": "interruption"}},
        {"until": {"event": "mode", "mode": "listening"}},
        {"until": {"event": "message", "role": "user"}},
        {"until": {"event": "message", "role": "agent"}},
        {"until": {"event": "mode", "mode": "speaking"}},
        {"end": True},
        {"until": {"event": "disconnected"}},
    ]
    async with rest(url) as client:
        agent = await companion(client)
        options = {"signedUrl": await signed(client, agent), "dynamicVariables": {"visitor": "Niamh"}}
        events = await call(url, {"options": options, "steps": steps}, example, tmp_path, record_property)
        kept = await stored(client, events)
        audio = await client.get(f"/v1/convai/conversations/{kept['conversation_id']}/audio")

    assert {event["device"] for event in only(events, "sound")} == {"microphone", "speaker"}
    assert len(only(events, "audio")) > 1
    first, question, answer = only(events, "message")
    assert first["text"] == greeting("Niamh")
    assert (question["role"], question["text"]) == ("user", QUESTION)
    assert "Liar" in answer["text"]
    assert only(events, "error", "refused", "outside") == []
    assert {event["url"] for event in only(events, "socket")} == {url.replace("http", "ws") + "/v1/convai/conversation"}

    greeted, *_ = kept["transcript"]
    assert (greeted["interrupted"], greeted["original_message"]) == (True, first["text"])
    assert first["text"].startswith(greeted["message"].removesuffix("..."))
    assert only(events, "correction")[0]["text"] == greeted["message"]
    assert (kept["has_user_audio"], kept["has_response_audio"]) == (True, True)
    with av.open(io.BytesIO(audio.content)) as recorded:
        assert recorded.duration > 3_000_000


async def test_a_voice_that_may_not_be_chosen_is_refused(
    url: str, example: Path, tmp_path: Path, record_property: Show
) -> None:
    """Before the microphone is of any use, with the service's reason."""
    async with rest(url) as client:
        options = {
            "signedUrl": await signed(client, await companion(client)),
            "dynamicVariables": {"visitor": "Niamh"},
            "overrides": {"tts": {"voiceId": "21m00Tcm4TlvDq8ikWAM"}},
        }
        events = await call(url, {"options": options, "steps": []}, example, tmp_path, record_property)

    [refused] = only(events, "refused")
    assert refused["closeCode"] == 1008
    assert "voice_id" in refused["message"]
    assert only(events, "outside", "connected") == []
