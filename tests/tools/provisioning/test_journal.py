"""The journal: whatever is done to it afterwards shows."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from storykeeper_tools.provisioning.journal import Fault, Journal
from storykeeper_tools.provisioning.ledger import Ledger, Resource
from storykeeper_tools.provisioning.receipts import Receipts
from storykeeper_tools.provisioning.schema import opened

KEY = b"k" * 32


def written(folder: Path, url: str | None = None) -> Journal:
    """A journal of four events in one chain, and one in another."""
    database = opened(folder, url)
    journal = Journal(database, lambda: KEY)
    ledger = Ledger(database, journal)
    for slot in ("a", "b"):
        intent = ledger.intend(Resource(marker="keep-1", kind="document", slot=slot, nonce=slot, name="My Mother"))
        ledger.keep_made(intent.model_copy(update={"state": "made", "id": f"doc-{slot}"}))
    ledger.intend(Resource(marker="keep-2", kind="voice", nonce="v"))
    return journal


def test_an_untouched_journal_is_intact_and_holds_no_names(tmp_path: Path, database_url: str | None) -> None:
    """Ids and hashes only, in the order in which things happened."""
    journal = written(tmp_path, database_url)
    entries = journal.entries("keep-1")

    assert journal.verify() == []
    assert [(entry.event, entry.slot, entry.id) for entry in entries] == [
        ("intend", "a", ""),
        ("made", "a", "doc-a"),
        ("intend", "b", ""),
        ("made", "b", "doc-b"),
    ]
    assert b"Mother" not in b"".join(entry.model_dump_json().encode() for entry in entries)
    journal.database.close()


@pytest.mark.parametrize(
    ("tampering", "what"),
    [
        ("UPDATE journal SET body = replace(body, 'doc-a', 'doc-x') WHERE chain = 'keep-1' AND seq = 2", "changed"),
        ("DELETE FROM journal WHERE chain = 'keep-1' AND seq = 2", "missing"),
        ("DELETE FROM journal WHERE chain = 'keep-1' AND seq = 4", "at the end"),
        ("DELETE FROM journal WHERE chain = 'keep-1'", "at the end"),
        (
            "UPDATE journal SET seq = CASE seq WHEN 2 THEN -3 WHEN 3 THEN -2 ELSE seq END WHERE chain = 'keep-1';"
            "UPDATE journal SET seq = -seq WHERE seq < 0",
            "changed or moved",
        ),
        ("UPDATE heads SET seq = 3 WHERE chain = 'keep-1'", "the head, or consent.key, was changed"),
        ("DELETE FROM heads WHERE chain = 'keep-1'", "the head is missing"),
        ("UPDATE journal SET chain = 'keep-3' WHERE chain = 'keep-1'", "the head is missing"),
        ("DELETE FROM journal WHERE chain = 'keep-1';DELETE FROM heads WHERE chain = 'keep-1'", "whole chain"),
    ],
)
def test_what_was_tampered_with_shows(tmp_path: Path, database_url: str | None, tampering: str, what: str) -> None:
    """Edited, deleted, reordered, cut off, or moved to another chain; the rest is still found intact."""
    journal = written(tmp_path, database_url)
    for statement in tampering.split(";"):
        journal.database.query(statement)
    faults = journal.verify()

    assert any(what in str(fault) for fault in faults)
    assert "keep-2" not in {fault.chain for fault in faults}
    journal.database.close()


WRITER = """
import sys
from pathlib import Path
from storykeeper_tools.provisioning.journal import Journal
from storykeeper_tools.provisioning.receipts import Receipts
from storykeeper_tools.provisioning.schema import opened
database = opened(Path(sys.argv[1]), sys.argv[2] or None)
journal = Journal(database, lambda: b"k" * 32)
receipts = Receipts(database, journal, journal.key)
for n in range(200):
    receipt = receipts.open(f"voice-{n}", "keep-1").receipt_id
    with database.transaction():
        receipts.close(receipt)
"""


def test_what_is_written_meanwhile_is_no_tampering(tmp_path: Path, database_url: str | None) -> None:
    """Another process signs receipts while this one looks, again and again."""
    journal = written(tmp_path, database_url)
    receipts = Receipts(journal.database, journal, journal.key)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), database_url or ""])
    faults: list[Fault] = []
    while writer.poll() is None:
        faults += [*journal.verify(), *receipts.verify()]

    assert (writer.returncode, faults) == (0, [])
    assert receipts.newest("voice-199")
    journal.database.close()


def test_a_chain_that_was_signed_with_another_key_shows(tmp_path: Path, database_url: str | None) -> None:
    """Who rewrites everything lacks the key."""
    journal = written(tmp_path, database_url)
    forged = Journal(journal.database, lambda: b"x" * 32)

    assert {fault.what for fault in forged.verify()} == {"the head, or consent.key, was changed"}
    journal.database.close()


def test_a_ledger_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """Its rows are kept, and can be found by the service's ids."""
    with sqlite3.connect(tmp_path / "storykeeper.sqlite") as db:
        db.executescript(
            "CREATE TABLE workspace (name TEXT PRIMARY KEY, remote_id TEXT NOT NULL);"
            "CREATE TABLE companions (id TEXT PRIMARY KEY, name_key TEXT NOT NULL, body TEXT NOT NULL);"
            "CREATE TABLE plans (id TEXT PRIMARY KEY, companion TEXT NOT NULL, body TEXT NOT NULL);"
            "CREATE TABLE resources (marker TEXT NOT NULL, kind TEXT NOT NULL, slot TEXT NOT NULL, state TEXT NOT NULL,"
            " body TEXT NOT NULL, PRIMARY KEY (marker, kind, slot));"
            "CREATE TABLE consents (id TEXT PRIMARY KEY, body TEXT NOT NULL, signature TEXT NOT NULL);"
            "PRAGMA user_version = 1"
        )
        old = Resource(marker="keep-1", kind="voice", state="made", id="v1", name="Dorothy")
        db.execute("INSERT INTO resources VALUES ('keep-1', 'voice', '', 'made', ?)", (old.model_dump_json(),))
    db.close()
    database = opened(tmp_path)
    ledger = Ledger(database, Journal(database, lambda: KEY))

    assert ledger.by_remote_id("v1") == old
    assert ledger.journal.verify() == []
    database.close()
