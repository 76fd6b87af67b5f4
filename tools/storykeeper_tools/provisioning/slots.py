"""Places for workers: who holds one carries runs, under a name that nobody alive shares."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..files import private_folder
from .database import OutOfReach
from .postgres import Link, namespace

MOST = 32  # each worker has some fifteen connections, and a server takes a hundred unless told otherwise
# How long after a server's return its places count as free: whoever held one has come back by then.
_SETTLED_SECONDS = 4.0


class Slot(Protocol):
    """`executor` is the holder's name: whoever holds the same place next finds in the engine what this one left."""

    @property
    def executor(self) -> str: ...

    def take(self) -> bool:
        """Whether one is held from now on."""
        ...

    def lost(self) -> bool:
        """Whether what was taken has gone to somebody else. Raises OutOfReach while that can't be told."""
        ...

    def occupied(self) -> bool:
        """Whether anybody holds one."""
        ...

    def bequeathed(self, executor: str) -> AbstractContextManager[bool]:
        """Whether another place's holder is gone for good; nobody takes that place meanwhile."""
        ...

    def give_back(self) -> None: ...


@dataclass(slots=True)
class FileSlot:
    """The one place of a machine, held by a lock on a file: free again when its process ends, however it ends."""

    path: Path
    executor: str = "worker"
    _held: int | None = field(default=None, repr=False)

    def take(self) -> bool:
        if self._held is None:
            self._held = self._lock()
        return self._held is not None

    def lost(self) -> bool:
        return False

    def occupied(self) -> bool:
        if self._held is not None:
            return True
        probe = self._lock()
        if probe is not None:
            os.close(probe)
        return probe is None

    @contextmanager
    def bequeathed(self, executor: str) -> Generator[bool]:
        yield False

    def give_back(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _lock(self) -> int | None:
        private_folder(self.path.parent)
        descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor


@dataclass(slots=True)
class NumberedSlot:
    """One of many places, held by a lock in Postgres for as long as a connection of its own stands."""

    link: Link
    schema: str
    settled: float = _SETTLED_SECONDS
    _number: int = 0
    _since: float = 0.0

    @property
    def executor(self) -> str:
        return _name(self._number)

    def take(self) -> bool:
        """The first that is free."""
        if not self._number:
            self._number = next(filter(self._lock, range(1, MOST + 1)), 0)
            self._since = self.link.since
        return bool(self._number)

    def lost(self) -> bool:
        """A lock that went with its connection is taken again, unless somebody was faster."""
        if self.link.alive() and self.link.since == self._since:
            return False
        regained = self._lock(self._number)
        self._since = self.link.since
        return not regained

    def occupied(self) -> bool:
        if self._number:
            return True
        question = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND objid > 0"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND classid::bigint = (%s::bigint & 4294967295)"
        )
        return self._ask(question, namespace(self.schema)) > 0

    @contextmanager
    def bequeathed(self, executor: str) -> Generator[bool]:
        number = next((n for n in range(1, MOST + 1) if _name(n) == executor and n != self._number), 0)
        settled = time.monotonic() >= self.link.since + self.settled
        if not (number and settled and self._lock(number)):
            yield False
            return
        try:
            yield True
        finally:
            self._ask("SELECT pg_advisory_unlock(%s, %s)::int", namespace(self.schema), number)

    def give_back(self) -> None:
        """The connection goes as well; said first, since the server would notice that in its own time."""
        if self._number and self.link.alive():
            with suppress(OutOfReach):
                self._ask("SELECT pg_advisory_unlock(%s, %s)::int", namespace(self.schema), self._number)
        self.link.close()
        self._number = 0

    def _lock(self, number: int) -> bool:
        return self._ask("SELECT pg_try_advisory_lock(%s, %s)::int", namespace(self.schema), number) > 0

    def _ask(self, question: str, *values: int) -> int:
        connection = self.link.connection()
        with self.link.told():
            row = connection.execute(question.encode(), values).fetchone()
        if row is None:
            raise OutOfReach("the database gave no answer")
        return int(row[0])


def _name(number: int) -> str:
    return f"worker-{number}"
