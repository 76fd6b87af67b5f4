"""Where the ledger's rows lie: a SQLite file by default, a Postgres database for several machines.

Statements are plain SQL that both understand, with `?` for values. A transaction is exclusive: two processes that read
and then write can't both believe to be first.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..errors import Busy, Conflict
from ..files import private_folder

BUSY_SECONDS = 5.0  # transactions take a millisecond; who holds one longer is stuck
_GONE_SECONDS = 30.0  # a database server that restarts is back by then
_LOCK = 0x53544F5259  # "STORY": whoever writes the ledger holds this advisory lock

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


@dataclass(slots=True)
class Postgres:
    """One connection, made at the first use and again when the server was away for up to half a minute."""

    url: str
    prepare: Callable[[Database], None]
    sleep: Callable[[float], None] = time.sleep
    _db: Any = field(default=None, repr=False)

    def query(self, statement: str, *values: Value) -> list[tuple[Any, ...]]:
        return self._patiently(lambda db: self._run(db, statement, values))

    @contextmanager
    def transaction(self) -> Generator[None]:
        db = self._patiently(lambda db: db)
        with _reached(), db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            yield

    def exists(self) -> bool:
        return True

    def version(self) -> int:
        self.query("CREATE TABLE IF NOT EXISTS version (number INTEGER NOT NULL)")
        return int(self.query("SELECT coalesce(max(number), 0) FROM version")[0][0])

    def set_version(self, version: int) -> None:
        self.query("INSERT INTO version VALUES (?)", version)

    def close(self) -> None:
        if self._db:
            self._db.close()
            self._db = None

    def _run(self, db: Any, statement: str, values: Sequence[Value]) -> list[tuple[Any, ...]]:
        cursor = db.execute(statement.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else []

    def _patiently(self, ask: Callable[[Any], Any]) -> Any:
        """Ask; outside of transactions, a lost connection is made anew."""
        import psycopg  # brings libpq; only for those who chose Postgres

        waited, pause = 0.0, 0.1
        while True:
            try:
                return ask(self._open())
            except psycopg.OperationalError as error:
                inside = self._db is not None and not self._db.closed
                self.close() if not inside else None
                if inside or waited >= _GONE_SECONDS:
                    raise Busy("the database of STORYKEEPER_DATABASE_URL can't be reached") from error
            self.sleep(pause)
            waited, pause = waited + pause, min(2.0, pause * 2)

    def _open(self) -> Any:
        if self._db is None or self._db.closed:
            import psycopg  # see above

            self._db = psycopg.connect(self.url, autocommit=True, connect_timeout=5)
            self.prepare(self)
        return self._db


@contextmanager
def _reached() -> Generator[None]:
    import psycopg  # see above

    try:
        yield
    except psycopg.OperationalError as error:
        raise Busy("the database of STORYKEEPER_DATABASE_URL went away") from error
