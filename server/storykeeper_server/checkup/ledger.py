"""The database and who carries runs; a file is opened for reading only, so that looking brings nothing up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from storykeeper_tools.errors import Conflict, StorykeeperError
from storykeeper_tools.provisioning.database import spoilt
from storykeeper_tools.provisioning.schema import NEWEST, opened
from storykeeper_tools.settings import Settings

from ..wiring import Storykeeper, slot
from .row import Row, note, ok, refused

FILE = "storykeeper.sqlite"


def version(settings: Settings) -> int:
    """Of the tables; 0 where there are none. Blocking; raises what keeps the database from being used."""
    if settings.database_url:
        database = opened(settings.folder, settings.database_url)
        try:
            return database.version()
        finally:
            database.close()
    path = settings.folder / FILE
    return _of_file(f"{path.absolute().as_uri()}?mode=ro") if path.exists() else 0


def _of_file(uri: str) -> int:
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=1)) as database:
            database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return int(database.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.OperationalError as error:
        raise Conflict(f"Storykeeper's ledger can't be opened ({error})", next="see who may read it") from error
    except sqlite3.DatabaseError as error:
        raise spoilt("is damaged") from error


def told(settings: Settings, tables: int) -> Row:
    """What a version means."""
    kind = "Postgres" if settings.database_url else "a file"
    if tables > NEWEST:
        return refused("database", Conflict("it was written by a newer Storykeeper", next="update Storykeeper"))
    if not tables:
        return ok("database", f"{kind}; its tables will be made at the first use")
    older = f", and is brought to {NEWEST} at the next use" if tables < NEWEST else ""
    return ok("database", f"{kind}, tables of version {tables}{older}")


def carrying(keeper: Storykeeper) -> Iterator[Row]:
    """What waits to be done, and whether somebody does it."""
    try:
        waiting, working = len(keeper.engine.runs.unfinished()), _working(keeper.settings)
    except StorykeeperError as error:
        yield refused("worker", error)
        return
    if waiting and not working:
        yield note("worker", f"{waiting} to be done, and no Storykeeper is open to do it", "storykeeper worker")
    else:
        yield ok("worker", f"{'one is' if working else 'none is'} open, {waiting or 'nothing'} to be done")


def _working(settings: Settings) -> bool:
    there = settings.database_url or (settings.folder / "worker.lock").exists()
    return bool(there) and slot(settings).occupied()
