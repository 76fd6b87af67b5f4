"""Recordings of a conversation: one track for each side."""

from __future__ import annotations

import array
import io
from fractions import Fraction
from typing import Any

from ..voices.audio import resample

_MOST_BYTES = 64 * 1024 * 1024  # a side, 35 minutes at 16 kHz; what comes after isn't recorded


class Tape:
    """16-bit PCM on a timeline of seconds into the conversation."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.pcm = bytearray()

    def add(self, at: float, pcm: bytes) -> None:
        """Sound that began `at` seconds into the conversation, or where the last one ended if that is later."""
        start = max(len(self.pcm), int(at * self.rate) * 2)
        if start + len(pcm) <= _MOST_BYTES:
            self.pcm.extend(bytes(start - len(self.pcm)))
            self.pcm.extend(pcm)


def mp3(user: Tape, agent: Tape) -> bytes:
    """The user on the left and the agent on the right, so that nothing needs mixing. Slow: call it in a thread."""
    import av  # a good part of the sandbox's start-up time, and most conversations aren't recorded

    rate = max(agent.rate, 16_000)  # below that MP3 is another format
    stereo = _side_by_side(*(resample(bytes(tape.pcm), tape.rate, rate) for tape in (user, agent)))
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as container:
        stream: Any = container.add_stream("libmp3lame", rate=rate, layout="stereo")  # pyright: ignore[reportUnknownMemberType]  # its stubs leave it open
        for start in range(0, len(stereo), 4 * rate):
            part = stereo[start : start + 4 * rate]
            frame = av.AudioFrame(format="s16", layout="stereo", samples=len(part) // 4)
            frame.sample_rate, frame.pts, frame.time_base = rate, start // 4, Fraction(1, rate)
            frame.planes[0].update(part)
            container.mux(stream.encode(frame))  # pyright: ignore[reportUnknownMemberType]  # as above
        container.mux(stream.encode(None))  # pyright: ignore[reportUnknownMemberType]  # as above
    return out.getvalue()


def _side_by_side(left: bytes, right: bytes) -> bytes:
    samples = max(len(left), len(right)) // 2
    stereo = array.array("h", bytes(4 * samples))
    stereo[0 : len(left) : 2] = array.array("h", left)
    stereo[1 : len(right) : 2] = array.array("h", right)
    return stereo.tobytes()
