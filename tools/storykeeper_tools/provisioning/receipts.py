"""Receipts for what was deleted: ids, hashes and times, no names; signed with the key that signs the journal.

A receipt is written while the deleting goes on, so that one which was interrupted knows what it has seen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from ..companion.consent import canonical, digest
from ..model import Model
from ..part import part
from .database import Database
from .journal import Fault, Journal
from .plan import Kind

SCHEMA = """
CREATE TABLE receipts (
    id TEXT PRIMARY KEY, subject TEXT NOT NULL, ended INTEGER NOT NULL, body TEXT NOT NULL, signature TEXT NOT NULL
);
CREATE INDEX receipts_by_subject ON receipts (subject);
"""
UNPROVEN = (
    "that ElevenLabs keeps no backup, log or cached copy",
    "that a talk which was going on at the time leaves no transcript behind",
    "that nobody else holds a copy: of this computer's disk, or of the files that the companion was made from",
)

Thing = Kind | Literal["conversation"]


class Item(Model):
    """One thing at the service. `status` is what the delete was answered, 404 where it was gone before, 0 where the
    answer got lost; `gone` says that a look afterwards was answered 404, `at` (unix seconds) when."""

    kind: Thing
    id: str
    status: int = 0
    gone: bool = False
    at: float = 0


class Agreed(Model):
    """What proves to whoever holds a copy of a consent that it was recorded: the sha256 of the whole record."""

    consent_id: str
    granted_at: int
    sha256: str

    @classmethod
    def of(cls, consent_id: str, body: Mapping[str, object]) -> Agreed:
        granted = body.get("granted_at")
        return cls(consent_id=consent_id, granted_at=granted if isinstance(granted, int) else 0, sha256=digest(body))


class Receipt(Model):
    """`marker` is the hash that stood on everything that was made, `subject` the same or the id of the one thing that
    was deleted; `head` is the journal's last entry before the one that tells of this receipt."""

    receipt_id: str
    subject: str
    marker: str
    began_at: float
    ended_at: float = 0
    items: list[Item] = []
    blobs: int = 0
    consents: list[Agreed] = []
    unproven: list[str] = []
    head: tuple[int, str] = (0, "")

    def __str__(self) -> str:
        gone = ", ".join(f"{item.kind} {item.id} (gone, 404)" for item in self.items) or "nothing at ElevenLabs"
        seq, digest = self.head
        local = f"{self.blobs} staged file{'' if self.blobs == 1 else 's'} erased"
        proof = f"Journal {self.marker}, entry {seq}, {digest}."
        return f"Receipt {self.receipt_id}: {gone}; {local}. {proof} It can't prove {'; '.join(self.unproven)}."


@part
class Receipts:
    database: Database
    journal: Journal
    key: Callable[[], bytes]

    def open(self, subject: str, marker: str) -> Receipt:
        """The receipt that is being written for something; a new one where there is none."""
        with self.database.transaction():
            found = self.database.query("SELECT body FROM receipts WHERE subject = ? AND ended = 0", subject)
            if found:
                return Receipt.model_validate_json(found[0][0])
            now = self.journal.clock()
            digest = _digest(f"{subject}|{now}|{self.journal.head(marker)}")
            new = Receipt(receipt_id=f"receipt_{digest[:16]}", subject=subject, marker=marker, began_at=now)
            self.database.query("INSERT INTO receipts VALUES (?, ?, 0, ?, '')", new.receipt_id, subject, _body(new))
        return new

    def expect(self, receipt_id: str, things: Iterable[tuple[Thing, str]]) -> list[Item]:
        """Write down what is to be deleted; answers all of it that isn't seen to be gone."""
        with self.database.transaction():
            receipt = self._of(receipt_id)
            known = {(item.kind, item.id) for item in receipt.items}
            new = [thing for thing in dict.fromkeys(things) if thing not in known]
            receipt.items += [Item(kind=kind, id=id) for kind, id in new]
            self._put(receipt)
        return [item for item in receipt.items if not item.gone]

    def agents(self, receipt_id: str) -> set[str]:
        """The agents that are to be deleted, or were."""
        return {item.id for item in self._of(receipt_id).items if item.kind == "agent"}

    def begin(self, receipt_id: str, item: Item) -> None:
        """Tell the journal that a thing is about to be deleted."""
        with self.database.transaction():
            self.journal.append(self._of(receipt_id).marker, "delete", item.kind, id=item.id)

    def gone(self, receipt_id: str, item: Item, status: int) -> None:
        """A thing was deleted, and seen to be gone."""
        with self.database.transaction():
            receipt = self._of(receipt_id)
            done = item.model_copy(update={"status": status, "gone": True, "at": self.journal.clock()})
            receipt.items = [done if (i.kind, i.id) == (item.kind, item.id) else i for i in receipt.items]
            self._put(receipt)
            self.journal.append(receipt.marker, "deleted", item.kind, id=item.id)

    def close(
        self, receipt_id: str, *, blobs: int = 0, consents: Sequence[Agreed] = (), doubts: Sequence[str] = ()
    ) -> None:
        """Sign a receipt; call it inside the transaction that ends the deleting."""
        receipt = self._of(receipt_id)
        receipt.ended_at, receipt.head = self.journal.clock(), self.journal.head(receipt.marker)
        receipt.blobs, receipt.consents, receipt.unproven = blobs, list(consents), [*doubts, *UNPROVEN]
        body = _body(receipt)
        statement = "UPDATE receipts SET body = ?, signature = ?, ended = 1 WHERE id = ?"
        self.database.query(statement, body, self._sign(body), receipt_id)
        # The journal has the receipt's hash, so that one which is taken away is missed.
        self.journal.append(receipt.marker, "deleted", "receipt", id=receipt_id, digest=_digest(body))

    def newest(self, subject: str) -> Receipt | None:
        """The last receipt that was signed for something."""
        found = self.database.query("SELECT body FROM receipts WHERE subject = ? AND ended = 1", subject)
        receipts = [Receipt.model_validate_json(body) for (body,) in found]
        return max(receipts, key=lambda receipt: receipt.head[0], default=None)

    def signed(self, receipt_id: str) -> Receipt | None:
        """A receipt by its own id, once it is signed."""
        found = self.database.query("SELECT body FROM receipts WHERE id = ? AND ended = 1", receipt_id)
        return Receipt.model_validate_json(found[0][0]) if found else None

    def ids(self) -> list[str]:
        """Of all that are signed."""
        return [id for (id,) in self.database.query("SELECT id FROM receipts WHERE ended = 1 ORDER BY id")]

    def all_of(self, marker: str) -> list[dict[str, Any]]:
        """Every receipt that was signed for a companion or a part of it, oldest first, with its signature."""
        rows = self.database.query("SELECT body, signature FROM receipts WHERE ended = 1 ORDER BY id")
        found = [{"receipt": json.loads(body), "signature": signature} for body, signature in rows]
        return [row for row in found if row["receipt"]["marker"] == marker]

    def verify(self) -> list[Fault]:
        """Every receipt that was edited or taken away; nothing when all are as they were written."""
        with self.database.transaction():  # one may just be signed
            rows = self.database.query("SELECT id, body, signature FROM receipts WHERE ended = 1 ORDER BY id")
            told = {entry.id: entry.digest for entry in self.journal.told("receipt")}
        kept = {id: _digest(body) for id, body, _ in rows}
        forged = [id for id, body, signature in rows if not hmac.compare_digest(self._sign(body), signature)]
        astray = [id for id in {**told, **kept} if told.get(id) != kept.get(id)]
        return [
            Fault(chain=id, seq=0, what="the receipt was changed, or taken away") for id in sorted({*forged, *astray})
        ]

    def _of(self, receipt_id: str) -> Receipt:
        [(body,)] = self.database.query("SELECT body FROM receipts WHERE id = ?", receipt_id)
        return Receipt.model_validate_json(body)

    def _put(self, receipt: Receipt) -> None:
        self.database.query("UPDATE receipts SET body = ? WHERE id = ?", _body(receipt), receipt.receipt_id)

    def _sign(self, body: str) -> str:
        return hmac.new(self.key(), f"receipt|{body}".encode(), hashlib.sha256).hexdigest()


def _body(receipt: Receipt) -> str:
    return canonical(receipt.model_dump(mode="json")).decode()


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
