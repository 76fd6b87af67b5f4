"""Hearing that somebody speaks, and when they stop. What they say isn't recognised: lines of a script stand for it."""

from __future__ import annotations

import array
import math
import sys
from dataclasses import dataclass

_LOUD = 500.0  # root mean square of 16-bit samples; a quiet room is below 100, speech near a microphone above 1,000
_SPEECH_SECONDS = 0.2
_PAUSE_SECONDS = 0.7
_WINDOW_SECONDS = 0.02


@dataclass(frozen=True)
class Heard:
    """What a chunk of audio changed."""

    score: float
    started: bool = False
    """The user began to speak."""
    finished: bool = False
    """The user spoke, and is silent again: it is the agent's turn."""


class Ears:
    """Voice activity in a stream of the given format (`pcm_16000`, `ulaw_8000`, ...), timed by the audio itself."""

    def __init__(self, format: str) -> None:
        encoding, _, rate = format.partition("_")
        self.rate = int(rate)
        self._ulaw = encoding == "ulaw"
        self._window = int(self.rate * _WINDOW_SECONDS)
        self._rest = array.array("h")
        self._odd = b""
        self._loud = 0.0
        self._quiet = 0.0
        self._speaking = False

    def hear(self, chunk: bytes) -> tuple[Heard, bytes]:
        """What the chunk changed, and the chunk as 16-bit PCM."""
        samples = self._decode(chunk)
        heard = self._rest + samples
        started = finished = False
        loudest = 0.0
        for start in range(0, len(heard) - self._window + 1, self._window):
            level = _level(heard[start : start + self._window])
            loudest = max(loudest, level)
            began, ended = self._step(level >= _LOUD)
            started, finished = started or began, finished or ended
        self._rest = heard[len(heard) - len(heard) % self._window :]
        return Heard(min(1.0, loudest / (4 * _LOUD)), started, finished), samples.tobytes()

    def _decode(self, chunk: bytes) -> array.array[int]:
        if self._ulaw:
            return array.array("h", (_ULAW[byte] for byte in chunk))
        data = self._odd + chunk
        self._odd = data[len(data) - len(data) % 2 :]
        samples = array.array("h", data[: len(data) - len(self._odd)])
        if sys.byteorder == "big":
            samples.byteswap()
        return samples

    def _step(self, loud: bool) -> tuple[bool, bool]:
        self._loud = self._loud + _WINDOW_SECONDS if loud else (self._loud if self._speaking else 0.0)
        self._quiet = 0.0 if loud else self._quiet + _WINDOW_SECONDS
        began = not self._speaking and self._loud >= _SPEECH_SECONDS
        ended = self._speaking and self._quiet >= _PAUSE_SECONDS
        self._speaking = (self._speaking or began) and not ended
        if ended:
            self._loud = 0.0
        return began, ended


def _level(samples: array.array[int]) -> float:
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples))


def _expand(byte: int) -> int:
    inverted = ~byte & 0xFF
    magnitude = ((((inverted & 0x0F) << 3) + 0x84) << ((inverted & 0x70) >> 4)) - 0x84
    return -magnitude if inverted & 0x80 else magnitude


_ULAW = [_expand(byte) for byte in range(256)]
