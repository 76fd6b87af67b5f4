"""Conversations over the WebSocket, had by the official Python client."""

from __future__ import annotations

import array
import asyncio
import io
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import av
import httpx
import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.conversation import AsyncConversation, ClientTools, ConversationInitiationData
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from judged import build, served
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.state import State
from talking import PATIENCE, Ear, outcome, talking

MEMORIES = """# Childhood

I was born in Cork in 1938, above my father's bakery on Shandon Street.

# Marriage

I met Tom at the Arcadia ballroom in 1957. We married in June 1960.
"""
EVENTS = ["audio", "interruption", "user_transcript", "agent_response", "agent_response_correction", "vad_score"]
QUICK = 0.05
Show = Callable[[str, object], None]
SILENCE = bytes(32_000)


def speech(seconds: float) -> bytes:
    """Something as loud as a voice at a microphone, in the format that agents listen to."""
    samples = (int(9_000 * math.sin(2 * math.pi * 220 * at / 16_000)) for at in range(int(seconds * 16_000)))
    return array.array("h", samples).tobytes()


@contextmanager
def sandbox(
    switches: Switches | None = None, clock: Clock | None = None, plan: str = "creator"
) -> Iterator[ElevenLabs]:
    """The official client of a fresh sandbox."""
    app = build(State(None), plan=plan, switches=switches or Switches(), clock=clock or Clock())
    with served(app) as url, httpx.Client() as connections:
        yield ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections)


def companion(client: ElevenLabs, *, text: str = MEMORIES, **changes: Any) -> str:
    """An agent that knows `text` and may be talked to in writing; `changes` go into its configuration."""
    document = client.conversational_ai.knowledge_base.documents.create_from_text(text=text, name="Memories")
    item = {"type": "text", "name": "Memories", "id": document.id}
    agent: dict[str, Any] = {
        "first_message": "Hello dear. I'm an AI companion, made from Dorothy's memories.",
        **changes.get("agent", {}),
    }
    prompt = {"prompt": "You are Dorothy.", "knowledge_base": [item], **changes.get("prompt", {})}
    conversation = {"client_events": EVENTS, **changes.get("conversation", {})}
    overrides = {"conversation": {"text_only": True}, **changes.get("overrides", {})}
    made = client.conversational_ai.agents.create(
        name="Dorothy",
        conversation_config={
            "agent": {**agent, "prompt": prompt},
            "conversation": conversation,
            **changes.get("config", {}),
        },
        platform_settings={
            "auth": {"enable_auth": True},
            "overrides": {"conversation_config_override": overrides},
            **changes.get("platform", {}),
        },
    )
    return made.agent_id


def told(kept: Any) -> str:
    """A transcript, to be read after the tests."""
    return "\n".join(f"{turn.role}: {turn.message}" for turn in kept.transcript)


def history(client: ElevenLabs, id: str | None) -> Any:
    """What is kept of a conversation, once the other side has noticed its end."""
    assert id
    while (kept := client.conversational_ai.conversations.get(id)).status == "in-progress":
        pass
    return kept


def test_a_written_conversation_answers_from_the_memories_and_is_kept(record_property: Show) -> None:
    """First message, a fact, an honest gap, and the truth about itself; afterwards it can be read."""
    with sandbox() as client:
        agent = companion(client)
        with talking(client, agent, user="anna") as talk:
            greeting = talk.next("agent")
            fact = talk.ask("Where were you born?")
            gap = talk.ask("What did you think of the moon landing?")
            truth = talk.ask("Are you real?")
        kept = history(client, talk.conversation.wait_for_session_end())
    record_property("session", told(kept))

    assert "AI companion" in greeting
    assert "Cork" in fact
    assert "memory" in gap.lower()
    assert "AI" in truth
    assert [(turn.role, turn.message) for turn in kept.transcript] == [
        ("agent", greeting),
        ("user", "Where were you born?"),
        ("agent", fact),
        ("user", "What did you think of the moon landing?"),
        ("agent", gap),
        ("user", "Are you real?"),
        ("agent", truth),
    ]
    assert (kept.status, kept.user_id, kept.metadata.authorization_method) == ("done", "anna", "signed_url")


def test_a_client_tool_is_called_and_its_result_waited_for() -> None:
    """The tool gets its parameters, and the answer comes after it."""
    shown: list[dict[str, Any]] = []
    tools = ClientTools()
    tools.register("show_photo", lambda parameters: shown.append(parameters) or "The photo is on the screen.")
    with sandbox() as client:
        agent = companion(client, prompt={"tools": [photo_tool(expects_response=True)]})
        with talking(client, agent, tools=tools) as talk:
            talk.next("agent")
            answer = talk.ask("Please show me a photo of the wedding")
        kept = history(client, talk.conversation.wait_for_session_end())

    assert answer
    assert "wedding" in shown[0]["subject"]
    calls = [call for turn in kept.transcript for call in turn.tool_calls or []]
    assert [call.tool_name for call in calls] == ["show_photo"]


def test_a_spoken_turn_is_answered_with_speech(record_property: Show) -> None:
    """Loudness and a pause make a turn; a line of the script stands for what was said."""
    ear = Ear()
    with sandbox(Switches(hears=("Where were you born?",))) as client:
        agent = companion(client)
        with talking(client, agent, ear=ear) as talk:
            talk.next("agent")
            talk.next("alignment")
            ear.speak(speech(0.5))
            ear.speak(SILENCE)
            asked = talk.next("user")
            answer = talk.next("agent")
            talk.next("alignment")
        kept = history(client, talk.conversation.wait_for_session_end())
    record_property("session", f"{told(kept)}\n({len(ear.heard) / 32_000:.1f} seconds of speech were heard)")

    assert asked == "Where were you born?"
    assert "Cork" in answer
    assert max(array.array("h", bytes(ear.heard))) > 1_000
    assert [turn.source_medium for turn in kept.transcript] == ["audio", "audio", "audio"]


def test_talking_over_the_agent_interrupts_it() -> None:
    """The client is told to stop playing, and the history keeps what was heard."""
    ear = Ear()
    long = "I remember the bakery. " * 30
    with sandbox() as client:
        agent = companion(client, agent={"first_message": long})
        with talking(client, agent, ear=ear) as talk:
            talk.next("alignment")
            ear.speak(speech(0.5))
            corrected = talk.next("corrected")
        kept = history(client, talk.conversation.wait_for_session_end())

    assert ear.interrupted.is_set()
    assert len(corrected) < len(long)
    assert kept.transcript[0].interrupted
    assert kept.transcript[0].original_message.strip() == long.strip()


def test_a_protected_first_message_is_heard_out() -> None:
    """The disclosure in it can't be talked over: what is said meanwhile is lost, what is typed is answered after it."""
    ear = Ear()
    protected = {"first_message": "I am an AI. " * 30, "disable_first_message_interruptions": True}
    with sandbox() as client:
        agent = companion(client, agent=protected)
        with talking(client, agent, ear=ear) as talk:
            talk.next("alignment")
            ear.speak(speech(0.5))
            ear.speak(SILENCE)
            answer = talk.ask("Where were you born?")
        kept = history(client, talk.conversation.wait_for_session_end())

    assert not ear.interrupted.is_set()
    assert "Cork" in answer
    assert [(turn.role, turn.interrupted) for turn in kept.transcript] == [
        ("agent", False),
        ("user", False),
        ("agent", False),
    ]


def test_recordings_are_kept_only_where_the_agent_allows_it() -> None:
    """With `record_voice` there is an MP3 of both sides, without there is none."""
    with sandbox() as client:
        kept: list[Any] = []
        for record in (True, False):
            agent = companion(client, platform={"auth": {"enable_auth": True}, "privacy": {"record_voice": record}})
            ear = Ear()
            with talking(client, agent, ear=ear) as talk:
                talk.next("alignment")
                ear.speak(speech(0.5))
                ear.speak(SILENCE)
                talk.next("user")
            kept.append(history(client, talk.conversation.wait_for_session_end()))
        sound = b"".join(client.conversational_ai.conversations.audio.get(kept[0].conversation_id))

    assert [each.has_audio for each in kept] == [True, False]
    with av.open(io.BytesIO(sound)) as container:
        assert container.streams.audio[0].codec_context.name.startswith("mp3")


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"agent": {"first_message": "I am alive"}}, "first_message"),
        ({"agent": {"prompt": {"prompt": "Say you are alive"}}}, "prompt"),
        ({"tts": {"voice_id": "21m00Tcm4TlvDq8ikWAM"}}, "voice_id"),
        ({"agent": {"language": "de"}}, "language"),
    ],
)
def test_an_override_that_is_not_allowed_ends_the_conversation(overrides: dict[str, Any], field: str) -> None:
    """With the service's code and words, and before the agent says anything."""
    with sandbox() as client:
        agent = companion(client)
        with talking(client, agent, overrides=overrides) as talk:
            end = talk.ended()

    assert (end.close_code, end.close_reason) == (1008, f"Override for field '{field}' is not allowed by config.")
    assert [kind for kind, _ in talk.seen] == ["end"]


def test_what_changes_nothing_needs_no_permission() -> None:
    """The widget always sends the language, and empty objects."""
    same = {"agent": {"language": "en", "prompt": {}}, "tts": {}}
    with sandbox() as client:
        agent = companion(client)
        with talking(client, agent, overrides=same) as talk:
            greeting = talk.next("agent")

    assert "AI companion" in greeting


def test_a_language_preset_brings_its_own_first_message() -> None:
    """Where the language may be chosen."""
    preset = {"overrides": {"agent": {"first_message": "Hallo, ich bin eine KI."}}}
    with sandbox(Switches(check_language=False)) as client:
        agent = companion(
            client,
            config={"language_presets": {"de": preset}},
            overrides={"agent": {"language": True}},
        )
        with talking(client, agent, overrides={"agent": {"language": "de"}}) as talk:
            greeting = talk.next("agent")

    assert greeting == "Hallo, ich bin eine KI."


def test_variables_are_filled_in_and_a_missing_one_ends_the_conversation() -> None:
    """Placeholders stand in for nothing, as reported of real calls."""
    first = {
        "first_message": "Hello {{visitor}}.",
        "dynamic_variables": {"dynamic_variable_placeholders": {"visitor": "Somebody"}},
    }
    with sandbox() as client:
        agent = companion(client, agent=first)
        with talking(client, agent, variables={"visitor": "Anna"}) as talk:
            greeting = talk.next("agent")
        with talking(client, agent) as lacking:
            end = lacking.ended()

    assert greeting == "Hello Anna."
    assert end.close_code == 1008
    assert end.close_reason == "Missing required dynamic variables in first message: {'visitor'}"


def test_placeholders_can_count() -> None:
    """The other reading of the documentation is a switch."""
    first = {
        "first_message": "Hello {{visitor}}.",
        "dynamic_variables": {"dynamic_variable_placeholders": {"visitor": "Somebody"}},
    }
    with sandbox(Switches(placeholders_count=True)) as client:
        agent = companion(client, agent=first)
        with talking(client, agent) as talk:
            greeting = talk.next("agent")

    assert greeting == "Hello Somebody."


def test_used_up_credits_end_a_conversation_in_the_middle() -> None:
    """With the service's code and words; the history says so."""
    clock = Clock()
    with sandbox(Switches(ping_seconds=QUICK, credits_a_minute=60_000), clock) as client:
        agent = companion(client, conversation={"max_duration_seconds": 7_200})
        with talking(client, agent) as talk:
            talk.next("agent")
            clock.advance(3_600)
            end = talk.ended()
        kept = history(client, talk.conversation.wait_for_session_end())
        again = client.user.subscription.get()

    assert (end.close_code, end.close_reason) == (1002, "This request exceeds your quota limit.")
    assert kept.status == "failed"
    assert again.character_count == again.character_limit


def test_a_conversation_costs_credits() -> None:
    """By the minute, taken from the workspace's account."""
    clock = Clock()
    with sandbox(Switches(credits_a_minute=100), clock) as client:
        agent = companion(client)
        with talking(client, agent) as talk:
            talk.next("agent")
            clock.advance(120)
        kept = history(client, talk.conversation.wait_for_session_end())
        account = client.user.subscription.get()

    assert 200 <= kept.metadata.cost <= 210
    assert account.character_count == kept.metadata.cost


def test_the_longest_duration_ends_a_conversation() -> None:
    """Politely, and not as a failure."""
    clock = Clock()
    with sandbox(Switches(ping_seconds=QUICK), clock) as client:
        agent = companion(client, conversation={"max_duration_seconds": 60})
        with talking(client, agent) as talk:
            talk.next("agent")
            clock.advance(61)
            end = talk.ended()
        kept = history(client, talk.conversation.wait_for_session_end())

    assert (end.reason, end.close_code) == ("agent", 1000)
    assert kept.status == "done"
    assert "duration" in kept.metadata.termination_reason


@pytest.mark.parametrize(
    ("switches", "turn"),
    [(Switches(ping_seconds=QUICK), 30.0), (Switches(ping_seconds=QUICK, inactivity_seconds=30), -1.0)],
)
def test_silence_ends_a_conversation_where_it_should(switches: Switches, turn: float) -> None:
    """By the agent's own setting, or by what the service may do with idle clients."""
    clock = Clock()
    with sandbox(switches, clock) as client:
        agent = companion(client, config={"turn": {"silence_end_call_timeout": turn}})
        with talking(client, agent) as talk:
            talk.next("agent")
            clock.advance(31)
            end = talk.ended()

    assert end.close_code == 1000


def test_a_farewell_hangs_up_where_the_agent_has_the_tool() -> None:
    """The built-in tool, and then a normal close."""
    tool = {"end_call": {"name": "end_call", "description": "", "params": {"system_tool_type": "end_call"}}}
    with sandbox() as client:
        agent = companion(client, prompt={"built_in_tools": tool})
        with talking(client, agent) as talk:
            talk.next("agent")
            talk.ask("Goodbye, Dorothy!")
            end = talk.ended()
        kept = history(client, talk.conversation.wait_for_session_end())

    assert (end.reason, end.close_code) == ("agent", 1000)
    assert kept.metadata.termination_reason == "end_call tool was called."


def test_a_signed_url_is_not_taken_after_a_quarter_of_an_hour() -> None:
    """Conversations that have begun go on; new ones don't begin."""
    clock = Clock()
    with sandbox(clock=clock) as client:
        agent = companion(client)
        url = client.conversational_ai.conversations.get_signed_url(agent_id=agent).signed_url
        early, again = outcome(url), outcome(url)
        clock.advance(15 * 60 + 1)
        late = outcome(url)

    assert (early, again) == ((0, ""), (0, ""))
    assert late == (3000, "Could not authorize the conversation.")


def test_a_signed_url_with_a_conversation_id_is_taken_once() -> None:
    """And the conversation has that id."""
    with sandbox() as client:
        agent = companion(client)
        url = client.conversational_ai.conversations.get_signed_url(agent_id=agent, include_conversation_id=True)
        first, second = outcome(url.signed_url), outcome(url.signed_url)

    assert first == (0, "")
    assert second == (3000, "Could not authorize the conversation.")


def test_what_happens_to_a_running_conversation_elsewhere_is_not_undone() -> None:
    """Feedback that came over REST stays, and so does a delete."""
    with sandbox() as client:
        agent = companion(client)
        with talking(client, agent) as talk, talking(client, agent) as other:
            talk.next("agent"), other.next("agent")
            running = client.conversational_ai.conversations.list(agent_id=agent).conversations
            rated, deleted = (each.conversation_id for each in running)
            client.conversational_ai.conversations.feedback.create(rated, feedback="like")
            client.conversational_ai.conversations.delete(deleted)
            talk.ask("Where were you born?"), other.ask("Where were you born?")
        kept = history(client, rated)
        left = client.conversational_ai.conversations.list(agent_id=agent).conversations

    assert kept.metadata.feedback.overall_score == "like"
    assert [each.conversation_id for each in left] == [rated]


def test_the_client_learns_how_long_a_round_trip_takes() -> None:
    """From the second ping on, when the first was answered."""
    with sandbox(Switches(ping_seconds=QUICK)) as client:
        agent = companion(client)
        with talking(client, agent) as talk:
            milliseconds = talk.next("latency")

    assert milliseconds >= 1


def test_a_tool_of_which_no_answer_is_expected_is_not_waited_for() -> None:
    """As the service does unless the tool says otherwise."""
    shown = threading.Event()
    tools = ClientTools()
    tools.register("show_photo", lambda _: shown.set())
    with sandbox() as client:
        agent = companion(client, prompt={"tools": [photo_tool()]})
        with talking(client, agent, tools=tools) as talk:
            talk.next("agent")
            talk.ask("Please show me a photo of the wedding")
            assert shown.wait(PATIENCE)
        kept = history(client, talk.conversation.wait_for_session_end())

    assert [result.is_error for turn in kept.transcript for result in turn.tool_results or []] == [False]


def photo_tool(**settings: Any) -> dict[str, Any]:
    subject = {"type": "string", "description": "What is on it"}
    parameters = {"type": "object", "required": ["subject"], "properties": {"subject": subject}}
    about = {"name": "show_photo", "description": "Shows a photo on the screen"}
    return {"type": "client", **about, "parameters": parameters, **settings}


def test_the_end_of_a_conversation_is_told_by_webhook() -> None:
    """Signed as the official SDK checks it, with the whole transcript in it."""
    with receiver() as (hook, received), sandbox() as client:
        made = client.webhooks.create(settings={"auth_type": "hmac", "name": "Calls", "webhook_url": hook})
        client.conversational_ai.settings.update(
            webhooks={"post_call_webhook_id": made.webhook_id, "events": ["transcript"]}
        )
        agent = companion(client)
        with talking(client, agent) as talk:
            talk.next("agent")
            answer = talk.ask("Where were you born?")
        body, signature = received.get(timeout=PATIENCE)
        told = client.webhooks.construct_event(body.decode(), signature, made.webhook_secret or "")

    assert told["type"] == "post_call_transcription"
    assert told["data"]["agent_id"] == agent
    assert [turn["message"] for turn in told["data"]["transcript"]][1:] == ["Where were you born?", answer]


@contextmanager
def receiver() -> Iterator[tuple[str, Queue[tuple[bytes, str]]]]:
    """A server that keeps what is posted to it, with the signature."""
    received: Queue[tuple[bytes, str]] = Queue()

    async def take(request: Request) -> Response:
        # The plainest of receivers reads as many bytes as the header says.
        body = (await request.body())[: int(request.headers["content-length"])]
        received.put((body, request.headers["elevenlabs-signature"]))
        return Response()

    with served(Starlette(routes=[Route("/", take, methods=["POST"])])) as url:
        yield url, received


def test_the_asynchronous_client_talks_too() -> None:
    """The official `AsyncConversation`, in writing."""
    said: list[str] = []

    async def talk(client: ElevenLabs, agent: str) -> str | None:
        answered = asyncio.Event()

        async def heard(text: str) -> None:
            said.append(text)
            answered.set()

        config = ConversationInitiationData(conversation_config_override={"text_only": True})
        conversation = AsyncConversation(
            client, agent, requires_auth=True, config=config, callback_agent_response=heard
        )
        await conversation.start_session()
        for asked in ("Where were you born?", None):
            await asyncio.wait_for(answered.wait(), PATIENCE)
            answered.clear()
            if asked:
                await conversation.send_user_message(asked)
        await conversation.end_session()
        return await conversation.wait_for_session_end()

    with sandbox() as client:
        kept = history(client, asyncio.run(talk(client, companion(client))))

    assert "Cork" in said[1]
    assert [turn.role for turn in kept.transcript] == ["agent", "user", "agent"]
    assert kept.metadata.conversation_initiation_source == "python_sdk"
