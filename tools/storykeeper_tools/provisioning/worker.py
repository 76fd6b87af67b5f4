"""Who carries runs: of all processes that share a workspace, those that hold a place."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import StorykeeperError
from .ensure import Run
from .runs import Runs
from .slots import Slot

log = logging.getLogger(__name__)

Carry = Callable[[Run, str], Coroutine[Any, Any, str]]

_LOOK_SECONDS = 0.5
_AGAIN_SECONDS = 30.0  # how long a run that broke off in the engine may stand still
_IDLE_SECONDS = 30.0  # an engine that only waits costs a twentieth of a core, and another process may want the place


class Carrier(Protocol):
    """What carries runs on: DBOS, or tasks in memory for tests."""

    async def start(self, executor: str) -> None: ...

    async def take(self, run_ids: Sequence[str]) -> list[str]:
        """Carry these; said again it changes nothing. Answers those that came to a dead end."""
        ...

    async def keep(self, slot: Slot) -> None:
        """See to what other holders left, and to what is long over. Called at every look."""
        ...

    async def stop(self) -> None: ...


@dataclass(slots=True)
class Worker:
    """Looks for runs, takes a place when there are any, and then carries them until it is stopped."""

    runs: Runs
    slot: Slot
    carrier: Carrier
    clock: Callable[[], float] = time.monotonic
    _task: asyncio.Task[None] | None = field(default=None, repr=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _working: bool = field(default=False, repr=False)
    _taken: set[str] = field(default_factory=set[str], repr=False)
    _forget_at: float = field(default=0.0, repr=False)
    _busy_at: float = field(default=0.0, repr=False)
    _met: str = field(default="", repr=False)
    _said: str = field(default="", repr=False)

    def start(self) -> None:
        """Look for work from now on. An idle worker loads no engine and holds no place."""
        self._task = asyncio.create_task(self._work())

    @property
    def present(self) -> bool:
        """Whether runs are carried: here, or by whoever holds a place."""
        return self._task is not None or self.slot.occupied()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def stop(self) -> None:
        """Let go; what isn't finished is found by whoever looks next."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._let_go()

    async def _work(self) -> None:
        while True:
            try:
                await self._look()
                self._met = self._said = ""
            except Exception as error:  # nobody awaits this task, and what fails now (a full disk, a lock) may pass
                self._say(error)
            await self._pause()

    async def _look(self) -> None:
        if self._working and self.slot.lost():
            log.warning("%s was taken by another worker; this one starts anew", self.slot.executor)
            await self._let_go()
        if await self._begun():
            await self.carrier.keep(self.slot)
            await self._carry()
        if self._working and self.clock() >= self._busy_at + _IDLE_SECONDS:
            await self._let_go()

    async def _begun(self) -> bool:
        """Whether this process carries runs; it begins to when there are any and a place is free."""
        if self._working:
            return True
        if not self.runs.unfinished() or not self.slot.take():
            return False
        try:
            await self.carrier.start(self.slot.executor)
        except BaseException:
            await self.carrier.stop()
            self.slot.give_back()
            raise
        self._working = True
        return True

    async def _carry(self) -> None:
        """Hand over what is due. What is under way is asked about only now and then: there may be a thousand."""
        if self.clock() >= self._forget_at:
            self._taken, self._forget_at = set(), self.clock() + _AGAIN_SECONDS
        due = {run.id: run for run in self.runs.unfinished()}
        self._busy_at = self.clock() if due else self._busy_at
        dead = await self.carrier.take([id for id in due if id not in self._taken])
        for id in dead:
            self.runs.renew(due[id])
        self._taken = due.keys() - set(dead)

    async def _let_go(self) -> None:
        if self._working:
            self._working = False
            await self.carrier.stop()
        self._taken = set()
        self.slot.give_back()

    def _say(self, error: Exception) -> None:
        """Once for each thing that fails: a server that is away would fill the log twice a second. What is known to
        pass is told when it doesn't."""
        known = isinstance(error, StorykeeperError)
        text, met = str(error), self._met
        self._met = text
        if text != self._said and (text == met or not known):
            self._said = text
            log.warning("no run can be carried, it is tried again: %s", text, exc_info=None if known else error)

    async def _pause(self) -> None:
        self._wake.clear()
        # Not wait_for: in Python 3.11 it can lose a cancellation.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._wake.wait()
