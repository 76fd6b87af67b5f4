"""Runs of plans: submitted by anybody, carried by whoever works for the workspace, looked at by all.

A run belongs to nobody who waits for it. It stops when the last process that may carry it ends, and goes on when the
next one starts; what it made is in the ledger, and so is what it was about to make.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from opentelemetry.trace import SpanKind

from .. import telemetry
from ..errors import (
    Busy,
    Conflict,
    InternalError,
    NotFound,
    PlanLimit,
    QuotaExceeded,
    RateLimited,
    StorykeeperError,
    TimedOut,
    Unavailable,
    UnexpectedAnswer,
    VoiceChangesUsedUp,
    VoiceNeedsVerification,
    VoiceSlotsFull,
)
from ..part import part
from .closing import Closing, Shutting, is_closing
from .database import OutOfReach, insisting
from .ensure import Run as Port
from .ledger import Ledger
from .plan import Plan, is_removal, marker
from .removal import Removal, Removing
from .runs import UNFINISHED, Result, Run, Runs
from .saga import Provisioning
from .tree import tree
from .worker import Worker

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.03
_AGAIN_SECONDS = 60.0
# What a run waits for, by the code of the error that it met. Those of the second kind it tries again by itself.
_PARKED = {
    QuotaExceeded.code: "quota",
    PlanLimit.code: "plan",
    VoiceSlotsFull.code: "slots",
    VoiceChangesUsedUp.code: "slots",
    VoiceNeedsVerification.code: "verification",
}
_TRIED_AGAIN = {
    RateLimited.code: "rate limit",
    Unavailable.code: "ElevenLabs",
    TimedOut.code: "ElevenLabs",
    Busy.code: "database",
}
_DELETED_LATER = {UnexpectedAnswer.code: "ElevenLabs"}
_MOST_ATTEMPTS = 60  # an hour of a service that is down; then a person looks


class _Superseded(Exception):
    """A newer run has taken the place of this one."""


@part
class Engine:
    """Where callers meet runs."""

    runs: Runs
    worker: Worker

    def submit(self, plan: Plan | Removal | Closing, check: Callable[[Plan], object] | None = None) -> Run:
        """Start the run of a plan, or join the one that is going on; one that failed or parked goes on.

        A closing takes the place of whatever else is done for its companion, and a removal that of a closing, too;
        beside it nothing can be submitted.
        `check` raises for a plan that may not be run any more.
        """
        if isinstance(plan, (Removal, Closing)):
            run = self.runs.supersede(plan.plan_id, plan.companion)
        else:
            run = self.runs.submit(plan.plan_id, plan.companion, partial(check, plan) if check else None)
        self.worker.wake()
        return run

    def look(self, plan_id: str) -> Run | None:
        """How the newest run of a plan stands."""
        return self.runs.of(plan_id)

    def running(self, plan_id: str) -> bool:
        run = self.look(plan_id)
        return run is not None and run.state in UNFINISHED

    def carried(self) -> bool:
        """Whether any process carries this workspace's runs."""
        return self.worker.present

    async def changed(self, run: Run, seconds: float) -> Run | None:
        """The run when it isn't as it was any more, or as it is after so many seconds."""
        until = time.monotonic() + seconds
        while (now := self.look(run.plan_id)) == run and time.monotonic() < until:  # noqa: ASYNC110  # see below
            # The run may be carried by another process, which can set no event of ours.
            await asyncio.sleep(min(_LOOK_SECONDS, max(0.0, until - time.monotonic())))
        return now


@part
class Carrying:
    """What carrying a run means, whatever the engine: the saga, and a row that says how it ended."""

    runs: Runs
    ledger: Ledger
    provisioning: Provisioning
    removing: Removing
    shutting: Shutting

    async def __call__(self, port: Port, run_id: str) -> str:
        """Carry a run to its end; answers the state it ends in. Never raises but when it is stopped."""
        run = await insisting(self.runs.of, run_id.rpartition(".")[0])
        if run is None or run.id != run_id or not (run.state in UNFINISHED or run.again_at is not None):
            return "gone"
        with self._watched(run) as work:
            run = await insisting(self.runs.begin, run)
            try:
                result = await self._result(_Told(port, self.runs, run), run)
                state = (await insisting(self._end, run, result)).state
            except _Superseded:
                result, state = Result(), "gone"
            work.tell({"storykeeper.run.state": state})
            if result.error:
                work.fail(result.error["code"])
            return state

    @contextmanager
    def _watched(self, run: Run) -> Generator[telemetry.Work]:
        """Under the call that asked for it, whichever process that was in."""
        kind = "removal" if is_removal(run.plan_id) else "closing" if is_closing(run.plan_id) else "provision"
        told: dict[str, telemetry.Value] = {
            "storykeeper.run.kind": kind,
            "storykeeper.plan.id": run.plan_id,
            "storykeeper.run.attempt": run.attempt,
            "storykeeper.run.resumed": run.state == "running",
            "storykeeper.run.waited": round(max(0.0, self.runs.clock() - run.changed_at), 3),
            "storykeeper.companion": marker(self.provisioning.workspace.name, run.companion),
        }
        asked = telemetry.request.set(run.origin.get("request", ""))
        try:
            with telemetry.span(
                f"run {kind}",
                told,
                kind=SpanKind.CONSUMER,
                parent=telemetry.within(run.origin),
                measure=telemetry.RUNS,
                level=logging.INFO,
            ) as work:
                yield work
        finally:
            telemetry.request.reset(asked)

    async def _result(self, port: Port, run: Run) -> Result:
        try:
            # A step that was done under another process's key says nothing of this one's.
            await self.provisioning.workspace.check_once()
            if is_removal(run.plan_id):
                return await self.removing(port, Removal(plan_id=run.plan_id, companion=run.companion))
            if is_closing(run.plan_id):
                return await self.shutting(port, Closing(plan_id=run.plan_id, companion=run.companion))
            plan = await insisting(self.ledger.plan, run.plan_id)
            if plan is None:
                raise NotFound("there is no such plan in this workspace", next="call plan_companion")
            plan.check()
            return await self.provisioning(port, plan)
        except StorykeeperError as error:
            return Result(error=error.row())
        except _Superseded:
            raise
        except Exception:  # the outermost handler of a run: nobody awaits it, so it must say what became of it
            log.exception("a run of %s failed unexpectedly", run.plan_id)
            return Result(error=InternalError("a run broke off", exists="see get_companion").row())

    def _end(self, run: Run, result: Result) -> Run:
        code = result.error["code"] if result.error else ""
        # What is being forgotten, or taken back, never stays so: whatever keeps it from going on is waited for.
        removal = is_removal(run.plan_id) or is_closing(run.plan_id)
        alone = _TRIED_AGAIN | _DELETED_LATER if removal else _TRIED_AGAIN
        if code in alone and (removal or run.attempt < _MOST_ATTEMPTS):
            again = self.runs.clock() + _AGAIN_SECONDS
            how = {"state": "parked", "attempt": run.attempt + 1, "reason": alone[code], "again_at": again}
        elif code in _PARKED or (removal and code not in {"", InternalError.code}):
            how = {"state": "parked", "reason": _PARKED.get(code, code)}
        else:
            how = {"state": "failed" if code else "done"}
            if code == Conflict.code and self.runs.current(run):
                self.ledger.go_back(run.companion, run.plan_id)
        return self.runs.update(run, result=result, said=[], **how)


@dataclass(frozen=True, slots=True)
class _Told:
    """An engine's port whose steps show in the row of the run. What the service says may name somebody, and what an
    engine keeps can't be forgotten word by word: it gets the code of an error, and the row keeps the sentence."""

    port: Port
    runs: Runs
    run: Run

    async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if not self._current():
            raise _Superseded
        result = await self.port.step(name, self._coded, name, call, *args)
        await insisting(self.runs.progress, self.run, name)
        error = tree(tree(result).get("error"))
        return {**result, "error": await insisting(self.runs.quoted, self.run, error)} if error else result

    async def sleep(self, seconds: float) -> None:
        with telemetry.span("wait", {"storykeeper.seconds": seconds}):
            await self.port.sleep(seconds)

    def _current(self) -> bool:
        """Nothing may wait in here: an engine knows gathered steps by the order in which they reach it."""
        try:
            return self.runs.current(self.run)
        except OutOfReach:
            return True

    async def _coded(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Only what is done now: a step that was done by an earlier process isn't called again."""
        with telemetry.span(name) as work:
            result = await call(*args)
            error = tree(tree(result).get("error"))
            if error:
                work.fail(error["code"])
        return {**result, "error": await insisting(self.runs.quote, self.run, error)} if error else result
