"""What is known of a workspace: companions, plans, resources and consents, in one SQLite file.

Every row has a key of its own and is written so that writing it twice changes nothing: a step may run more than once.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from ..errors import Busy, Conflict
from ..files import private_folder
from .plan import Kind, Plan

Row = TypeVar("Row", bound=BaseModel)

VERSION = 1
BUSY_SECONDS = 5.0  # transactions take a millisecond; who holds one longer is stuck
SCHEMA = """
CREATE TABLE workspace (name TEXT PRIMARY KEY, remote_id TEXT NOT NULL);
CREATE TABLE companions (id TEXT PRIMARY KEY, name_key TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE plans (id TEXT PRIMARY KEY, companion TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE resources (
    marker TEXT NOT NULL, kind TEXT NOT NULL, slot TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (marker, kind, slot)
);
CREATE TABLE consents (id TEXT PRIMARY KEY, body TEXT NOT NULL, signature TEXT NOT NULL);
"""


class Companion(BaseModel):
    """`plan_id` is the newest plan's; `contents` is one hash for all recordings."""

    id: str
    name: str
    name_key: str
    marker: str
    contents: str
    plan_id: str
    made_at: int


class Resource(BaseModel):
    """A remote thing, or the intent to make it. `nonce` belongs to the one request that may be sent for the intent;
    `again` says that one was refused before, so the thing is looked for first, in case it was made all the same;
    `verified` says that an agent was seen to be stored as it was sent, which is what makes it safe to talk to."""

    marker: str
    kind: Kind
    slot: str = ""
    state: Literal["intended", "made", "refused"] = "intended"
    nonce: str = ""
    again: bool = False
    intended_at: float = 0
    id: str = ""
    name: str = ""
    type: str = ""
    blocked: str = ""
    verified: bool = False


@dataclass(slots=True)
class Ledger:
    """Opened at the first use, so that a server that only lists its tools touches no disk."""

    path: Path
    _db: sqlite3.Connection | None = field(default=None, repr=False)

    def close(self) -> None:
        if self._db:
            self._db.close()
            self._db = None

    # Companions

    def companion(self, companion_id: str) -> Companion | None:
        return self._one(Companion, "SELECT body FROM companions WHERE id = ?", companion_id)

    def companions(self) -> list[Companion]:
        return self._all(Companion, "SELECT body FROM companions ORDER BY id")

    def namesakes(self, key: str) -> list[Companion]:
        return self._all(Companion, "SELECT body FROM companions WHERE name_key = ? ORDER BY id", key)

    def keep_companion(self, companion: Companion) -> None:
        row = companion.id, companion.name_key, companion.model_dump_json()
        self._write("INSERT INTO companions VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body", *row)

    def drop_companion(self, companion_id: str) -> None:
        self._write("DELETE FROM companions WHERE id = ?", companion_id)

    # Plans

    def plan(self, plan_id: str) -> Plan | None:
        return self._one(Plan, "SELECT body FROM plans WHERE id = ?", plan_id)

    def keep_plan(self, plan: Plan) -> None:
        row = plan.plan_id, plan.companion, plan.model_dump_json()
        self._write("INSERT INTO plans VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING", *row)

    # Resources

    def resource(self, marker: str, kind: Kind, slot: str) -> Resource | None:
        """What is made or under way; a refused one is as good as none."""
        known = self._resource(marker, kind, slot)
        return known if known and known.state != "refused" else None

    def resources(self, marker: str) -> list[Resource]:
        question = "SELECT body FROM resources WHERE marker = ? AND state != 'refused' ORDER BY kind, slot"
        return self._all(Resource, question, marker)

    def by_remote_id(self, remote_id: str) -> Resource | None:
        question = "SELECT body FROM resources WHERE json_extract(body, '$.id') = ? AND state = 'made'"
        return self._one(Resource, question, remote_id)

    def intend(self, wanted: Resource) -> Resource:
        """Write down that this will be asked for, unless somebody did before: then what they wrote."""
        with self._transaction() as db:
            known = self._resource(wanted.marker, wanted.kind, wanted.slot)
            if known and known.state != "refused":
                return known
            new = wanted.model_copy(update={"again": known is not None})
            self._put(db, new)
        return new

    def withdraw(self, intent: Resource) -> None:
        """An intent that certainly came to nothing; one that somebody else has renewed since stays."""
        key = intent.marker, intent.kind, intent.slot
        with self._transaction() as db:
            if self._current(intent):
                db.execute("DELETE FROM resources WHERE marker = ? AND kind = ? AND slot = ?", key)

    def refuse(self, intent: Resource) -> None:
        """An intent that the service says came to nothing; one that somebody else has renewed since stays."""
        with self._transaction() as db:
            if self._current(intent):
                self._put(db, intent.model_copy(update={"state": "refused"}))

    def keep_made(self, made: Resource) -> None:
        with self._transaction() as db:
            self._put(db, made)

    def _resource(self, marker: str, kind: Kind, slot: str) -> Resource | None:
        question = "SELECT body FROM resources WHERE marker = ? AND kind = ? AND slot = ?"
        return self._one(Resource, question, marker, kind, slot)

    def _current(self, intent: Resource) -> bool:
        known = self._resource(intent.marker, intent.kind, intent.slot)
        return known is not None and known.state == "intended" and known.nonce == intent.nonce

    def _put(self, db: sqlite3.Connection, resource: Resource) -> None:
        row = resource.marker, resource.kind, resource.slot, resource.state, resource.model_dump_json()
        db.execute("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?)", row)

    # Consents and the workspace

    def keep_consent(self, consent_id: str, body: dict[str, Any], signature: str) -> None:
        row = consent_id, json.dumps(body), signature
        self._write("INSERT INTO consents VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING", *row)

    def consents(self) -> list[tuple[dict[str, Any], str]]:
        rows = self._open().execute("SELECT body, signature FROM consents ORDER BY id").fetchall()
        return [(json.loads(body), signature) for body, signature in rows]

    def bind(self, name: str, remote_id: str) -> str:
        """The remote workspace that this one belongs to: the one it first met."""
        self._write("INSERT INTO workspace VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, remote_id)
        return str(self._open().execute("SELECT remote_id FROM workspace WHERE name = ?", (name,)).fetchone()[0])

    # SQLite

    def _one(self, row: type[Row], question: str, *values: str) -> Row | None:
        found = self._open().execute(question, values).fetchone()
        return row.model_validate_json(found[0]) if found else None

    def _all(self, row: type[Row], question: str, *values: str) -> list[Row]:
        return [row.model_validate_json(found[0]) for found in self._open().execute(question, values)]

    def _write(self, statement: str, *values: str) -> None:
        with self._transaction() as db:
            db.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        """Immediate, so that two processes that read and then write can't both believe to be first."""
        db = self._open()
        with _told():
            db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            with _told():
                self._db = _connect(self.path)
        return self._db


@contextmanager
def _told() -> Generator[None]:
    """What SQLite says of a file that it can't use, in our words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Busy("another program is using Storykeeper's ledger, or it can't be written") from error
    except sqlite3.DatabaseError as error:
        raise Conflict("Storykeeper's ledger is damaged", next="restore storykeeper.sqlite, or set it aside") from error


def _connect(path: Path) -> sqlite3.Connection:
    private_folder(path.parent)
    with suppress(FileExistsError):
        # Exclusively: closing another descriptor of an open database would drop the locks that SQLite holds on it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("BEGIN IMMEDIATE")
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version == 0:
        for statement in SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")
    if version > VERSION:
        db.close()
        raise Conflict("the ledger was written by a newer Storykeeper", next="update Storykeeper")
    return db
