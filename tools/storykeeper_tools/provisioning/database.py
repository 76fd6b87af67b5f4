"""Where the ledger's rows lie: a SQLite file, shared by the processes of one machine.

A transaction is exclusive: two processes that read and then write can't both believe to be first.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..errors import Busy, Conflict
from ..files import private_folder

BUSY_SECONDS = 5.0  # transactions take a millisecond; who holds one longer is stuck

Value = str | int | float | bytes | None


class Database(Protocol):
    """What the ledger needs. Everything blocks for at most a few milliseconds, while all is well."""

    def query(self, statement: str, *values: Value) -> list[tuple[Any, ...]]: ...

    def transaction(self) -> AbstractContextManager[None]: ...

    def exists(self) -> bool:
        """Whether there can be anything in it; looking makes nothing."""
        ...

    def version(self) -> int:
        """Of its tables; 0 where there are none."""
        ...

    def set_version(self, version: int) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class SQLite:
    """Opened at the first use, so that a server that only lists its tools touches no disk."""

    path: Path
    prepare: Callable[[Database], None]
    _db: sqlite3.Connection | None = field(default=None, repr=False)

    def query(self, statement: str, *values: Value) -> list[tuple[Any, ...]]:
        with _told():
            return self._open().execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Generator[None]:
        db = self._open()
        with _told():
            db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            db.execute("ROLLBACK")
            raise
        with _told():
            db.execute("COMMIT")

    def exists(self) -> bool:
        return self.path.exists()

    def version(self) -> int:
        return int(self.query("PRAGMA user_version")[0][0])

    def set_version(self, version: int) -> None:
        self.query(f"PRAGMA user_version = {version}")

    def close(self) -> None:
        if self._db:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            with _told():
                self._db = _connect(self.path)
            try:
                self.prepare(self)
            except BaseException:
                self.close()
                raise
        return self._db


def _connect(path: Path) -> sqlite3.Connection:
    private_folder(path.parent)
    with suppress(FileExistsError):
        # Exclusively: closing another descriptor of an open database would drop the locks that SQLite holds on it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    # An intent must be on the disk before its request leaves: a power cut may not make us forget that we asked.
    db.execute("PRAGMA synchronous = FULL")
    return db


@contextmanager
def _told() -> Generator[None]:
    """What SQLite says of a file that it can't use, in our words."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise  # a defect of ours, not of the file
    except sqlite3.OperationalError as error:
        raise Busy("another program is using Storykeeper's ledger, or it can't be written") from error
    except sqlite3.DatabaseError as error:
        raise Conflict("Storykeeper's ledger is damaged", next="restore storykeeper.sqlite, or set it aside") from error
