"""A talk over the service's WebSocket, for whoever isn't a browser: typed, or with a microphone and a speaker."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from storykeeper_tools.errors import Conflict, QuotaExceeded, StorykeeperError, TimedOut, Unavailable, UnexpectedAnswer

Tool = Callable[[Mapping[str, Any]], str]
Say = Callable[[str, str], None]
OPENING, GREETING, ANSWERING = 15.0, 10.0, 90.0
_LONGEST = 16 * 1024 * 1024
_RATE = "pcm_16000"
_ENDS: Mapping[int, Callable[[], StorykeeperError]] = {
    1002: lambda: QuotaExceeded("the account has used up its credits", exists="the talk has ended"),
    1008: lambda: Conflict(
        "the companion takes no more talks now: too many at once, or today, or it is paused",
        exists="the talk has ended",
        next="wait a little; storykeeper show says whether it is paused",
    ),
    3000: lambda: UnexpectedAnswer(
        "ElevenLabs didn't accept the link (close code 3000)", exists="there was no talk", next="begin the talk anew"
    ),
}


class Audio(Protocol):
    """A microphone and a speaker, as the official SDK's `AudioInterface`: 16-bit samples, 16,000 a second."""

    def start(self, input_callback: Callable[[bytes], None]) -> None: ...

    def stop(self) -> None: ...

    def output(self, audio: bytes) -> None: ...

    def interrupt(self) -> None: ...


@dataclass(slots=True)
class Conversation:
    """`say` is told who said what: "agent", "user" as heard by the microphone, or "corrected" for an answer cut short.
    `watch` ends the talk when it returns, or raises."""

    say: Say
    tools: Mapping[str, Tool] = field(default_factory=dict[str, Tool])
    audio: Audio | None = None
    watch: Callable[[], Coroutine[Any, Any, None]] | None = None
    id: str = ""
    _socket: ClientConnection | None = None
    _spoken: asyncio.Event = field(default_factory=asyncio.Event)
    _heard: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(64))
    _muted: int = 0
    """The last turn that was interrupted: what still comes of it isn't played."""

    async def run(self, url: str, typing: Callable[[Conversation], Any]) -> None:
        """From the first word to the last; `typing` sends what somebody types, and ends the talk when it returns.

        Raises an error of ours for a talk that ended otherwise than by somebody's wish.
        """
        self._socket = await _dialled(url)
        try:
            await self._begin()
            await self._until_over(typing)
        except ConnectionClosed as closed:
            raise _ended(closed) from None
        finally:
            await self._socket.close()

    async def write(self, text: str) -> None:
        """Send a message, and wait until it is answered."""
        self._spoken.clear()
        await self._send({"type": "user_message", "text": text})
        try:
            async with asyncio.timeout(ANSWERING):
                await self._spoken.wait()
        except TimeoutError:
            raise TimedOut("the companion gave no answer in time", exists="the talk has ended") from None

    async def tell(self, text: str) -> None:
        """What the companion is to know, without answering it."""
        await self._send({"type": "contextual_update", "text": text})

    async def _begin(self) -> None:
        own = {} if self.audio else {"conversation": {"text_only": True}}
        await self._send({"type": "conversation_initiation_client_data", "conversation_config_override": own})
        try:
            async with asyncio.timeout(OPENING):
                first = await self._receive()
        except TimeoutError:
            raise TimedOut("ElevenLabs gave no answer in time", exists="there was no talk") from None
        about = first.get("conversation_initiation_metadata_event", {})
        self.id = str(about.get("conversation_id", ""))
        rates = {about.get(f"{end}_audio_format", _RATE) for end in ("agent_output", "user_input")}
        if self.audio and rates != {_RATE}:
            raise UnexpectedAnswer("the agent's sound isn't 16,000 samples a second", next="talk without --voice")

    async def _until_over(self, typing: Callable[[Conversation], Any]) -> None:
        ways = [self._listen(), self._converse(typing), self._speak(), *([self.watch()] if self.watch else [])]
        tasks = {asyncio.ensure_future(way) for way in ways}
        if self.audio:
            loop = asyncio.get_running_loop()
            self.audio.start(lambda chunk: _handed(loop, self._heard, chunk))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.audio:
                await asyncio.to_thread(self.audio.stop)

    async def _converse(self, typing: Callable[[Conversation], Any]) -> None:
        """A companion speaks first; who wrote before that would take its greeting for the answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GREETING):
                await self._spoken.wait()
        await typing(self)

    async def _listen(self) -> None:
        try:
            while True:
                await self._take(await self._receive())
        except ConnectionClosed as closed:
            if closed.rcvd is None or closed.rcvd.code != 1000:
                raise

    async def _speak(self) -> None:
        while True:
            chunk = await self._heard.get()
            await self._send({"user_audio_chunk": base64.b64encode(chunk).decode()})

    async def _take(self, event: Mapping[str, Any]) -> None:
        kind = str(event.get("type", ""))
        about: Mapping[str, Any] = event.get(f"{kind}_event") or event.get(kind) or {}
        match kind:
            case "ping":
                await self._send({"type": "pong", "event_id": about.get("event_id")})
            case "agent_response":
                self.say("agent", str(about.get("agent_response", "")))
                self._spoken.set()
            case "agent_response_correction":
                self.say("corrected", str(about.get("corrected_agent_response", "")))
            case "user_transcript":
                self.say("user", str(event.get("user_transcription_event", {}).get("user_transcript", "")))
            case "client_tool_call":
                await self._send(self._result(about))
            case "audio" | "interruption" if self.audio:
                self._play(self.audio, kind, about)
            case _:
                pass

    def _play(self, audio: Audio, kind: str, about: Mapping[str, Any]) -> None:
        turn = int(about.get("event_id") or 0)
        if kind == "interruption":
            self._muted = turn
            audio.interrupt()
        elif turn > self._muted:
            audio.output(base64.b64decode(about.get("audio_base_64", "")))

    def _result(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """What a tool of this side answers; the parameters are the agent's words, and so anybody's."""
        name, tool = str(call.get("tool_name", "")), self.tools.get(str(call.get("tool_name", "")))
        result = tool(call.get("parameters") or {}) if tool else f"Tool '{name[:60]}' is not registered"
        told = {"type": "client_tool_result", "tool_call_id": call.get("tool_call_id"), "result": result}
        return {**told, "is_error": tool is None}

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self._socket is not None  # noqa: S101 - it is called inside `run` alone
        await self._socket.send(json.dumps(message))

    async def _receive(self) -> dict[str, Any]:
        assert self._socket is not None  # noqa: S101 - as above
        try:
            found = json.loads(await self._socket.recv())
        except (ValueError, binascii.Error):
            raise UnexpectedAnswer("ElevenLabs said something that isn't JSON", exists="the talk has ended") from None
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


async def _dialled(url: str) -> ClientConnection:
    try:
        return await connect(url, subprotocols=cast("Any", ["convai"]), max_size=_LONGEST, proxy=None)
    except (OSError, TimeoutError, WebSocketException):  # whose words hold the address
        raise Unavailable("ElevenLabs can't be reached", exists="there was no talk") from None


def _handed(loop: asyncio.AbstractEventLoop, heard: asyncio.Queue[bytes], chunk: bytes) -> None:
    """From the sound card's thread; what nobody takes in time is lost, as in any call."""
    loop.call_soon_threadsafe(lambda: heard.full() or heard.put_nowait(chunk))


def _ended(closed: ConnectionClosed) -> StorykeeperError:
    code = closed.rcvd.code if closed.rcvd else 1006
    if code in _ENDS:
        return _ENDS[code]()
    return Unavailable(f"the connection to ElevenLabs broke off (close code {code})", exists="the talk has ended")
