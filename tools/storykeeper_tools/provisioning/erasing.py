"""Erasing what this machine has of a companion: what the engine kept, staged files, and rows that name anybody.

The journal and the receipt stay, which hold ids and hashes; of a consent, what proves that it was recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio.to_thread

from ..companion.consent import Consent
from ..part import part
from .blobs import Blobs
from .database import Database
from .ledger import Resource, plain
from .namesakes import unshared
from .plan import is_removal
from .receipts import Agreed, Receipts
from .runs import Runs
from .voiced import Voiced

Drop = Callable[[Sequence[str]], Awaitable[None]]


@part
class Erasing:
    """`drop` makes the engine forget runs that have ended. Everything here may be done again."""

    database: Database
    runs: Runs
    staged: Blobs
    receipts: Receipts
    voiced: Voiced
    drop: Drop

    def done(self, plan_id: str, marker: str) -> bool:
        """Whether all rows are erased: then the removal's own run names the companion no more."""
        run = self.runs.of(plan_id)
        return run is not None and run.companion == marker

    async def engine(self, companion: str) -> None:
        """The engine's rows: errors among them may name the companion."""
        runs = [run for run in self.runs.all_of(companion) if not is_removal(run.plan_id)]
        await self.drop([f"{run.plan_id}.{n}" for run in runs for n in range(1, run.attempt + 1)])

    async def blobs(self, companion: str) -> int:
        """The staged files that no other companion's plan names; answers how many there were."""
        mine = unshared(self.database, companion)
        there = [sha256 for sha256 in mine if (self.staged.folder / sha256).exists()]  # old recordings went before
        await anyio.to_thread.run_sync(self.staged.erase, mine)
        return len(there)

    def rows(
        self, companion: str, marker: str, plan_id: str, receipt_id: str, blobs: int, doubts: Sequence[str]
    ) -> None:
        """Everything that names the companion goes, and the receipt is signed, at once."""
        with self.database.transaction():
            if self.done(plan_id, marker):
                return
            known = self.voiced.ledger.companion(companion)
            beside = self.voiced.consents.beside(known) if known else []
            agreed = self._consents(companion) + self._alone(beside)
            self.database.query("DELETE FROM plans WHERE companion = ?", companion)
            self.database.query("DELETE FROM resources WHERE marker = ?", marker)
            self.database.query("DELETE FROM rehearsals WHERE marker = ?", marker)
            self.database.query("DELETE FROM proposals WHERE marker = ?", marker)
            for agent in self.receipts.agents(receipt_id):  # others that spoke in its voice
                self.database.query("DELETE FROM resources WHERE kind = 'agent' AND remote_id = ?", agent)
            self.database.query("DELETE FROM companions WHERE id = ?", companion)
            self.database.query("DELETE FROM runs WHERE companion = ? AND plan != ?", companion, plan_id)
            self.runs.rename(plan_id, marker)
            self.receipts.close(receipt_id, blobs=blobs, consents=agreed, doubts=doubts)

    def resource(self, known: Resource | None, receipt_id: str, doubts: Sequence[str]) -> None:
        """The row of one thing goes, if there still is one, and its receipt is signed."""
        with self.database.transaction():
            records = [c for c, _ in self.voiced.records(known.marker)] if known and known.kind == "voice" else []
            if known:  # by its id, too: a newer thing may have taken its place
                row = known.marker, known.kind, known.slot, known.id
                statement = "DELETE FROM resources WHERE marker = ? AND kind = ? AND slot = ? AND remote_id = ?"
                self.database.query(statement, *row)
            self.receipts.close(receipt_id, consents=self._alone(records), doubts=doubts)

    def record(self, record: Consent, receipt_id: str) -> None:
        """A consent for a voice on its own, under which there is none."""
        with self.database.transaction():
            self.receipts.close(receipt_id, consents=self._alone([record]))

    async def scrub(self) -> None:
        await anyio.to_thread.run_sync(self.database.scrub)

    def _consents(self, companion: str) -> list[Agreed]:
        """Erase the consents that name the companion; answers what proves that they were recorded."""
        rows = self.database.query("SELECT id, body FROM consents WHERE companion = ? ORDER BY id", companion)
        self.database.query("DELETE FROM consents WHERE companion = ?", companion)
        return [Agreed.of(id, plain(body)) for id, body in rows]

    def _alone(self, records: Sequence[Consent]) -> list[Agreed]:
        """Erase those for a voice on its own; what a voice was made under stays as long as the voice."""
        idle = [record for record in records if not self.voiced.made_under(record)]
        for record in idle:
            self.database.query("DELETE FROM consents WHERE id = ?", record.id)
        return [Agreed.of(record.id, record.body) for record in idle]
