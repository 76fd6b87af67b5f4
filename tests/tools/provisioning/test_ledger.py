"""The ledger: shared by processes, and never guessed at."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from postgres import Server
from storykeeper_tools.errors import Conflict
from storykeeper_tools.provisioning.database import OutOfReach
from storykeeper_tools.provisioning.journal import Journal
from storykeeper_tools.provisioning.ledger import Ledger, Resource
from storykeeper_tools.provisioning.postgres import Link, Postgres
from storykeeper_tools.provisioning.schema import opened, prepare


def ledger_in(folder: Path, url: str | None = None) -> Ledger:
    database = opened(folder, url)
    return Ledger(database, Journal(database, lambda: b"k" * 32))


RACE = """
import sys
from contextlib import suppress
from pathlib import Path
from storykeeper_tools.provisioning.journal import Journal
from storykeeper_tools.provisioning.ledger import Ledger, Resource
from storykeeper_tools.provisioning.schema import opened
database = opened(Path(sys.argv[1]), sys.argv[3] or None)
ledger = Ledger(database, Journal(database, lambda: b"k" * 32))
won = 0
for n in range(60):
    mine = Resource(marker="keep-1", kind="document", slot=str(n), nonce=f"{sys.argv[2]}-{n}")
    won += ledger.intend(mine).nonce == mine.nonce
print(won)
"""


def test_of_several_processes_one_gets_to_send_each_thing(tmp_path: Path, database_url: str | None) -> None:
    """Every intent is won exactly once."""
    command = [sys.executable, "-c", RACE, str(tmp_path)]
    racers = [subprocess.Popen([*command, str(n), database_url or ""], stdout=subprocess.PIPE) for n in range(4)]
    assert sum(int(racer.communicate(timeout=60)[0]) for racer in racers) == 60


def test_an_agent_that_is_found_a_second_time_stays_verified(tmp_path: Path, database_url: str | None) -> None:
    """A process that was late to look doesn't know how it was sent, and that it was seen to be stored."""
    ledger = ledger_in(tmp_path, database_url)
    found = ledger.intend(Resource(marker="keep-1", kind="agent")).model_copy(update={"state": "made", "id": "a1"})
    ledger.keep_made(found.model_copy(update={"verified": True, "sent": {"name": "D"}}))
    ledger.keep_made(found)
    kept = ledger.resource("keep-1", "agent", "")
    assert kept is not None
    assert (kept.verified, kept.sent) == (True, {"name": "D"})
    ledger.database.close()


def test_a_pause_outlives_what_was_read_before_it(tmp_path: Path, database_url: str | None) -> None:
    """Whoever keeps an agent as they knew it doesn't know that it was paused meanwhile."""
    ledger = ledger_in(tmp_path, database_url)
    agent = Resource(marker="keep-1", kind="agent", state="made", id="a1", sent={"name": "D"})
    ledger.keep_made(agent)
    ledger.keep_pause(agent, {"daily_limit": 50})
    assert ledger.keep_made(agent).before_pause == {"daily_limit": 50}
    ledger.database.close()


def test_an_intent_is_withdrawn_only_by_its_own_nonce(tmp_path: Path, database_url: str | None) -> None:
    """Somebody else's newer one stays."""
    ledger = ledger_in(tmp_path, database_url)
    old = ledger.intend(Resource(marker="keep-1", kind="agent", nonce="old"))
    ledger.withdraw(old)
    new = ledger.intend(Resource(marker="keep-1", kind="agent", nonce="new"))
    ledger.withdraw(old)
    assert ledger.resource("keep-1", "agent", "") == new
    ledger.keep_made(new.model_copy(update={"state": "made", "id": "a1"}))
    ledger.withdraw(new)
    assert ledger.by_remote_id("a1") is not None
    ledger.database.close()


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path, database_url: str | None) -> None:
    """In one sentence, and said again."""
    newer = opened(tmp_path, database_url)
    newer.query("SELECT 1")
    newer.set_version(99)
    newer.close()
    ledger = ledger_in(tmp_path, database_url)
    for _ in range(2):
        with pytest.raises(Conflict, match="newer Storykeeper"):
            ledger.companions()
    ledger.database.close()


def test_a_lock_that_is_not_had_in_time_is_said_and_over(tmp_path: Path, postgres_server: Server) -> None:
    """The connection can be used again at once, and what it says of the next lock is as true."""
    url = postgres_server.database()
    holder = Postgres(Link(url), "ours", prepare)
    waiting = Postgres(Link(url), "ours", prepare)
    waiting.query("SELECT 1")
    waiting.link.connection().execute("SET lock_timeout = '50ms'")
    with holder.transaction():
        for _ in range(2):
            with pytest.raises(OutOfReach, match="another process holds up"), waiting.transaction():
                pass
        assert waiting.query("SELECT 1") == [(1,)]
    holder.close()
    waiting.close()


def test_a_transaction_inside_another_is_part_of_it(tmp_path: Path, database_url: str | None) -> None:
    """What fails after it takes it back, too."""
    ledger = ledger_in(tmp_path, database_url)
    with suppress(InterruptedError), ledger.database.transaction():
        ledger.bind("main", "w1")
        raise InterruptedError
    assert ledger.bind("main", "w2") == "w2"
    ledger.database.close()


def test_a_write_that_fails_changes_nothing(tmp_path: Path, database_url: str | None) -> None:
    """The transaction is taken back, and the next one works."""
    ledger = ledger_in(tmp_path, database_url)
    with pytest.raises((sqlite3.Error, psycopg.Error)):
        ledger.bind("main", None)  # type: ignore[arg-type]
    assert ledger.bind("main", "w1") == "w1"
    assert ledger.bind("main", "w2") == "w1"
    ledger.database.close()
