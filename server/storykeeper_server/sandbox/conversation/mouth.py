"""The agent's voice: speech in the format of the conversation, in chunks with the times of their characters."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..state import Row
from ..voices import speech

_CHUNK_SECONDS = 0.25


class Mouth:
    """Speaks with an agent's settings. Every cloned voice sounds the same here: nothing is cloned."""

    def __init__(self, config: Row) -> None:
        self._format: str = config["tts"]["agent_output_audio_format"]
        self._speed: float = config["tts"]["speed"]
        self._language: str = config["agent"]["language"]
        self.rate = int(self._format.partition("_")[2])

    async def speak(self, text: str) -> AsyncIterator[tuple[bytes, bytes, Row]]:
        """Chunks: as sent, as 16-bit PCM, and the alignment of their characters."""
        pcm = await speech.speak(text, rate=self.rate, speed=self._speed, language=self._language)
        size = int(self.rate * _CHUNK_SECONDS) * 2
        for start in range(0, len(pcm), size):
            chunk = pcm[start : start + size]
            yield self._encoded(chunk), chunk, _alignment(text, start, len(chunk), len(pcm), self.rate)

    def _encoded(self, pcm: bytes) -> bytes:
        return pcm if self._format.startswith("pcm_") else speech.encode(pcm, self.rate, self._format)


def _alignment(text: str, start: int, size: int, whole: int, rate: int) -> Row:
    # Characters are spread evenly over the speech; the synthesiser doesn't tell their times.
    first, last = len(text) * start // whole, len(text) * (start + size) // whole
    chars = text[first:last]
    each = size / 2 / rate * 1000 / len(chars) if chars else 0
    return {
        "chars": list(chars),
        "char_start_times_ms": [round(index * each) for index in range(len(chars))],
        "char_durations_ms": [round(each)] * len(chars),
    }
