"""The sandbox's time, which tests can move."""

from __future__ import annotations

import time
from collections.abc import Callable

_MOST = 100 * 366 * 24 * 60 * 60


class Clock:
    """Unix seconds. Moved forward, it makes links expire, indexing finish and months end without any waiting."""

    def __init__(self, base: Callable[[], float] = time.time, *, ahead: float = 0.0) -> None:
        self._base = base
        self.ahead = ahead
        """By how many seconds it was moved."""

    def __call__(self) -> float:
        return self._base() + self.ahead

    def advance(self, seconds: float) -> None:
        """Move on, by a hundred years in all at most; time never goes back."""
        if not 0 <= seconds <= _MOST - self.ahead:
            raise ValueError("time only goes forward, and not by more than a hundred years")
        self.ahead += seconds
