"""The tables of a workspace, and how older ones become newer ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..errors import Conflict
from . import confirms, journal, proposals, receipts, rehearsed, runs
from .database import Database, SQLite
from .keys import KEY
from .postgres import Link, Postgres

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
_INDEXES = """
ALTER TABLE consents ADD COLUMN companion TEXT NOT NULL DEFAULT '';
CREATE INDEX consents_by_companion ON consents (companion);
CREATE INDEX companions_by_name ON companions (name_key);
CREATE INDEX plans_by_companion ON plans (companion);
CREATE INDEX runs_by_companion ON runs (companion);
"""
_UNTOLD = """
CREATE INDEX resources_by_remote_id ON resources (remote_id);
ALTER TABLE resources ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;
UPDATE resources SET untold = 1 WHERE marker NOT IN (SELECT chain FROM heads);
"""


def opened(folder: Path, url: str | None = None) -> Database:
    """The database of a workspace: in its folder, or in a schema at a Postgres URL. Made and brought up to date at the
    first use."""
    if url:
        return Postgres(Link(url), schema(folder), prepare)
    # The key is made for what is in the ledger already.
    return SQLite(folder / "storykeeper.sqlite", _prepare_file, (folder / KEY).exists)


def schema(folder: Path) -> str:
    """The name of a workspace's schema on a server that others may use, too."""
    return f"storykeeper_{folder.name}"


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


def _prepare_file(database: Database) -> None:
    """Without the lock for writing where nothing is to be done: another program may hold it for long."""
    if database.version() != len(_STEPS):
        prepare(database)


def _first(database: Database) -> None:
    _all(database, _FIRST)


def _second(database: Database) -> None:
    """Runs and the journal; and the services' ids where they can be looked up."""
    _all(database, runs.SCHEMA + journal.SCHEMA)
    database.query("ALTER TABLE resources ADD COLUMN remote_id TEXT NOT NULL DEFAULT ''")
    for marker, kind, slot, body in database.query("SELECT marker, kind, slot, body FROM resources"):
        statement = "UPDATE resources SET remote_id = ? WHERE marker = ? AND kind = ? AND slot = ?"
        database.query(statement, json.loads(body).get("id", ""), marker, kind, slot)


def _third(database: Database) -> None:
    """Deletions: what allows one, and what is left to show of it."""
    _all(database, confirms.SCHEMA + receipts.SCHEMA)


def _fourth(database: Database) -> None:
    """Of thousands of companions, one's rows are found without reading all of them."""
    _all(database, _INDEXES)
    for id, body in database.query("SELECT id, body FROM consents"):
        companion = json.loads(body).get("companion") or ""
        database.query("UPDATE consents SET companion = ? WHERE id = ?", companion, id)


def _fifth(database: Database) -> None:
    """Things are found by the service's ids; and those from before there was a journal need no chain in it."""
    _all(database, _UNTOLD)


def _sixth(database: Database) -> None:
    """What companions said when they were rehearsed."""
    _all(database, rehearsed.SCHEMA)


def _seventh(database: Database) -> None:
    """What visitors say isn't so."""
    _all(database, proposals.SCHEMA)


def _all(database: Database, statements: str) -> None:
    for statement in filter(str.strip, statements.split(";")):
        database.query(statement)


_STEPS: tuple[Callable[[Database], None], ...] = (_first, _second, _third, _fourth, _fifth, _sixth, _seventh)
NEWEST = len(_STEPS)
