"""Where the ledger's rows lie: in a SQLite file, shared by the processes of one machine, unless elsewhere.

A transaction is exclusive: two processes that read and then write can't both believe to be first.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio

from ..errors import Busy, Conflict
from ..files import private_folder

NOTHING_LOST = "nothing is lost"
BUSY_SECONDS = 5.0  # transactions take a millisecond; who holds one longer is stuck
_AGAIN_SECONDS = 0.25
_HELD_UP_SECONDS = 0.05  # of waiting for a lock, from the second time on

T = TypeVar("T")
Value = str | int | float | bytes | None


class OutOfReach(Busy):
    """The database can't be used now; the same call works once it can."""


async def insisting(call: Callable[..., T], *values: Any) -> T:
    """What a call answers, once the database can be used."""
    while True:
        try:
            return call(*values)
        except OutOfReach:
            await anyio.sleep(_AGAIN_SECONDS)


class Database(Protocol):
    """What the ledger needs. Everything blocks for at most a few milliseconds, while all is well."""

    def query(self, statement: str, *values: Value) -> list[tuple[Any, ...]]: ...

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing; one inside another is part of it."""
        ...

    def exists(self) -> bool:
        """Whether there can be anything in it; looking makes nothing."""
        ...

    def version(self) -> int:
        """Of its tables; 0 where there are none."""
        ...

    def set_version(self, version: int) -> None: ...

    def scrub(self) -> None:
        """Leave nothing of what was deleted in the files. Blocking; raises Busy while others are in the way."""
        ...

    def close(self) -> None: ...


@dataclass(slots=True)
class SQLite:
    """Opened at the first use, so that a server that only lists its tools touches no disk. `used`: whether a file that
    is there can't be an empty one."""

    path: Path
    prepare: Callable[[Database], None]
    used: Callable[[], bool] = lambda: False
    _db: sqlite3.Connection | None = field(default=None, repr=False)
    _held_up: bool = False

    def query(self, statement: str, *values: Value) -> list[tuple[Any, ...]]:
        with _told():
            return self._open().execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Generator[None]:
        db = self._open()
        if db.in_transaction:
            yield
            return
        with _told():
            self._begin(db)
            try:
                yield
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # which a full disk has ended already
                    db.execute("ROLLBACK")
                raise

    def exists(self) -> bool:
        return self.path.exists()

    def version(self) -> int:
        return int(self.query("PRAGMA user_version")[0][0])

    def set_version(self, version: int) -> None:
        self.query(f"PRAGMA user_version = {version}")

    def scrub(self) -> None:
        """Write the file anew, without its free pages, and empty the log of what was changed."""
        with _told():
            db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                db.execute("VACUUM")
                [(busy, *_)] = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                db.close()
        if busy:
            raise Busy("another program is reading Storykeeper's ledger")

    def close(self) -> None:
        if self._db:
            self._db.close()
            self._db = None

    def _begin(self, db: sqlite3.Connection) -> None:
        """Wait for others once; while they don't let go, a run and its callers all ask, and must not wait in a row."""
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._wait(db, _HELD_UP_SECONDS)
            raise
        if self._held_up:
            self._wait(db, BUSY_SECONDS)

    def _wait(self, db: sqlite3.Connection, seconds: float) -> None:
        self._held_up = seconds < BUSY_SECONDS
        db.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            with _told():
                new = _create(self.path)
                self._db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                if not new and self.used() and self.version() == 0:
                    raise spoilt("is empty, though it was used")
                with _told():
                    _set_up(self._db)
                self.prepare(self)
            except BaseException:
                self.close()
                raise
        return self._db


def _create(path: Path) -> bool:
    """Make the file for its owner only, unless it is there already."""
    private_folder(path.parent)
    with suppress(FileExistsError):
        # Exclusively: closing another descriptor of an open database would drop the locks that SQLite holds on it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return True
    return False


def _set_up(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    # An intent must be on the disk before its request leaves: a power cut may not make us forget that we asked.
    db.execute("PRAGMA synchronous = FULL")
    # What is forgotten is overwritten, whatever this SQLite was built with.
    db.execute("PRAGMA secure_delete = ON")


@contextmanager
def _told() -> Generator[None]:
    """What SQLite says of a file that it can't use, in our words."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise  # a defect of ours, not of the file
    except sqlite3.OperationalError as error:
        code = error.sqlite_errorcode & 0xFF
        raise spoilt("has other tables than it should") if code == sqlite3.SQLITE_ERROR else _unusable(code) from error
    except sqlite3.DatabaseError as error:
        raise spoilt("is damaged") from error


def _unusable(code: int) -> OutOfReach:
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return OutOfReach("another program is using Storykeeper's ledger", exists=NOTHING_LOST)
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        next = "free some space, or see what is wrong with the disk, and call again"
        return OutOfReach(
            "Storykeeper's ledger can't be written: the disk is full, or fails", exists=NOTHING_LOST, next=next
        )
    next = (
        "see that you may write to the workspace's folder in STORYKEEPER_HOME, and to every file in it; then call again"
    )
    return OutOfReach("Storykeeper's ledger can't be opened or written", exists=NOTHING_LOST, next=next)


def spoilt(how: str) -> Conflict:
    """The file isn't what we wrote."""
    next = "restore storykeeper.sqlite; or set it aside, plan again, and `storykeeper reconcile --adopt`"
    return Conflict(f"Storykeeper's ledger {how}", exists="what was made stays as it is at ElevenLabs", next=next)
