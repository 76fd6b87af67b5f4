"""How many requests of a workspace run at once."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Generator


class Full(Exception):
    """All places are taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} at once")
        self.limit = limit


class Concurrency:
    """Counts the running requests of one process by workspace and group, such as `standard` or `flash`."""

    def __init__(self) -> None:
        self._running: Counter[tuple[str, str]] = Counter()

    def running(self, workspace: str, group: str) -> int:
        """How many run now."""
        return self._running[workspace, group]

    @contextlib.contextmanager
    def slot(self, workspace: str, group: str, limit: int) -> Generator[int]:
        """Hold a place; yields how many are taken with this one. Raises `Full` when `limit` are."""
        if self.running(workspace, group) >= limit:
            raise Full(limit)
        self._running[workspace, group] += 1
        try:
            yield self.running(workspace, group)
        finally:
            self._running[workspace, group] -= 1
