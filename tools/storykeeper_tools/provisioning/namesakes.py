"""Companions of which there is nothing but a plan: a new plan of that name takes their place, and leaves nothing of them."""

from __future__ import annotations

from ..part import part
from .database import Database
from .ledger import Companion, Ledger
from .plan import Plan, is_removal
from .runs import Runs


@part
class Namesakes:
    ledger: Ledger
    runs: Runs

    def stands(self, companion: Companion) -> bool:
        """Whether more than planning was begun; a run that failed before it asked for anything left nothing."""
        begun = any(run.state != "failed" or is_removal(run.plan_id) for run in self.runs.all_of(companion.id))
        made = self.ledger.resources(companion.marker)
        return begun or bool(made) or any(resource.doubted for resource in self.ledger.doubtful(companion.marker))

    def replace(self, key: str, companion: str) -> set[str]:
        """Drop all of a name but one, in a transaction, that don't stand; answers the staged files that nobody needs."""
        dropped = [c for c in self.ledger.namesakes(key) if c.id != companion and not self.stands(c)]
        return {sha256 for other in dropped for sha256 in self._drop(other)}

    def _drop(self, companion: Companion) -> set[str]:
        database = self.ledger.database
        left = unshared(database, companion.id)
        for table in ("plans", "consents"):
            database.query(f"DELETE FROM {table} WHERE companion = ?", companion.id)  # noqa: S608 - one of two words
        database.query("DELETE FROM resources WHERE marker = ?", companion.marker)
        database.query("DELETE FROM companions WHERE id = ?", companion.id)
        for run in self.runs.all_of(companion.id):  # an engine may know its number, which isn't given twice
            self.runs.rename(run.plan_id, companion.marker)
        return left


def unshared(database: Database, companion: str) -> set[str]:
    """The hashes of the files that a companion's plans name, and those of no other companion there is."""
    mine: set[str] = set()
    others: set[str] = set()
    question = "SELECT companion, body FROM plans WHERE companion = ? OR companion IN (SELECT id FROM companions)"
    for owner, body in database.query(question, companion):
        plan = Plan.model_validate_json(body)
        (mine if owner == companion else others).update(plan.hashes, (memory.sha256 for memory in plan.memories))
    return mine - others
