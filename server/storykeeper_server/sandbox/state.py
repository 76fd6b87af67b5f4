"""What the sandbox remembers: JSON rows in SQLite, in memory or in a file that several processes share."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import frozen

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS rows (workspace TEXT, kind TEXT, id TEXT, body TEXT NOT NULL,"
    " PRIMARY KEY (workspace, kind, id)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS rows_by_id ON rows (kind, id)",
    "CREATE TABLE IF NOT EXISTS files (workspace TEXT, kind TEXT, id TEXT, data BLOB NOT NULL,"
    " PRIMARY KEY (workspace, kind, id)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS clock (ahead REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS warnings (path TEXT, field TEXT, PRIMARY KEY (path, field))",
)
_OPENING_SECONDS = 30.0
_BUSY_SECONDS = 5.0
_MOST_WARNINGS = 1000

Row = dict[str, Any]


@dataclass(frozen=True)
class Unknown:
    """A request field that the official schema doesn't have: the service ignores it, so a typo goes unseen."""

    path: str
    field: str


class _Shelf:
    """The rows of a kind as they were last read, parsed; `stale` once somebody wrote."""

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[str, Row]] = {}
        self._rows: list[Row] = []
        self.stale = True

    def read(self, connection: sqlite3.Connection, workspace: str, kind: str) -> list[Row]:
        if self.stale:
            query = "SELECT id, body FROM rows WHERE workspace = ? AND kind = ?"
            found = connection.execute(query, (workspace, kind)).fetchall()
            self._parsed = {id: self._same(id, body) for id, body in found}
            self._rows = [row for _, row in self._parsed.values()]
            self.stale = False
        return self._rows

    def _same(self, id: str, body: str) -> tuple[str, Row]:
        before = self._parsed.get(id)
        return before if before and before[0] == body else (body, frozen.loads(body))


class _Shelves:
    """What was read before, by workspace and kind. Parsing takes most of a list's time, and most rows stay the same."""

    def __init__(self) -> None:
        self._shelves: defaultdict[tuple[str, str], _Shelf] = defaultdict(_Shelf)
        self._version = 0

    def heed(self, version: int) -> None:
        """Note SQLite's counter of what other processes wrote."""
        if version != self._version:
            self.forget()
            self._version = version

    def forget(self) -> None:
        """All of it may have changed."""
        for shelf in self._shelves.values():
            shelf.stale = True

    def __getitem__(self, place: tuple[str, str]) -> _Shelf:
        return self._shelves[place]


class Snapshot:
    """One workspace's rows as they are at one moment, to be read only."""

    def __init__(self, connection: sqlite3.Connection, workspace: str, shelves: _Shelves) -> None:
        self._connection = connection
        self._workspace = workspace
        self._shelves = shelves

    def get(self, kind: str, id: str) -> Row | None:
        """The row, or None."""
        found = self._connection.execute(
            "SELECT body FROM rows WHERE workspace = ? AND kind = ? AND id = ?", (self._workspace, kind, id)
        ).fetchone()
        return json.loads(found[0]) if found else None

    def all(self, kind: str) -> list[Row]:
        """Every row of a kind, to be read only: changing one raises TypeError, since others read the same object."""
        return list(self._shelves[self._workspace, kind].read(self._connection, self._workspace, kind))

    def count(self, kind: str) -> int:
        """How many rows of a kind there are."""
        query = "SELECT count(*) FROM rows WHERE workspace = ? AND kind = ?"
        return self._connection.execute(query, (self._workspace, kind)).fetchone()[0]

    def kept(self, kind: str, id: str) -> bytes | None:
        """The bytes, or None."""
        found = self._connection.execute(
            "SELECT data FROM files WHERE workspace = ? AND kind = ? AND id = ?", (self._workspace, kind, id)
        ).fetchone()
        return found[0] if found else None


class Rows(Snapshot):
    """One workspace's rows inside a transaction that may change them."""

    def put(self, kind: str, id: str, body: Row) -> None:
        """Insert or replace a row."""
        self._shelves[self._workspace, kind].stale = True
        self._connection.execute(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", (self._workspace, kind, id, json.dumps(body))
        )

    def drop(self, kind: str, id: str) -> bool:
        """Delete a row; False if there was none."""
        self._shelves[self._workspace, kind].stale = True
        query = "DELETE FROM rows WHERE workspace = ? AND kind = ? AND id = ?"
        return self._connection.execute(query, (self._workspace, kind, id)).rowcount > 0

    def keep(self, kind: str, id: str, data: bytes) -> None:
        """Insert or replace bytes, such as a sample's audio; they live beside the rows, under kinds of their own."""
        self._connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (self._workspace, kind, id, data))

    def erase(self, kind: str, id: str) -> bool:
        """Delete bytes; False if there were none."""
        query = "DELETE FROM files WHERE workspace = ? AND kind = ? AND id = ?"
        return self._connection.execute(query, (self._workspace, kind, id)).rowcount > 0


class State:
    """The store. `None` keeps it in memory; a path keeps it in a file, private to its owner.

    Who reads waits for nobody; who writes waits `busy_seconds` for another process that writes, and then gets an error.
    """

    def __init__(self, path: Path | None, *, busy_seconds: float = _BUSY_SECONDS) -> None:
        if path is not None:
            _reserve(path)
        self._lock = threading.RLock()
        self._shelves = _Shelves()
        self._connection = sqlite3.connect(
            path or ":memory:", timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        self.close = weakref.finalize(self, self._connection.close)
        with self._lock:
            _write_ahead(self._connection)
            # Without a sync at each commit a power cut may lose the last writes; a sandbox can bear that.
            self._connection.execute("PRAGMA synchronous = NORMAL")
        with self._writing() as connection:
            for statement in _SCHEMA:
                connection.execute(statement)

    @property
    def ahead(self) -> float:
        """By how many seconds the clock of this state was moved."""
        with self._reading() as connection:
            return connection.execute("SELECT coalesce(max(ahead), 0) FROM clock").fetchone()[0]

    @ahead.setter
    def ahead(self, seconds: float) -> None:
        with self._writing() as connection:
            connection.execute("INSERT INTO clock VALUES (?)", (seconds,))

    @contextlib.contextmanager
    def rows(self, workspace: str) -> Generator[Rows]:
        """A transaction over one workspace: all of it happens, or none, and nobody writes in between."""
        with self._writing() as connection:
            self._heed()
            yield Rows(connection, workspace, self._shelves)

    @contextlib.contextmanager
    def reading(self, workspace: str) -> Generator[Snapshot]:
        """One workspace as it is now; other processes may go on writing."""
        with self._reading() as connection:
            self._heed()
            yield Snapshot(connection, workspace, self._shelves)

    def _heed(self) -> None:
        self._shelves.heed(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def owner(self, kind: str, id: str) -> str | None:
        """The workspace that holds a row, for the operations that need no key."""
        with self._reading() as connection:
            found = connection.execute("SELECT workspace FROM rows WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        return found[0] if found else None

    def warn(self, path: str, fields: list[str]) -> None:
        """Record request fields that the official schema doesn't have; after a thousand no more."""
        new = "INSERT OR IGNORE INTO warnings SELECT ?, ? WHERE (SELECT count(*) FROM warnings) < ?"
        with self._writing() as connection:
            connection.executemany(new, [(path, field, _MOST_WARNINGS) for field in fields])

    @property
    def warnings(self) -> list[Unknown]:
        """Each unknown request field seen so far, once per path."""
        with self._reading() as connection:
            return [Unknown(*row) for row in connection.execute("SELECT path, field FROM warnings ORDER BY 1, 2")]

    @contextlib.contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._shelves.forget()
                self._connection.rollback()
                raise

    @contextlib.contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        # Not immediate: that would wait until nobody else writes.
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.rollback()


def _write_ahead(connection: sqlite3.Connection) -> None:
    # Several that open a new file at once: while SQLite changes its journal it doesn't wait for others, whatever the
    # time-out says.
    until = time.monotonic() + _OPENING_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _reserve(path: Path) -> None:
    # Exclusively, because closing a second descriptor of an open database would drop SQLite's locks on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
