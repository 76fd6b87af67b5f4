"""The official @elevenlabs/client in Node talks to a companion in text."""

from __future__ import annotations

from pathlib import Path

import pytest

from outside import TEXT, Event, Show, companion, greeting, need, only, rest, session, signed, stored

pytestmark = pytest.mark.anyio

AGENT: Event = {"until": {"event": "message", "role": "agent"}}
LEFT: list[Event] = [{"end": True}, {"until": {"event": "disconnected"}}]


@pytest.fixture(autouse=True)
def _there() -> None:
    need("node")


async def test_a_session_by_signed_url(sandbox_url: str, tmp_path: Path, record_property: Show) -> None:
    """A greeting, an answer from the memories, a client tool, context that nobody answers, and a good-bye."""
    async with rest(sandbox_url) as client:
        agent = await companion(client, overridable=TEXT)
        options = {
            "signedUrl": await signed(client, agent),
            "textOnly": True,
            "dynamicVariables": {"visitor": "Niamh"},
            "userId": "family_1",
        }
        steps = [
            AGENT,
            {"say": "What did the family call the clock?"},
            AGENT,
            {"context": "Niamh looks at a sledge."},
            {"say": "Please show a photo of the wedding"},
            {"until": {"event": "tool", "name": "show_photo"}},
            {"until": {"event": "tool answered"}},
            AGENT,
            {"feedback": True},
            *LEFT,
        ]
        scenario = {"options": options, "tools": {"show_photo": "The photo is on the screen."}, "steps": steps}
        events = await session("text.mjs", scenario, tmp_path, record_property)
        kept = await stored(client, events)

    told = [event["text"] for event in only(events, "message")]
    assert told[0] == greeting("Niamh")
    assert "Liar" in told[1]
    assert only(events, "tool answered")[0]["error"] is False
    assert only(events, "error", "refused") == []
    assert events[-1] == {"event": "disconnected", "reason": "user"}

    assert (kept["status"], kept["agent_id"], kept["user_id"]) == ("done", agent, "family_1")
    assert [turn["message"] for turn in kept["transcript"] if turn["role"] == "agent" and turn["message"]] == told
    [call] = [call for turn in kept["transcript"] for call in turn["tool_calls"]]
    assert call["tool_name"] == "show_photo"
    [result] = [result for turn in kept["transcript"] for result in turn["tool_results"]]
    assert (result["result_value"], result["is_error"]) == ("The photo is on the screen.", False)
    assert kept["transcript"][-1]["feedback"]["score"] == "like"
    about = kept["metadata"]
    assert (about["text_only"], about["authorization_method"]) == (True, "signed_url")
    assert about["conversation_initiation_source_version"] == "1.25.0"


async def test_a_farewell_lets_the_agent_end_the_session(
    sandbox_url: str, tmp_path: Path, record_property: Show
) -> None:
    """With the `end_call` tool, which the client knows too."""
    async with rest(sandbox_url) as client:
        options = {
            "signedUrl": await signed(client, await companion(client, overridable=TEXT)),
            "textOnly": True,
            "dynamicVariables": {"visitor": "Niamh"},
        }
        steps = [AGENT, {"say": "Goodbye!"}, AGENT, {"until": {"event": "disconnected", "reason": "agent"}}]
        events = await session("text.mjs", {"options": options, "steps": steps}, tmp_path, record_property)
        kept = await stored(client, events)

    assert kept["status"] == "done"
    assert "end_call" in kept["metadata"]["termination_reason"]


async def test_a_public_agent_needs_no_key(sandbox_url: str, tmp_path: Path, record_property: Show) -> None:
    """By its id, at the sandbox's origin."""
    async with rest(sandbox_url) as client:
        agent = await companion(client, private=False, overridable=TEXT)
        options = {
            "agentId": agent,
            "origin": sandbox_url.replace("http", "ws"),
            "textOnly": True,
            "dynamicVariables": {"visitor": "Joe"},
        }
        events = await session("text.mjs", {"options": options, "steps": [AGENT, *LEFT]}, tmp_path, record_property)
        kept = await stored(client, events)

    assert [turn["role"] for turn in kept["transcript"]] == ["agent"]
    assert kept["metadata"]["authorization_method"] == "public"


@pytest.mark.parametrize(
    ("changed", "code", "reason"),
    [
        ({"overrides": {"agent": {"firstMessage": "I am really her."}}}, 1008, "first_message"),
        ({"dynamicVariables": {}}, 1008, "visitor"),
        ({"signedUrl": None}, 3000, "authorize"),
    ],
    ids=["an override that isn't allowed", "a variable without a value", "no signature"],
)
async def test_a_refusal_has_a_code_and_a_reason(
    sandbox_url: str, tmp_path: Path, record_property: Show, changed: Event, code: int, reason: str
) -> None:
    """The socket opens and is closed again, and `startSession` says why."""
    async with rest(sandbox_url) as client:
        agent = await companion(client, overridable=TEXT)
        options = {
            "signedUrl": await signed(client, agent),
            "agentId": agent,
            "origin": sandbox_url.replace("http", "ws"),
            "textOnly": True,
            "dynamicVariables": {"visitor": "Niamh"},
            **changed,
        }
        events = await session("text.mjs", {"options": options, "steps": []}, tmp_path, record_property)

    [refused] = only(events, "refused", "connected")
    assert (refused["event"], refused["closeCode"]) == ("refused", code)
    assert reason in refused["message"]
