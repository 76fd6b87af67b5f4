"""Corrections that visitors propose: words of people whom nobody checked, kept until the keeper takes or drops them."""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from collections.abc import Callable

from ..errors import BadInput, Conflict, NotFound
from ..model import Model
from ..part import part
from .ledger import Companion, Ledger

SCHEMA = """
CREATE TABLE proposals (
    marker TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (marker, id)
);
"""
MOST, LONGEST = 20, 300
_KEEP = "INSERT INTO proposals VALUES (?, ?, ?) ON CONFLICT (marker, id) DO NOTHING"


class Proposal(Model):
    """`text` is data, whatever it says; `at` is in unix seconds."""

    id: str
    text: str
    at: float


@part
class Proposals:
    """Never applied by themselves. They go when the companion is forgotten."""

    ledger: Ledger
    clock: Callable[[], float] = time.time

    def add(self, companion: Companion, text: str) -> Proposal:
        """Keep one; the same words are the same proposal. Raises BadInput, and Conflict where too many wait."""
        said = plain(text)
        new = Proposal(id=hashlib.sha256(said.casefold().encode()).hexdigest()[:8], text=said, at=self.clock())
        with self.ledger.database.transaction():
            if self.ledger.forgotten(companion.marker):
                raise NotFound("that companion is being forgotten", exists="nothing was kept")
            waiting = self.of(companion)
            if new.id not in {known.id for known in waiting}:
                if len(waiting) >= MOST:
                    raise Conflict("so many corrections wait already that no more are kept", exists="those are kept")
                # One that was taken over once, and proposed again since its correction was removed, is new.
                self.drop(companion, new.id)
                self.ledger.database.query(_KEEP, companion.marker, new.id, new.model_dump_json())
        return new

    def of(self, companion: Companion) -> list[Proposal]:
        """Those that wait, the oldest first: what the companion's corrections say already doesn't."""
        question = "SELECT body FROM proposals WHERE marker = ?"
        rows = self.ledger.database.query(question, companion.marker)
        found = [Proposal.model_validate_json(body) for (body,) in rows]
        plan = self.ledger.plan(companion.plan_id)
        taken = {line.casefold() for line in plan.spec.corrections} if plan else set[str]()
        return sorted((p for p in found if p.text.casefold() not in taken), key=lambda p: (p.at, p.id))

    def drop(self, companion: Companion, id: str) -> None:
        with self.ledger.database.transaction():
            statement = "DELETE FROM proposals WHERE marker = ? AND id = ?"
            self.ledger.database.query(statement, companion.marker, id)


def plain(text: str) -> str:
    """One line without what can't be seen. Raises BadInput for one that is empty or too long."""
    kept = (" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    said = re.sub(" +", " ", "".join(kept)).strip()
    if not said:
        raise BadInput("a correction needs some words", exists="nothing was kept")
    if len(said) > LONGEST:
        raise BadInput(f"a correction has at most {LONGEST} characters", exists="nothing was kept")
    return said
