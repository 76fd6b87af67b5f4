"""One conversation: everything that happens comes through one queue and is dealt with in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import asdict
from typing import Any

from .. import brain
from ..brain import Source
from ..routing import Setup
from ..state import Row
from . import frames
from .ears import Ears
from .ending import NORMAL, QUOTA, Ended
from .line import Line
from .pulse import Pulse
from .record import Medium, Record
from .speaker import Speaker
from .tape import Tape
from .tool_calls import ToolCalls

_LONGEST_GOODBYE = 30.0
_LONGEST_QUESTION = 5_000  # characters; how much a model would read of more is anybody's guess
_REMEMBERED = 20  # questions
_MOST_WAITING = 64  # frames
_VOICE = 0.25  # the score of something as loud as a voice


class _Tick:
    """Time to look at the limits."""


class Session:
    """The turns between a client and an agent, whose `settings` have the client's overrides and variables in them."""

    def __init__(self, setup: Setup, line: Line, record: Record, settings: Row, sources: Sequence[Source]) -> None:
        config: Row = settings["conversation_config"]
        self._setup = setup
        self._line = line
        self._record = record
        self._config = config
        self._settings = settings
        self._sources = sources
        self._memory: brain.Memory | None = None
        self._ears = Ears(config["asr"]["user_input_audio_format"])
        self._speaker = Speaker(line, record, config)
        self._tools = ToolCalls(line, record, config)
        self._pulse = Pulse()
        self.tapes = (Tape(self._ears.rate), self._speaker.tape)
        self._inbox: asyncio.Queue[frames.Frame | Exception | _Tick] = asyncio.Queue()
        self._room = asyncio.Semaphore(_MOST_WAITING)
        self._greeting: asyncio.Task[None] | None = None
        self._turn: asyncio.Task[None] | None = None
        self._began = 0.0
        self._user_at = setup.clock()
        self._asked: list[str] = []
        self._spoken_turns = 0

    async def run(self, credits: int) -> Ended:
        """Talk until somebody ends it, or the credits are used up; answers how it ended."""
        self._began = asyncio.get_running_loop().time()
        helpers = [asyncio.create_task(self._read()), asyncio.create_task(self._tick())]
        try:
            self._greeting = self._start(self._greet())
            while True:
                await self._on(await self._inbox.get(), credits)
        except Ended as end:
            return end
        finally:
            await _stop([*helpers, *(task for task in (self._greeting, self._turn) if task)])

    @property
    def cost(self) -> int:
        """Credits so far."""
        return round(self._record.seconds / 60 * self._setup.switches.credits_a_minute)

    async def _read(self) -> None:
        # What the session hasn't got round to yet stays in the socket, where the client notices.
        try:
            while True:
                await self._room.acquire()
                self._inbox.put_nowait(await self._line.receive())
        except Ended as end:
            self._inbox.put_nowait(end)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._setup.switches.ping_seconds)
            self._inbox.put_nowait(_Tick())

    async def _on(self, event: frames.Frame | Exception | _Tick, credits: int) -> None:
        if isinstance(event, Exception):
            raise event
        if isinstance(event, _Tick):
            await self._line.send(frames.ping(*self._pulse.ping()))
            self._check_limits(credits)
            return
        self._room.release()
        await self._take(event)

    async def _take(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Audio():
                await self._hear(frame.user_audio_chunk)
            case frames.Message():
                await self._ask(frame.text or "", "text")
            case frames.Multimodal():
                await self._ask(frame.text.text if frame.text else "", "text")
            case frames.ToolResult():
                self._tools.resolve(frame)
            case frames.Feedback():
                self._record.liked(frame.event_id, frame.score)
            case frames.Pong():
                self._pulse.pong(frame.event_id)
            case frames.Activity():
                self._user_at = self._setup.clock()
            case _:
                pass  # context and approvals change nothing that this brain would notice

    # Turns

    def _start(self, turn: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(turn)
        task.add_done_callback(self._report)
        return task

    def _report(self, turn: asyncio.Task[None]) -> None:
        error = None if turn.cancelled() else turn.exception()
        if isinstance(error, Exception):
            self._inbox.put_nowait(error)

    async def _greet(self) -> None:
        first = self._config["agent"]["first_message"]
        if first:
            await self._speaker.say(first, [])

    async def _ask(self, asked: str, medium: Medium) -> None:
        self._user_at = self._setup.clock()
        await self._take_the_floor()
        self._record.heard(asked, medium)
        self._turn = self._start(self._answer(asked[:_LONGEST_QUESTION]))

    async def _answer(self, asked: str) -> None:
        if self._greeting:
            await asyncio.wait([self._greeting])
        # In a thread, because a large knowledge base takes a moment to read and others are talking too.
        reply = await asyncio.to_thread(self._think, asked)
        while reply.tool:
            result = await self._tools.use(reply.tool, self._speaker.event + 1)
            reply = brain.after_tool(self._settings, reply.tool, str(result.result), result.is_error)
        await self._speaker.say(reply.text, [asdict(found) for found in reply.sources])
        if reply.ends:
            await asyncio.sleep(min(_LONGEST_GOODBYE, self._speaker.left))
            await self._tools.end_call(self._speaker.event)
            raise Ended(NORMAL, because="end_call tool was called.")

    def _think(self, asked: str) -> brain.Reply:
        self._memory = self._memory or brain.Memory(self._sources)
        reply = brain.reply(self._settings, self._memory, asked, history=self._asked[-_REMEMBERED:])
        self._asked.append(asked)
        return reply

    async def _take_the_floor(self) -> None:
        """Stop the agent if it is still at it; but a protected first message is heard out."""
        going = [
            task for task in (self._turn, *([] if self._guarded else [self._greeting])) if task and not task.done()
        ]
        await _stop(going)
        interrupted = going or self._speaker.left
        if interrupted and not self._guarded and not self._config["conversation"]["text_only"]:
            await self._speaker.interrupt()

    @property
    def _guarded(self) -> bool:
        greeting = self._greeting is not None and not self._greeting.done()
        being_said = greeting or (self._speaker.event == 1 and self._speaker.left > 0)
        return self._config["agent"]["disable_first_message_interruptions"] and being_said

    # Voice

    async def _hear(self, chunk: bytes) -> None:
        if self._config["conversation"]["text_only"]:
            return
        heard, pcm = self._ears.hear(chunk)
        self.tapes[0].add(asyncio.get_running_loop().time() - self._began, pcm)
        await self._line.send(frames.vad(heard.score))
        if heard.score >= _VOICE:
            self._user_at = self._setup.clock()
        if self._guarded and not self._config["turn"]["transcribe_on_disabled_interruptions"]:
            return  # what is said meanwhile is lost
        if heard.started:
            await self._take_the_floor()
        if heard.finished and (script := self._setup.switches.hears):
            line = script[self._spoken_turns % len(script)]
            self._spoken_turns += 1
            await self._line.send(frames.transcript(self._speaker.event + 1, line))
            await self._ask(line, "audio")

    # Limits

    def _check_limits(self, credits: int) -> None:
        if self._speaker.left:
            self._user_at = self._setup.clock()  # nobody is silent while the agent speaks
        silence = self._setup.clock() - self._user_at
        if self._record.seconds >= self._config["conversation"]["max_duration_seconds"]:
            raise Ended(NORMAL, "Max conversation duration was exceeded.", kind="max_duration_exceeded")
        if self.cost > credits:
            reason = "This request exceeds your quota limit."
            raise Ended(QUOTA, reason, kind="quota_exceeded", because="Quota exceeded")
        patience = self._config["turn"]["silence_end_call_timeout"], self._setup.switches.inactivity_seconds
        if any(0 < allowed <= silence for allowed in patience):
            raise Ended(NORMAL, "Conversation ended after silence.")


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
