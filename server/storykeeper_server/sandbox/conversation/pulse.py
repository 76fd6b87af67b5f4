"""Pings, and how long their answers take."""

from __future__ import annotations

import time


class Pulse:
    """Ids count from 1; each ping tells the round trip of the last one that was answered."""

    def __init__(self) -> None:
        self._sent: tuple[int, float] = (0, 0.0)
        self._milliseconds: int | None = None

    def ping(self) -> tuple[int, int | None]:
        """The next ping's id, and the last round trip in milliseconds if there was one."""
        self._sent = self._sent[0] + 1, time.monotonic()
        return self._sent[0], self._milliseconds

    def pong(self, id: int) -> None:
        """An answer; only one to the last ping tells anything."""
        if id == self._sent[0]:
            self._milliseconds = max(1, round((time.monotonic() - self._sent[1]) * 1000))
