"""The sandbox's time, which tests can move."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Unix seconds. Moved forward, it makes links expire, indexing finish and months end without any waiting."""

    def __init__(self, base: Callable[[], float] = time.time) -> None:
        self._base = base
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._base() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move on; time never goes back."""
        if seconds < 0:
            raise ValueError("time only goes forward")
        self._ahead += seconds
