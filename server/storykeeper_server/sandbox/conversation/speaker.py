"""The agent's side of a conversation: what it says, how far the client has played it, and being interrupted."""

from __future__ import annotations

import asyncio

from ..state import Row
from . import frames
from .line import Line
from .mouth import Mouth
from .record import Record
from .tape import Tape


class Speaker:
    """Says one text after the other, each under an event id of its own."""

    def __init__(self, line: Line, record: Record, config: Row) -> None:
        self._line = line
        self._record = record
        self._mouth = None if config["conversation"]["text_only"] else Mouth(config)
        self.tape = Tape(self._mouth.rate if self._mouth else 16_000)
        self.event = 0
        self._begun = _now()
        self._text = ""
        self._saying = False
        self._playing = (0.0, 0.0)

    @property
    def left(self) -> float:
        """Seconds of speech that the client has got and not yet played, if it plays without pauses."""
        return max(0.0, self._playing[1] - _now())

    async def say(self, text: str, sources: list[Row]) -> None:
        """Say a text: as text in parts where the conversation has no sound, else as one response and its audio."""
        self.event += 1
        if self._mouth is None:
            await self._line.send(frames.part(self.event, "start"))
            await self._line.send(frames.part(self.event, "delta", text))
            await self._line.send(frames.part(self.event, "stop"))
        await self._line.send(frames.response(self.event, text))
        self._record.said(self.event, text, "audio" if self._mouth else "text", sources)
        if self._mouth:
            self._text, self._saying = text, True
            await self._speak(self._mouth, text)
            self._saying = False

    async def _speak(self, mouth: Mouth, text: str) -> None:
        length = 0.0
        start = max(_now(), self._playing[1])
        async for data, pcm, alignment in mouth.speak(text):
            await self._line.send(frames.audio(self.event, data, alignment))
            self.tape.add(start - self._begun, pcm)
            length += len(pcm) / 2 / mouth.rate
            self._playing = (start, start + length)

    async def interrupt(self) -> None:
        """Somebody talks over it: the client drops what it hasn't played, and the history keeps what was heard."""
        await self._line.send(frames.interruption(self.event))
        # What was heard to its end before is no part of this: the agent may have been thinking only.
        if self._saying or self.left:
            heard = self._heard()
            original = self._record.cut(heard)
            await self._line.send(frames.correction(self.event, original, heard))
        self._text, self._saying, self._playing = "", False, (0.0, 0.0)

    def _heard(self) -> str:
        start, end = self._playing
        share = (_now() - start) / (end - start) if end > start else 0.0
        words = self._text.split()
        return " ".join(words[: int(len(words) * min(1.0, max(0.0, share)))]) + "..."


def _now() -> float:
    # Playback goes on in real time, however a test moves the sandbox's clock.
    return asyncio.get_running_loop().time()
