"""What the sandbox remembers: JSON rows in SQLite, in memory or in a file that several processes share."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS rows (workspace TEXT, kind TEXT, id TEXT, body TEXT NOT NULL,"
    " PRIMARY KEY (workspace, kind, id)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS files (workspace TEXT, kind TEXT, id TEXT, data BLOB NOT NULL,"
    " PRIMARY KEY (workspace, kind, id)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS warnings (path TEXT, field TEXT, PRIMARY KEY (path, field))",
)
_BUSY_SECONDS = 30.0

Row = dict[str, Any]


@dataclass(frozen=True)
class Unknown:
    """A request field that the official schema doesn't have: the service ignores it, so a typo goes unseen."""

    path: str
    field: str


class Rows:
    """One workspace's rows inside an open transaction."""

    def __init__(self, connection: sqlite3.Connection, workspace: str) -> None:
        self._connection = connection
        self._workspace = workspace

    def get(self, kind: str, id: str) -> Row | None:
        """The row, or None."""
        found = self._connection.execute(
            "SELECT body FROM rows WHERE workspace = ? AND kind = ? AND id = ?", (self._workspace, kind, id)
        ).fetchone()
        return json.loads(found[0]) if found else None

    def all(self, kind: str) -> list[Row]:
        """Every row of a kind."""
        found = self._connection.execute(
            "SELECT body FROM rows WHERE workspace = ? AND kind = ?", (self._workspace, kind)
        )
        return [json.loads(body) for (body,) in found]

    def count(self, kind: str) -> int:
        """How many rows of a kind there are."""
        query = "SELECT count(*) FROM rows WHERE workspace = ? AND kind = ?"
        return self._connection.execute(query, (self._workspace, kind)).fetchone()[0]

    def put(self, kind: str, id: str, body: Row) -> None:
        """Insert or replace a row."""
        self._connection.execute(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", (self._workspace, kind, id, json.dumps(body))
        )

    def drop(self, kind: str, id: str) -> bool:
        """Delete a row; False if there was none."""
        query = "DELETE FROM rows WHERE workspace = ? AND kind = ? AND id = ?"
        return self._connection.execute(query, (self._workspace, kind, id)).rowcount > 0

    def keep(self, kind: str, id: str, data: bytes) -> None:
        """Insert or replace bytes, such as a sample's audio; they live beside the rows, under kinds of their own."""
        self._connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (self._workspace, kind, id, data))

    def kept(self, kind: str, id: str) -> bytes | None:
        """The bytes, or None."""
        found = self._connection.execute(
            "SELECT data FROM files WHERE workspace = ? AND kind = ? AND id = ?", (self._workspace, kind, id)
        ).fetchone()
        return found[0] if found else None

    def erase(self, kind: str, id: str) -> bool:
        """Delete bytes; False if there were none."""
        query = "DELETE FROM files WHERE workspace = ? AND kind = ? AND id = ?"
        return self._connection.execute(query, (self._workspace, kind, id)).rowcount > 0


class State:
    """The store. `None` keeps it in memory; a path keeps it in a file, private to its owner."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            _reserve(path)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self.close = weakref.finalize(self, self._connection.close)
        with self._lock:
            _write_ahead(self._connection)
            # Without a sync at each commit a power cut may lose the last writes; a sandbox can bear that.
            self._connection.execute("PRAGMA synchronous = NORMAL")
        with self._transaction() as connection:
            for statement in _SCHEMA:
                connection.execute(statement)

    @contextlib.contextmanager
    def rows(self, workspace: str) -> Generator[Rows]:
        """A transaction over one workspace: all of it happens, or none, and nobody writes in between."""
        with self._transaction() as connection:
            yield Rows(connection, workspace)

    def owner(self, kind: str, id: str) -> str | None:
        """The workspace that holds a row, for the operations that need no key."""
        with self._transaction() as connection:
            found = connection.execute("SELECT workspace FROM rows WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        return found[0] if found else None

    def warn(self, path: str, fields: list[str]) -> None:
        """Record request fields that the official schema doesn't have."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO warnings VALUES (?, ?)", [(path, field) for field in fields])

    @property
    def warnings(self) -> list[Unknown]:
        """Each unknown request field seen so far, once per path."""
        with self._transaction() as connection:
            return [Unknown(*row) for row in connection.execute("SELECT path, field FROM warnings ORDER BY 1, 2")]

    @contextlib.contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _write_ahead(connection: sqlite3.Connection) -> None:
    # Several that open a new file at once: while SQLite changes its journal it doesn't wait for others, whatever the
    # time-out says.
    until = time.monotonic() + _BUSY_SECONDS
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
