"""The conversation socket against clients that are wrong, strangers, or too many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from judged import build, served
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.state import State
from talking import HELLO, closing, dialled, outcome


@dataclass
class Sandbox:
    http: httpx.Client
    state: State
    url: str

    def agent(self, *, private: bool = False, **settings: Any) -> str:
        """A new agent's id."""
        platform = {"auth": {"enable_auth": private, **settings.get("auth", {})}, **settings.get("platform", {})}
        config = {"agent": {"first_message": "Hello."}, **settings.get("config", {})}
        body = {"conversation_config": config, "platform_settings": platform}
        made = self.http.post("/v1/convai/agents/create", json=body)
        assert made.status_code == 200, made.text
        return made.json()["agent_id"]

    def talk(self, agent: str, more: str = "") -> str:
        """Where one talks to it without a signature."""
        return f"{self.url.replace('http', 'ws')}/v1/convai/conversation?agent_id={agent}{more}"


@contextmanager
def sandbox(clock: Clock | None = None, **switches: Any) -> Iterator[Sandbox]:
    state = State(None)
    app = build(state, switches=Switches(**switches), clock=clock or Clock())
    with served(app) as url, httpx.Client(base_url=url, headers={"xi-api-key": "sandbox"}) as http:
        yield Sandbox(http, state, url)


def test_a_public_agent_needs_no_signature_and_a_private_one_does() -> None:
    """An agent id alone opens only what is public."""
    with sandbox() as box:
        public, private = outcome(box.talk(box.agent())), outcome(box.talk(box.agent(private=True)))

    assert public == (0, "")
    assert private == (3000, "Could not authorize the conversation.")


@pytest.mark.parametrize("more", ["&conversation_signature=cvtkn_wrong", "&conversation_signature=%00"])
def test_a_wrong_signature_opens_nothing_not_even_a_public_agent(more: str) -> None:
    """Who shows a credential is judged by it."""
    with sandbox() as box:
        refused = outcome(box.talk(box.agent(), more))

    assert refused == (3000, "Could not authorize the conversation.")


def test_a_signature_opens_only_its_own_agent() -> None:
    """One companion's link is no way to another."""
    with sandbox() as box:
        mine, other = box.agent(private=True), box.agent(private=True)
        url = box.http.get("/v1/convai/conversation/get-signed-url", params={"agent_id": mine}).json()["signed_url"]
        opened, stolen = outcome(url), outcome(url.replace(mine, other))

    assert opened == (0, "")
    assert stolen[0] == 3000


@pytest.mark.parametrize("code", [3000, 1008])
def test_an_unknown_agent_is_said_to_be_unknown(code: int) -> None:
    """Which code the live service closes with is a switch."""
    with sandbox(unknown_agent_close=code) as box:
        refused = outcome(box.talk("agent_none"))

    assert refused == (code, "The AI agent you are trying to reach does not exist.")


@pytest.mark.parametrize(
    ("origin", "auth", "expected"),
    [
        ("https://family.example", {"allowlist": [{"hostname": "family.example"}]}, 0),
        ("https://family.example:8443", {"allowlist": [{"hostname": "family.example"}]}, 0),
        ("https://evil.example", {"allowlist": [{"hostname": "family.example"}]}, 1008),
        ("https://family.example.evil.example", {"allowlist": [{"hostname": "family.example"}]}, 1008),
        (None, {"allowlist": [{"hostname": "family.example"}]}, 0),
        (None, {"require_origin_header": True}, 1008),
        ("https://any.example", {"require_origin_header": True}, 0),
    ],
)
def test_an_allowlist_admits_only_its_hosts(origin: str | None, auth: dict[str, Any], expected: int) -> None:
    """Browsers always say where they are; programs needn't, unless it is required."""
    with sandbox(allowlist_close=1008) as box:
        code, reason = outcome(box.talk(box.agent(auth=auth)), origin=origin)

    assert code == expected
    assert not code or "is not allowed to connect to this agent" in reason


@pytest.mark.parametrize(
    "frame",
    [
        "not json",
        "[]",
        '"text"',
        "",
        '{"user_audio_chunk": 7}',
        '{"user_audio_chunk": "%%%"}',
        '{"type": "user_message", "text": {"a": 1}}',
        '{"type": "client_tool_result"}',
        '{"type": "pong", "event_id": NaN}',
        "{" * 100_000,
        b"\x00\x01",
    ],
)
def test_a_wrong_frame_ends_only_its_own_conversation(frame: str | bytes) -> None:
    """With a reason, and the next conversation begins as ever."""
    with sandbox() as box:
        agent = box.agent()
        with dialled(box.talk(agent)) as socket:
            socket.send(frame)
            code, reason = closing(socket)
        after = outcome(box.talk(agent))

    assert code == 1008
    assert reason.startswith("Invalid message received")
    assert after == (0, "")


@pytest.mark.parametrize("hello", ["{", b"{}", {"type": "pong", "event_id": 1}, {**HELLO, "dynamic_variables": 3}])
def test_a_wrong_beginning_is_refused(hello: Any) -> None:
    """The first frame says who talks and how."""
    with sandbox() as box:
        code, _ = outcome(box.talk(box.agent()), hello=hello)

    assert code == 1008


@pytest.mark.parametrize(
    "override",
    [
        {"agent": "x"},
        {"agent": {"prompt": 3}},
        {"tts": {"speed": 9}},
        {"conversation": {"client_events": "audio"}},
        {"nowhere": {"at": "all"}},
    ],
)
def test_a_nonsensical_override_is_refused(override: dict[str, Any]) -> None:
    """It ends the conversation with a reason, not the sandbox."""
    allowed = {"conversation_config_override": {"tts": {"speed": True}}}
    with sandbox() as box:
        agent = box.agent(platform={"overrides": allowed})
        code, reason = outcome(box.talk(agent), hello={**HELLO, "conversation_config_override": override})

    assert code == 1008
    assert reason.startswith("Override for field")


def test_unknown_frames_and_fields_are_ignored_and_recorded() -> None:
    """As in requests: the service ignores them, so a typo would go unseen."""
    with sandbox() as box:
        agent = box.agent()
        with dialled(box.talk(agent), hello={**HELLO, "dynamic_variabels": {}}) as socket:
            socket.send(json.dumps({"type": "user_mesage", "text": "Hello"}))
            socket.send(json.dumps({"type": "user_message", "text": "Are you real?"}))
            said = [json.loads(socket.recv(timeout=20)) for _ in range(2)]
        seen = {warning.field for warning in box.state.warnings}

    assert said[0]["type"] == "conversation_initiation_metadata"
    assert {"init.dynamic_variabels", "unknown.type"} <= seen


def test_a_client_that_leaves_at_once_is_written_down() -> None:
    """Before, and after the first frame; nothing stays in progress."""
    with sandbox() as box:
        agent = box.agent()
        with dialled(box.talk(agent), hello=""):
            pass
        for _ in range(3):
            with dialled(box.talk(agent)) as socket:
                socket.recv(timeout=20)
        while any(row["status"] == "in-progress" for row in _conversations(box, agent)):
            box.http.get("/v1/models")
        rows = _conversations(box, agent)

    assert [row["status"] for row in rows] == ["done"] * 3


def _conversations(box: Sandbox, agent: str) -> list[dict[str, Any]]:
    return box.http.get("/v1/convai/conversations", params={"agent_id": agent}).json()["conversations"]


@pytest.mark.parametrize(
    ("limits", "word"), [({"agent_concurrency_limit": 1}, "concurrent"), ({"daily_limit": 1}, "daily")]
)
def test_an_agent_talks_to_no_more_people_than_it_may(limits: dict[str, int], word: str) -> None:
    """At once, and a day."""
    with sandbox() as box:
        agent = box.agent(platform={"call_limits": limits})
        with dialled(box.talk(agent)) as socket:
            socket.recv(timeout=20)
            code, reason = outcome(box.talk(agent))

    assert code == 1008
    assert word in reason


def test_two_conversations_do_not_hear_each_other() -> None:
    """Each socket gets its own answers."""
    with sandbox() as box:
        agent = box.agent(config={"conversation": {"text_only": True}})
        with dialled(box.talk(agent)) as first, dialled(box.talk(agent)) as second:
            ids = [json.loads(socket.recv(timeout=20)) for socket in (first, second)]
            first.send(json.dumps({"type": "user_message", "text": "Are you real?"}))
            answers = [_said(first, 2), _said(second, 1)]

    assert len({event["conversation_initiation_metadata_event"]["conversation_id"] for event in ids}) == 2
    assert answers[1] == ["Hello."]
    assert "AI" in answers[0][1]


def _said(socket: Any, count: int) -> list[str]:
    said: list[str] = []
    while len(said) < count:
        frame = json.loads(socket.recv(timeout=20))
        if frame["type"] == "agent_response":
            said.append(frame["agent_response_event"]["agent_response"])
    return said


def test_an_agent_whose_voice_was_deleted_cannot_speak(recording: Any) -> None:
    """It can still write."""
    with sandbox() as box:
        files = {"files": ("a.wav", recording(1.5), "audio/wav")}
        voice = box.http.post("/v1/voices/add", data={"name": "Dorothy"}, files=files).json()["voice_id"]
        mute = box.agent(config={"tts": {"voice_id": voice}})
        writing = box.agent(config={"tts": {"voice_id": voice}, "conversation": {"text_only": True}})
        box.http.delete(f"/v1/voices/{voice}")
        spoken, written = outcome(box.talk(mute)), outcome(box.talk(writing))

    assert spoken[0] == 1008
    assert "was not found" in spoken[1]
    assert written == (0, "")


def test_a_voice_that_must_be_verified_cannot_speak(recording: Any) -> None:
    """Neither in requests nor in conversations."""
    with sandbox(require_verification=True) as box:
        files = {"files": ("a.wav", recording(1.5), "audio/wav")}
        voice = box.http.post("/v1/voices/add", data={"name": "Dorothy"}, files=files).json()["voice_id"]
        code, reason = outcome(box.talk(box.agent(config={"tts": {"voice_id": voice}})))

    assert code == 1008
    assert "requires verification" in reason


def test_feedback_goes_to_the_turn_that_it_names() -> None:
    """And to the last one where it names none."""
    with sandbox() as box:
        agent = box.agent(config={"conversation": {"text_only": True}})
        with dialled(box.talk(agent)) as socket:
            _said(socket, 1)
            socket.send(json.dumps({"type": "user_message", "text": "Are you real?"}))
            _said(socket, 1)
            socket.send(json.dumps({"type": "feedback", "event_id": 1, "score": "like"}))
            socket.send(json.dumps({"type": "feedback", "score": "dislike"}))
            socket.send(json.dumps({"type": "user_message", "text": "Thank you"}))
            _said(socket, 1)
        id = _conversations(box, agent)[0]["conversation_id"]
        turns = box.http.get(f"/v1/convai/conversations/{id}").json()["transcript"]

    scores = [turn["feedback"] and turn["feedback"]["score"] for turn in turns if turn["role"] == "agent"]
    assert scores == ["like", "dislike", None]


def test_a_conversation_that_a_crash_left_behind_takes_nobody_s_place() -> None:
    """Once it is older than it could have become, it is over."""
    clock = Clock()
    with sandbox(clock=clock) as box:
        agent = box.agent(platform={"call_limits": {"agent_concurrency_limit": 1}})
        with dialled(box.talk(agent)) as socket:
            socket.recv(timeout=20)
            busy = outcome(box.talk(agent))
            clock.advance(3_600)
            shown = _conversations(box, agent)[0]["status"]
            after = outcome(box.talk(agent))

    assert busy[0] == 1008
    assert shown == "failed"
    assert after == (0, "")


def test_a_tool_answers_while_the_first_message_is_protected() -> None:
    """Nothing that waits for the client keeps its frames from being read."""
    tool = {"type": "client", "name": "show_photo", "description": "Shows a photo", "expects_response": True}
    protected = {"first_message": "", "disable_first_message_interruptions": True, "prompt": {"tools": [tool]}}
    ask = json.dumps({"type": "user_message", "text": "Please show me a photo"})
    with sandbox() as box:
        agent = box.agent(config={"agent": protected, "conversation": {"text_only": True}})
        with dialled(box.talk(agent)) as socket:
            socket.send(ask)
            _call(socket)
            socket.send(ask)
            answer = {"tool_call_id": _call(socket), "result": "It is on the screen.", "is_error": False}
            socket.send(json.dumps({"type": "client_tool_result", **answer}))
            said = _said(socket, 1)

    assert "screen" in said[0]


def _call(socket: Any) -> str:
    while (frame := json.loads(socket.recv(timeout=20)))["type"] != "client_tool_call":
        pass
    return frame["client_tool_call"]["tool_call_id"]


def test_what_the_user_does_breaks_the_silence() -> None:
    """Activity without a word keeps a conversation open."""
    clock = Clock()
    with sandbox(clock=clock, ping_seconds=0.05) as box:
        turn = {"silence_end_call_timeout": 30.0}
        agent = box.agent(config={"turn": turn, "conversation": {"text_only": True}})
        with dialled(box.talk(agent)) as socket:
            _said(socket, 1)
            for _ in range(4):
                clock.advance(20)
                socket.send(json.dumps({"type": "user_activity"}))
                _pings(socket, 3)
            clock.advance(31)
            end = closing(socket)

    assert end == (1000, "Conversation ended after silence.")


def _pings(socket: Any, count: int) -> None:
    while count:
        count -= json.loads(socket.recv(timeout=20))["type"] == "ping"


def test_interrupting_a_thinking_agent_leaves_what_it_said_before_alone() -> None:
    """What was heard to its end stays as it was, in the client and in the history."""
    tool = {"type": "client", "name": "show_photo", "description": "Shows a photo", "expects_response": True}
    agent = {"first_message": "Hi.", "prompt": {"tools": [tool]}}
    events = ["audio", "agent_response", "agent_response_correction", "interruption"]
    ask = json.dumps({"type": "user_message", "text": "Please show me a photo"})
    with sandbox(ping_seconds=0.05) as box:
        id = box.agent(config={"agent": agent, "conversation": {"client_events": events}})
        with dialled(box.talk(id)) as socket:
            _pings(socket, 60)
            socket.send(ask)
            _call(socket)
            socket.send(ask)
            seen: list[str] = []
            while "client_tool_call" not in seen:
                seen.append(json.loads(socket.recv(timeout=20))["type"])
        conversation = _conversations(box, id)[0]["conversation_id"]
        turns = box.http.get(f"/v1/convai/conversations/{conversation}").json()["transcript"]

    assert "interruption" in seen
    assert "agent_response_correction" not in seen
    assert (turns[0]["message"], turns[0]["interrupted"]) == ("Hi.", False)


def test_the_browsers_subprotocol_is_chosen() -> None:
    """Without it the official browser client fails."""
    from websockets.sync.client import connect

    with sandbox() as box, connect(box.talk(box.agent()), subprotocols=["convai", "bearer.x"], proxy=None) as socket:  # type: ignore[list-item]
        chosen = socket.subprotocol

    assert chosen == "convai"
