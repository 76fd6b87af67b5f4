"""A recording tenth of a second by tenth of a second: where somebody speaks, how loud, and over what background."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass

STEP = 0.1
SILENCE = -120.0
_ROW = 4 + 4 + 1 + 1 + 1


@dataclass(frozen=True, slots=True)
class Timeline:
    """One value for each window of `STEP` seconds of decoded sound.

    `level` and `noise` are RMS in dBFS of all channels mixed, `SILENCE` where there is nothing; the others are 0 or 1.
    """

    level: array[float]
    noise: array[float]
    speech: bytes
    clipped: bytes
    music: bytes

    def __len__(self) -> int:
        return len(self.speech)

    def pack(self) -> bytes:
        rows = self.level.tobytes() + self.noise.tobytes() + self.speech + self.clipped + self.music
        return struct.pack("<I", len(self)) + rows


def unpack(data: bytes) -> Timeline:
    """What `Timeline.pack` made. Raises ValueError for anything else."""
    count = struct.unpack_from("<I", data)[0] if len(data) >= 4 else 0
    if len(data) != 4 + count * _ROW:
        raise ValueError("that is not a timeline")
    level, noise = array("f"), array("f")
    level.frombytes(data[4 : 4 + 4 * count])
    noise.frombytes(data[4 + 4 * count : 4 + 8 * count])
    flags = data[4 + 8 * count :]
    return Timeline(level, noise, flags[:count], flags[count : 2 * count], flags[2 * count :])
