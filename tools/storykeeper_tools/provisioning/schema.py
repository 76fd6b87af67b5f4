"""The tables of a workspace, and how older ones become newer ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..errors import Conflict
from . import journal, runs
from .database import Database, SQLite

_FIRST = """
CREATE TABLE workspace (name TEXT PRIMARY KEY, remote_id TEXT NOT NULL);
CREATE TABLE companions (id TEXT PRIMARY KEY, name_key TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE plans (id TEXT PRIMARY KEY, companion TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE resources (
    marker TEXT NOT NULL, kind TEXT NOT NULL, slot TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (marker, kind, slot)
);
CREATE TABLE consents (id TEXT PRIMARY KEY, body TEXT NOT NULL, signature TEXT NOT NULL);
"""


def opened(folder: Path) -> Database:
    """The database of a workspace, in its folder; made and brought up to date at the first use."""
    return SQLite(folder / "storykeeper.sqlite", prepare)


def prepare(database: Database) -> None:
    """Bring the tables up to date; refuses those of a newer Storykeeper."""
    with database.transaction():
        version = database.version()
        if version > len(_STEPS):
            raise Conflict("the ledger was written by a newer Storykeeper", next="update Storykeeper")
        for step in _STEPS[version:]:
            step(database)
        if version < len(_STEPS):
            database.set_version(len(_STEPS))


def _first(database: Database) -> None:
    _all(database, _FIRST)


def _second(database: Database) -> None:
    """Runs and the journal; and the services' ids where they can be looked up."""
    _all(database, runs.SCHEMA + journal.SCHEMA)
    database.query("ALTER TABLE resources ADD COLUMN remote_id TEXT NOT NULL DEFAULT ''")
    for marker, kind, slot, body in database.query("SELECT marker, kind, slot, body FROM resources"):
        statement = "UPDATE resources SET remote_id = ? WHERE marker = ? AND kind = ? AND slot = ?"
        database.query(statement, json.loads(body).get("id", ""), marker, kind, slot)


def _all(database: Database, statements: str) -> None:
    for statement in filter(str.strip, statements.split(";")):
        database.query(statement)


_STEPS: tuple[Callable[[Database], None], ...] = (_first, _second)
