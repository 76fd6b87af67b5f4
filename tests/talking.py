"""The official Python `Conversation`, with everything it reports in one queue that a test waits on."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Any

from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.conversation import (
    AudioInterface,
    ClientTools,
    Conversation,
    ConversationInitiationData,
    DisconnectionDetails,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

PATIENCE = 120


class Ear(AudioInterface):
    """A sound card: what is put into it goes to the agent, what the agent says is kept."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.heard = bytearray()
        self.interrupted = threading.Event()
        self.speak: Callable[[bytes], None] = lambda _: None

    def start(self, input_callback: Callable[[bytes], None]) -> None:
        self.speak = input_callback
        self.started.set()

    def stop(self) -> None:
        self.speak = lambda _: None

    def output(self, audio: bytes) -> None:
        self.heard += audio

    def interrupt(self) -> None:
        self.interrupted.set()


class Talk:
    """A running conversation."""

    def __init__(self, client: ElevenLabs, agent: str, **options: Any) -> None:
        self.events: Queue[tuple[str, Any]] = Queue()
        self.seen: list[tuple[str, Any]] = []
        self.conversation = Conversation(
            client,
            agent,
            callback_agent_response=lambda text: self.events.put(("agent", text)),
            callback_agent_response_correction=lambda _, text: self.events.put(("corrected", text)),
            callback_agent_chat_response_part=lambda text, kind: self.events.put(("part", (kind.value, text))),
            callback_user_transcript=lambda text: self.events.put(("user", text)),
            callback_latency_measurement=lambda ms: self.events.put(("latency", ms)),
            callback_audio_alignment=lambda alignment: self.events.put(("alignment", alignment)),
            callback_disconnect=lambda details: self.events.put(("end", details)),
            **options,
        )

    def next(self, kind: str) -> Any:
        """What is reported next of a kind; the rest is remembered."""
        while True:
            try:
                event = self.events.get(timeout=PATIENCE)
            except Empty:
                raise AssertionError(f"no {kind!r} came after {self.seen}") from None
            self.seen.append(event)
            if event[0] == kind:
                return event[1]

    def ask(self, text: str) -> str:
        """The agent's answer to a typed message."""
        self.conversation.send_user_message(text)
        return self.next("agent")

    def ended(self) -> DisconnectionDetails:
        """How the conversation ended."""
        return self.next("end")


@contextmanager
def talking(
    client: ElevenLabs,
    agent: str,
    *,
    private: bool = True,
    overrides: dict[str, Any] | None = None,
    variables: dict[str, Any] | None = None,
    tools: ClientTools | None = None,
    ear: Ear | None = None,
    user: str | None = None,
) -> Iterator[Talk]:
    """A conversation that is over when the block is; without an `ear` it is text only."""
    text = {} if ear else {"text_only": True}
    config = ConversationInitiationData(
        conversation_config_override={**text, **(overrides or {})}, dynamic_variables=variables or {}
    )
    options: dict[str, Any] = {"client_tools": tools, "audio_interface": ear, "config": config, "user_id": user}
    talk = Talk(client, agent, requires_auth=private, **options)
    talk.conversation.start_session()
    try:
        yield talk
    finally:
        talk.conversation.end_session()
        talk.conversation.wait_for_session_end()


HELLO = {"type": "conversation_initiation_client_data"}


@contextmanager
def dialled(url: str, *, origin: str | None = None, hello: Any = HELLO) -> Iterator[ClientConnection]:
    """A socket of our own, for what no official client would send."""
    headers = {"Origin": origin} if origin else None
    with connect(url, additional_headers=headers, proxy=None) as socket:
        with contextlib.suppress(ConnectionClosed):  # it may have been turned away already
            socket.send(hello if isinstance(hello, str | bytes) else json.dumps(hello))
        yield socket


def outcome(url: str, *, origin: str | None = None, hello: Any = HELLO) -> tuple[int, str]:
    """What a conversation at `url` comes to: (0, "") if it begins, else the close code and reason."""
    with dialled(url, origin=origin, hello=hello) as socket:
        try:
            begun = json.loads(socket.recv(timeout=PATIENCE))
        except ConnectionClosed as closed:
            return _farewell(closed)
        assert begun["type"] == "conversation_initiation_metadata"
    return 0, ""


def closing(socket: ClientConnection) -> tuple[int, str]:
    """Read until the other side closes."""
    try:
        for _ in range(1_000):
            socket.recv(timeout=PATIENCE)
    except ConnectionClosed as closed:
        return _farewell(closed)
    raise AssertionError("it never closed")


def _farewell(closed: ConnectionClosed) -> tuple[int, str]:
    return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
