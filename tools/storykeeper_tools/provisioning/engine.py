"""What carries runs: here, tasks of this process. What a run made is in the ledger, so a run that ended with its
process goes on when the same plan is provisioned again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio

from ..errors import InternalError
from .plan import Plan
from .saga import Provisioning, Result

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """`steps` are the names of those that are done."""

    state: Literal["running", "done", "failed"]
    steps: tuple[str, ...]
    result: Result | None = None


@dataclass(slots=True)
class _Run:
    """A run in memory: it notes the names of its steps."""

    names: list[str] = field(default_factory=list[str])
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        result = await call(*args)
        self.names.append(name)
        self.tell()
        return result

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(slots=True)
class Engine:
    """Runs plans; whoever submits one may go away, and look at it again."""

    provisioning: Provisioning
    _runs: dict[str, tuple[_Run, asyncio.Task[Result]]] = field(
        default_factory=dict[str, "tuple[_Run, asyncio.Task[Result]]"], repr=False
    )

    def submit(self, plan: Plan) -> None:
        """Start the run of a plan, or join the one that is going on; one that failed starts again."""
        if not self.running(plan.plan_id):
            run = _Run()
            task = asyncio.create_task(self._carry(run, plan), name=plan.plan_id)
            task.add_done_callback(lambda _: run.tell())
            self._runs[plan.plan_id] = run, task

    def look(self, plan_id: str) -> State | None:
        """How a run stands; None when this process carries none for that plan."""
        if plan_id not in self._runs:
            return None
        run, task = self._runs[plan_id]
        if not task.done():
            return State("running", tuple(run.names))
        result = task.result()
        return State("failed" if result.error else "done", tuple(run.names), result)

    def running(self, plan_id: str) -> bool:
        state = self.look(plan_id)
        return state is not None and state.state == "running"

    def changed(self, plan_id: str) -> asyncio.Event | None:
        """Set at the next change of a run. Take it before looking, so that no change in between is missed."""
        return self._runs[plan_id][0].changed if plan_id in self._runs else None

    async def stop(self) -> None:
        """End what is going on; intents in the ledger say what may have been under way."""
        tasks = [task for _, task in self._runs.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, run: _Run, plan: Plan) -> Result:
        try:
            return await self.provisioning(run, plan)
        except Exception:  # the outermost handler of a run: nobody awaits it, so it must say what became of it
            log.exception("a run of %s failed unexpectedly", plan.plan_id)
            return Result(error=InternalError("a run broke off", exists="see get_companion").row())
