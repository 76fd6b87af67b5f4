"""Clipped samples: those that lie on a flat top, also when the recording was made softer afterwards.

Samples of real sound grow rarer towards the largest one. Where sound was cut off they pile up at the largest instead:
within 0.1 % of it they lie twelve times as close as in the 5 % below. (Those of a pure tone lie five times as close.) Each
channel's upper and lower side is looked at alone, by counts in steps of 0.05 %, so that nothing need be kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .windows import Floats, Windows

FEWEST = 10
TOP, BELOW = 0.999, 0.95
CLOSER = 12 * (1 - TOP) / (TOP - BELOW)
_SHIFT = 12  # leaves 11 bits of the fraction of a 32-bit float: steps of 1/2048
_BINS = 1 << (31 - _SHIFT)


class Clipping:
    """Of the first two channels; what goes beyond full scale will be cut off, and counts too."""

    def __init__(self, rate: int, channels: int, step: float) -> None:
        self._sides = [_Side(rate, step) for _ in range(2 * min(channels, 2))]
        self._samples = 0

    def add(self, block: Floats) -> None:
        self._samples += len(block)
        for number, side in enumerate(self._sides):
            channel = np.ascontiguousarray(block[:, number // 2])
            side.add(channel if number % 2 else -channel)

    def share(self) -> float:
        """Clipped samples of all, 0 to 1; of the channel that has more."""
        counts = [side.clipped() for side in self._sides]
        most = max(map(sum, zip(counts[::2], counts[1::2], strict=True)))
        return most / self._samples if self._samples else 0.0

    def windows(self) -> NDArray[np.bool_]:
        """Which windows hold clipped samples."""
        return np.any([side.peaks.values() >= side.plateau() for side in self._sides], axis=0)


class _Side:
    """The samples above zero of one channel, or those below it turned over."""

    def __init__(self, rate: int, step: float) -> None:
        self.peaks = Windows(rate, step, np.maximum)
        self._counts = np.zeros(_BINS, np.int64)
        self._largest = 0.0

    def add(self, samples: Floats) -> None:
        self.peaks.add(samples)
        self._largest = max(self._largest, float(samples.max(initial=0)))
        # What is far below the largest so far is farther below the largest of all.
        high = samples[samples > min(1.0, 0.9 * self._largest)]
        np.add.at(self._counts, high.view(np.int32) >> _SHIFT, 1)

    def plateau(self) -> float:
        """Where the flat top begins; infinite without one."""
        return TOP * self._top() if self._piled() else 1.0 if self._above(1.0) >= FEWEST else np.inf

    def clipped(self) -> int:
        return max(self._above(TOP * self._top()) if self._piled() else 0, self._above(1.0))

    def _piled(self) -> bool:
        top = self._top()
        piled = self._above(TOP * top)
        return piled >= FEWEST and piled > CLOSER * (self._above(BELOW * top) - piled)

    def _top(self) -> float:
        """The largest sample."""
        filled = np.flatnonzero(self._counts)
        return _value(int(filled[-1]) + 1) if len(filled) else 0.0

    def _above(self, value: float) -> int:
        """How many samples are at least as large."""
        return int(self._counts[_bin(value) :].sum())


def _bin(value: float) -> int:
    """The step whose lower edge comes first after a value."""
    return -(-int(np.float32(value).view(np.int32)) >> _SHIFT) if value > 0 else 0


def _value(step: int) -> float:
    return float(np.int32(step << _SHIFT).view(np.float32))
