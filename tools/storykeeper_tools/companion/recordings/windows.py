"""A stream of samples as windows of equal time, summed or joined as it goes by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


class Windows:
    """`join` (np.add, np.maximum) over windows of `step` seconds, whose edges are rounded to the nearest sample."""

    def __init__(self, rate: int, step: float, join: np.ufunc) -> None:
        self.width, self.join = rate * step, join
        self._done: list[NDArray[np.float64]] = []
        self._at, self._index, self._open = 0, 0, False
        self._carry = 0.0

    def add(self, samples: NDArray[np.floating]) -> None:
        """Samples of one channel, after those that came before."""
        if not len(samples):
            return
        last = self._at + len(samples)
        edges = np.round(np.arange(self._index + 1, int(last / self.width) + 2) * self.width).astype(np.int64)
        edges = edges[edges <= last]
        starts = np.concatenate([[0], edges[edges < last] - self._at])
        joined = self.join.reduceat(samples, starts, dtype=np.float64)
        if self._open:
            joined[0] = self.join(joined[0], self._carry)
        full = len(edges)
        self._done.append(joined[:full])
        self._open = len(joined) > full
        self._carry = float(joined[-1]) if self._open else 0.0
        self._index, self._at = self._index + full, last

    def values(self) -> NDArray[np.float64]:
        """One value for each whole window."""
        return np.concatenate(self._done) if self._done else np.zeros(0)
