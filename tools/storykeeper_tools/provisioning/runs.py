"""Runs of plans, as everybody sees them: rows that whoever carries a run writes, and whoever waits reads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, Literal

from pydantic import ValidationError

from .. import telemetry
from ..errors import Busy, Conflict
from ..model import Model
from ..part import part
from .database import Database, spoilt
from .kinds import Made
from .plan import is_removal

log = logging.getLogger(__name__)

State = Literal["queued", "running", "parked", "done", "failed"]
UNFINISHED = ("queued", "running")
_AT_ONCE = 500  # plans in one question

SCHEMA = """
CREATE TABLE runs (plan TEXT PRIMARY KEY, companion TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX runs_by_state ON runs (state);
"""


class Result(Model):
    """What a run ends with; it never raises, since errors don't survive being written down as well as rows do."""

    voice: Made | None = None
    documents: list[Made] = []
    agent: Made | None = None
    warnings: list[str] = []
    error: dict[str, str] | None = None


class Run(Model):
    """One attempt at a plan. `steps` are the names of those that are done, `reason` says why it is parked, and
    `again_at` (unix seconds) when it goes on by itself; `said` are the errors that its steps met. `origin` is the call
    that asked for it, as `telemetry.origin` has it."""

    plan_id: str
    companion: str
    attempt: int = 1
    state: State = "queued"
    steps: list[str] = []
    reason: str = ""
    again_at: float | None = None
    result: Result | None = None
    said: list[dict[str, str]] = []
    origin: dict[str, str] = {}
    changed_at: float = 0

    @property
    def id(self) -> str:
        """What an engine knows it by; another attempt is another run."""
        return f"{self.plan_id}.{self.attempt}"


@part
class Runs:
    database: Database
    clock: Callable[[], float] = time.time
    _unread: set[str] = field(default_factory=set[str], repr=False)

    def submit(self, plan_id: str, companion: str, check: Callable[[], object] | None = None) -> Run:
        """Queue a plan, or join the run of it that is going on. Raises Busy while another plan of the companion runs,
        and what `check` raises, in the same transaction."""
        with self.database.transaction():
            known = self.of(plan_id)
            if known and known.state in UNFINISHED:
                telemetry.linked(known.origin)
                return known
            if check:
                check()
            self.clear(plan_id, companion)
            return self._put(_next(known, plan_id, companion))

    def clear(self, plan_id: str, companion: str) -> None:
        """Make way for a plan, in a transaction: other plans' runs that are parked don't go on by themselves any more.
        Raises Busy while one is carried."""
        others = self._others(plan_id, companion)
        if others:
            doing = "forgotten" if any(map(is_removal, others)) else "made from another plan"
            raise Busy(f"{companion} is being {doing}", exists="see get_companion")
        for other in self.all_of(companion):
            if other.plan_id != plan_id and other.state == "parked":
                self._put(other.model_copy(update={"again_at": None}))

    def supersede(self, plan_id: str, companion: str) -> Run:
        """Queue a removal in place of whatever else is done for a companion, or join the one that is going on.

        What carries another run of it finds that it isn't the current one any more.
        """
        with self.database.transaction():
            known = self.of(plan_id)
            if known and known.state in UNFINISHED:
                telemetry.linked(known.origin)
                return known
            for other in self.all_of(companion):
                if other.plan_id != plan_id:
                    self._put(other.model_copy(update={"state": "failed", "attempt": other.attempt + 1}))
            return self._put(_next(known, plan_id, companion))

    def rename(self, plan_id: str, companion: str) -> None:
        """Call the companion of a run otherwise, in a transaction; what was said of it goes, and who asked for it."""
        run = self.of(plan_id)
        if run:
            self._put(run.model_copy(update={"companion": companion, "said": [], "result": None, "origin": {}}))

    def current(self, run: Run) -> bool:
        """Whether it is still to be carried on."""
        known = self._current(run)
        return known is not None and known.state in UNFINISHED

    def all_of(self, companion: str) -> list[Run]:
        """The newest run of each plan of a companion."""
        found = self.database.query("SELECT body FROM runs WHERE companion = ? ORDER BY plan", companion)
        return [_read(body) for (body,) in found]

    def of(self, plan_id: str) -> Run | None:
        """The newest run of a plan."""
        found = self.database.query("SELECT body FROM runs WHERE plan = ?", plan_id)
        return _read(found[0][0]) if found else None

    def of_all(self, plan_ids: Sequence[str]) -> dict[str, Run]:
        """The newest runs of many plans, by plan."""
        found: dict[str, Run] = {}
        for start in range(0, len(plan_ids), _AT_ONCE):
            some = plan_ids[start : start + _AT_ONCE]
            question = f"SELECT plan, body FROM runs WHERE plan IN ({', '.join('?' * len(some))})"  # noqa: S608 - only marks
            found |= {plan: _read(body) for plan, body in self.database.query(question, *some)}
        return found

    def unfinished(self) -> list[Run]:
        """What is to be carried on, oldest first: queued, running, and parked until now."""
        if not self.database.exists():
            return []
        now = self.clock()
        due = [r for r in self._legible(self._open()) if r.state != "parked" or _over(r, now)]
        return sorted(due, key=lambda run: run.changed_at)

    def going(self) -> set[str]:
        """The companions whose runs aren't over: also those that are parked, as long as they go on by themselves."""
        found = self._open()
        resting = {run.plan_id for run in self._legible(found) if run.state == "parked" and run.again_at is None}
        return {companion for plan, companion, _ in found if plan not in resting}

    def begin(self, run: Run) -> Run:
        """It is carried now. Said again after a crash, it starts its list of steps anew."""
        return self.update(run, state="running", steps=[], reason="", again_at=None)

    def progress(self, run: Run, step: str) -> None:
        with self.database.transaction():
            known = self._current(run)
            if known:
                self._put(known.model_copy(update={"steps": [*known.steps, step]}))

    def quote(self, run: Run, error: dict[str, str]) -> dict[str, str]:
        """Keep an error that a step met, once; answers its code and where it is."""
        with self.database.transaction():
            known = self._current(run)
            if known and error not in known.said:
                known = self._put(known.model_copy(update={"said": [*known.said, error]}))
        return {"code": error["code"], "said": str(known.said.index(error)) if known else ""}

    def quoted(self, run: Run, kept: dict[str, str]) -> dict[str, str]:
        """The error that `quote` kept."""
        known = self._current(run)
        if known and kept["said"] and int(kept["said"]) < len(known.said):
            return known.said[int(kept["said"])]
        return {
            "code": kept["code"],
            "what": "what was said of it isn't kept",
            "exists": "see get_companion",
            "next": "",
        }

    def update(self, run: Run, **changes: object) -> Run:
        """Change a run, unless a newer attempt has taken its place."""
        with self.database.transaction():
            known = self._current(run)
            return self._put(known.model_copy(update=changes)) if known else run

    def renew(self, run: Run) -> None:
        """Another attempt at the same plan, for an engine that can't carry this one any more.

        A run that has changed since it was read as `run` is alive, or has just ended: it is left alone.
        """
        with self.database.transaction():
            if self.of(run.plan_id) == run:
                again: dict[str, object] = {
                    "attempt": run.attempt + 1,
                    "state": "queued",
                    "steps": [],
                    "reason": "",
                    "again_at": None,
                }
                self._put(run.model_copy(update=again))

    def _open(self) -> list[tuple[Any, ...]]:
        """Plan, companion and body of every run that isn't over."""
        question = "SELECT plan, companion, body FROM runs WHERE state IN ('queued', 'running', 'parked')"
        return self.database.query(question)

    def _legible(self, found: Sequence[tuple[Any, ...]]) -> list[Run]:
        """One row that somebody spoilt stops no other run; it is told once."""
        read: list[Run] = []
        for plan, _, body in found:
            try:
                read.append(_read(body))
            except Conflict as error:
                if plan not in self._unread:
                    self._unread.add(plan)
                    log.warning("the run of %s can't be carried: %s", plan, error)
        return read

    def _others(self, plan_id: str, companion: str) -> list[str]:
        """Plans of a companion that are carried out, or begun and never to be given up: a forgetting."""
        others = [run for run in self.all_of(companion) if run.plan_id != plan_id and run.state != "done"]
        return [run.plan_id for run in others if run.state in UNFINISHED or is_removal(run.plan_id)]

    def _current(self, run: Run) -> Run | None:
        known = self.of(run.plan_id)
        return known if known and known.attempt == run.attempt else None

    def _put(self, run: Run) -> Run:
        run = run.model_copy(update={"changed_at": self.clock()})
        statement = (
            "INSERT INTO runs VALUES (?, ?, ?, ?) ON CONFLICT (plan) DO UPDATE"
            " SET companion = excluded.companion, state = excluded.state, body = excluded.body"
        )
        self.database.query(statement, run.plan_id, run.companion, run.state, run.model_dump_json())
        return run


def _next(known: Run | None, plan_id: str, companion: str) -> Run:
    """The run that this very call asks for."""
    attempt = known.attempt + 1 if known else 1
    return Run(plan_id=plan_id, companion=companion, attempt=attempt, origin=telemetry.origin())


def _read(body: str) -> Run:
    try:
        return Run.model_validate_json(body)
    except ValidationError as error:
        raise spoilt("has a row of a run that isn't as it was written") from error


def _over(run: Run, now: float) -> bool:
    """Whether a parked run has waited long enough; one that was parked in the future was, before a clock was set back."""
    return run.again_at is not None and not run.changed_at <= now < run.again_at
