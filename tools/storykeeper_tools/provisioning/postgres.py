"""The ledger's rows in Postgres, shared by the machines of a workspace, which has a schema of its own.

A server that is away stops nothing for good: calls say so at once, and the first one after its return is answered.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from ..errors import Conflict
from .database import BUSY_SECONDS, Database, OutOfReach, Value

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_SECONDS = 2  # a server that answers at all answers sooner
_WAIT_SECONDS = 0.2  # the loop stands still for no longer while a lost connection is made again
_PAUSES = (0.0, 0.25, 0.5, 1.0)  # between tries, by the number of those that failed
_SETTINGS = {
    "lock_timeout": f"{BUSY_SECONDS:.0f}s",
    "idle_in_transaction_session_timeout": "10s",  # a frozen process may not keep all others out
}


@dataclass(slots=True)
class Link:
    """One connection to a server, made again when it was lost. `since` is the monotonic time of its making."""

    url: str = field(repr=False)
    since: float = 0.0
    _open: Connection | None = field(default=None, repr=False)
    _attempt: Future[Connection] | None = field(default=None, repr=False)
    _failed: int = 0
    _not_before: float = 0.0

    @property
    def where(self) -> str:
        """Host and port: all of the URL that may be told."""
        parts = urlsplit(self.url)
        host = parts.hostname or parse_qs(parts.query).get("host", ["localhost"])[0]
        return f"{host}:{parts.port or 5432}"

    def connection(self) -> Connection:
        """The open connection. Raises OutOfReach while there is none to be had."""
        if self._open is not None and not self._open.closed:
            return self._open
        self._drop()
        self._open = self._outcome(self._attempt or self._begin())
        return self._open

    def alive(self) -> bool:
        """Whether the connection that was made last still stands."""
        try:
            return self._open is not None and bool(self._open.execute("SELECT 1"))
        except Exception:  # whatever it is, it doesn't stand
            self._drop()
            return False

    def close(self) -> None:
        self._drop()
        if self._attempt is not None:
            self._attempt.add_done_callback(_closed)
            self._attempt = None

    @contextmanager
    def told(self) -> Generator[None]:
        """What the server, or the way there, does to a statement, in our words."""
        import psycopg  # it is open already

        try:
            yield
        except psycopg.IntegrityError:
            raise  # a defect of ours, not of the server
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            raise OutOfReach(f"another process holds up the database at {self.where}") from error
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
            self._drop()
            raise self.away() from error
        except psycopg.errors.InsufficientPrivilege as error:
            next = "grant it CREATE on the database, and all on the schemas that it made"
            raise Conflict("the database's user may not do what Storykeeper needs", next=next) from error

    def away(self) -> OutOfReach:
        next = "see that it runs and takes the user, password and name of STORYKEEPER_DATABASE_URL; then call again"
        return OutOfReach(f"the database at {self.where} can't be reached", exists="nothing is lost", next=next)

    def _drop(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _begin(self) -> Future[Connection]:
        if time.monotonic() < self._not_before:
            raise self.away()
        self._attempt = attempt = Future["Connection"]()
        # Not on the loop: a host that swallows packets would hold up everything that is asked of this process.
        threading.Thread(target=_attempt, args=(attempt, self.url), daemon=True).start()
        return attempt

    def _outcome(self, attempt: Future[Connection]) -> Connection:
        try:
            made = attempt.result(_WAIT_SECONDS if self.since or self._failed else None)
        except Exception:  # of many kinds, and what they say may quote the URL
            if attempt.done():
                self._fail()
            raise self.away() from None
        self._attempt, self._failed, self.since = None, 0, time.monotonic()
        return made

    def _fail(self) -> None:
        self._attempt = None
        self._failed = min(self._failed + 1, len(_PAUSES) - 1)
        self._not_before = time.monotonic() + _PAUSES[self._failed]


@dataclass(slots=True)
class Postgres:
    """The `Database` in a schema. Statements are SQLite's; what differs is put right here."""

    link: Link
    schema: str
    prepare: Callable[[Database], None]
    _prepared: Connection | None = field(default=None, repr=False)
    _within: Connection | None = field(default=None, repr=False)
    _exists: bool = False

    def query(self, statement: str, *values: Value) -> list[tuple[Any, ...]]:
        # In a transaction never a newer connection: what was read would no longer be what is written about.
        connection = self._within or self._opened()
        with self.link.told():
            cursor = connection.execute(_dialect(statement), values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Exclusive for the schema, as SQLite's are for the file."""
        if self._within is not None:
            yield
            return
        connection = self._opened()
        try:
            with self.link.told():
                connection.execute("BEGIN")
                connection.execute("SELECT pg_advisory_xact_lock(%s, 0)", [namespace(self.schema)])
            self._within = connection
            yield
        except BaseException:
            with suppress(Exception):  # a connection that broke has rolled back by itself
                connection.execute("ROLLBACK")
            raise
        finally:
            self._within = None
        with self.link.told():
            connection.execute("COMMIT")

    def exists(self) -> bool:
        if not self._exists:
            connection = self._connected()
            with self.link.told():
                found = connection.execute("SELECT to_regclass('schema_version') IS NOT NULL").fetchone()
            self._exists = bool(found and found[0])
        return self._exists

    def version(self) -> int:
        if not self.exists():
            return 0
        return int(self.query("SELECT version FROM schema_version")[0][0])

    def set_version(self, version: int) -> None:
        self.query("CREATE TABLE IF NOT EXISTS schema_version (one INTEGER PRIMARY KEY, version INTEGER NOT NULL)")
        statement = (
            "INSERT INTO schema_version VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET version = excluded.version"
        )
        self.query(statement, version)

    def scrub(self) -> None:
        """Write the tables anew, without what was deleted; the server's own log of changes forgets in its own time."""
        from psycopg import sql  # who has something to scrub has it imported

        connection = connected(self.link.url)
        with self.link.told(), connection:
            found = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s", [self.schema]
            ).fetchall()
            for (table,) in found:
                connection.execute(sql.SQL("VACUUM (FULL) {}").format(sql.Identifier(self.schema, table)))

    def close(self) -> None:
        self.link.close()
        self._prepared = None

    def _opened(self) -> Connection:
        """The connection, once the tables are there and of this version."""
        connection = self._connected()
        if connection is not self._prepared:
            self._prepared = connection
            try:
                self._make_schema()
                self.prepare(self)
            except BaseException:
                self._prepared = None
                raise
        return connection

    def _connected(self) -> Connection:
        from psycopg import sql  # with the first connection

        connection = self.link.connection()
        if connection is not self._prepared:
            with self.link.told():
                connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema)))
        return connection

    def _make_schema(self) -> None:
        from psycopg import sql

        # Looked for first: who may not make schemas can be given one.
        if self.query("SELECT to_regnamespace(quote_ident(?)) IS NULL", self.schema)[0][0]:
            with self.transaction():
                self.query(f"CREATE SCHEMA IF NOT EXISTS {sql.Identifier(self.schema).as_string()}")


def namespace(schema: str) -> int:
    """A number for locks of a schema, of the size that Postgres takes two of."""
    return int.from_bytes(hashlib.sha256(schema.encode()).digest()[:4], "big", signed=True)


def _dialect(statement: str) -> bytes:
    return statement.replace("%", "%%").replace("?", "%s").replace("instr(", "strpos(").encode()


def _attempt(outcome: Future[Connection], url: str) -> None:
    try:
        outcome.set_result(connected(url))
    except Exception as error:  # whoever waits for it raises it
        outcome.set_exception(error)


def connected(url: str) -> Connection:
    """A connection, which the caller closes. Blocks for at most some seconds."""
    import psycopg  # and libpq: a tenth of a second that only those wait for who have a Postgres

    # No prepared statements: poolers that hand a connection to another client would not know them.
    options: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": 5000, "prepare_threshold": None}
    options["fallback_application_name"] = "storykeeper"
    connection = psycopg.connect(url, autocommit=True, **options)
    for name, value in _SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    return connection


def _closed(attempt: Future[Connection]) -> None:
    with suppress(Exception):
        attempt.result().close()
