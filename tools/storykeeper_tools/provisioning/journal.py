"""What was done, in an order that nobody can change unseen: one hash chain per companion, ids and hashes only.

Each entry's hash covers the one before it. The head of each chain is signed with a key that stays on this machine,
so that an entry that was edited, taken out, moved or cut off at the end shows. What it can't show: that somebody who
has the key, or put back an older copy of the whole file, was here.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any, Literal

from ..companion.consent import canonical
from ..model import Model
from ..part import part
from .database import Database
from .plan import Kind

SCHEMA = """
CREATE TABLE journal (
    chain TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (chain, seq)
);
CREATE TABLE heads (chain TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL, signature TEXT NOT NULL);
"""
_START = "0" * 64

Event = Literal[
    "intend",
    "made",
    "refused",
    "withdrawn",
    "adopted",
    "change",
    "changed",
    "index",
    "indexed",
    "delete",
    "deleted",
    "gone",
    "consent",
    "revoked",
]
About = Kind | Literal["conversation", "consent", "blob", "companion", "receipt"]


class Entry(Model):
    """One thing that was meant to be done, or that was. `slot` and `digest` are hashes, `id` is the service's."""

    at: float
    event: Event
    kind: About
    slot: str = ""
    nonce: str = ""
    id: str = ""
    digest: str = ""


class Fault(Model):
    """A place where a chain isn't what was written."""

    chain: str
    seq: int
    what: str

    def __str__(self) -> str:
        return f"{self.chain}, entry {self.seq}: {self.what}"


@part
class Journal:
    """Appends belong inside the transaction that writes what they tell of."""

    database: Database
    key: Callable[[], bytes]
    clock: Callable[[], float] = time.time

    def append(self, chain: str, event: Event, kind: About, **facts: str) -> None:
        """Write down an event; call it inside a transaction."""
        entry = Entry.model_validate({"at": self.clock(), "event": event, "kind": kind, **facts})
        seq, last = self.head(chain)
        body = canonical(entry.model_dump()).decode()
        digest = _link(last, body)
        self.database.query("INSERT INTO journal VALUES (?, ?, ?, ?)", chain, seq + 1, body, digest)
        statement = (
            "INSERT INTO heads VALUES (?, ?, ?, ?) ON CONFLICT (chain) DO UPDATE"
            " SET seq = excluded.seq, hash = excluded.hash, signature = excluded.signature"
        )
        self.database.query(statement, chain, seq + 1, digest, self._sign(chain, seq + 1, digest))

    def head(self, chain: str) -> tuple[int, str]:
        """How many entries a chain has, and the hash of the last."""
        found = self.database.query("SELECT seq, hash FROM heads WHERE chain = ?", chain)
        return (found[0][0], found[0][1]) if found else (0, _START)

    def entries(self, chain: str) -> list[Entry]:
        found = self.database.query("SELECT body FROM journal WHERE chain = ? ORDER BY seq", chain)
        return [Entry.model_validate_json(body) for (body,) in found]

    def exported(self, chain: str) -> list[dict[str, Any]]:
        """A chain as it is kept, `body` to the letter, and then its signed head; whoever has it can follow the hashes."""
        rows = self.database.query("SELECT seq, body, hash FROM journal WHERE chain = ? ORDER BY seq", chain)
        head = self.database.query("SELECT seq, hash, signature FROM heads WHERE chain = ?", chain)
        entries = [{"seq": seq, "hash": digest, "body": body} for seq, body, digest in rows]
        return entries + [{"entries": seq, "hash": digest, "signature": signature} for seq, digest, signature in head]

    def told(self, kind: About) -> list[Entry]:
        """Every entry about things of a kind, whatever chain it is in."""
        part = f'%"kind":"{kind}"%'
        found = self.database.query("SELECT body FROM journal WHERE body LIKE ? ORDER BY chain, seq", part)
        return [Entry.model_validate_json(body) for (body,) in found]

    def last(self, chain: str, digest: str) -> Event | None:
        """The last thing that a chain tells of what has this digest."""
        question = "SELECT body FROM journal WHERE chain = ? AND body LIKE ? ORDER BY seq DESC LIMIT 1"
        found = self.database.query(question, chain, f'%"digest":"{digest}"%')
        return Entry.model_validate_json(found[0][0]).event if found else None

    def begun(self) -> bool:
        """Whether anything was ever signed."""
        return self.database.exists() and bool(self.database.query("SELECT 1 FROM heads LIMIT 1"))

    def verify(self) -> list[Fault]:
        """Every place where a chain was edited, deleted from, reordered or cut short; nothing when all is as written."""
        found = self.database.query(
            "SELECT chain FROM journal UNION SELECT chain FROM heads"
            " UNION SELECT marker FROM resources WHERE untold = 0 ORDER BY 1"
        )
        return [fault for (chain,) in found for fault in self._faults(chain)]

    def _faults(self, chain: str) -> list[Fault]:
        with self.database.transaction():  # others may append to it
            rows = self.database.query("SELECT seq, body, hash FROM journal WHERE chain = ? ORDER BY seq", chain)
            head = self.database.query("SELECT seq, hash, signature FROM heads WHERE chain = ?", chain)
        last = _START
        for expected, (seq, body, digest) in enumerate(rows, 1):
            if seq != expected:
                return [Fault(chain=chain, seq=expected, what="an entry is missing")]
            if not hmac.compare_digest(_link(last, body), digest):
                return [Fault(chain=chain, seq=seq, what="an entry was changed or moved")]
            last = digest
        return self._head_faults(chain, head, len(rows), last)

    def _head_faults(self, chain: str, found: list[tuple[Any, ...]], count: int, last: str) -> list[Fault]:
        if not found:
            return [
                Fault(chain=chain, seq=count, what="the head is missing" if count else "the whole chain is missing")
            ]
        seq, digest, signature = found[0]
        if not hmac.compare_digest(self._sign(chain, seq, digest), signature):
            return [Fault(chain=chain, seq=seq, what="the head, or consent.key, was changed")]
        if (seq, digest) != (count, last):
            return [Fault(chain=chain, seq=seq, what="entries at the end are missing, or were changed")]
        return []

    def _sign(self, chain: str, seq: int, digest: str) -> str:
        return hmac.new(self.key(), f"{chain}|{seq}|{digest}".encode(), hashlib.sha256).hexdigest()


def _link(last: str, body: str) -> str:
    return hashlib.sha256(f"{last}|{body}".encode()).hexdigest()
