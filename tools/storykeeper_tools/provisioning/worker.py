"""Who carries runs: of all processes that share a workspace, the one that holds the slot."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..files import private_folder
from .ensure import Run
from .runs import Runs

log = logging.getLogger(__name__)

Carry = Callable[[Run, str], Coroutine[Any, Any, str]]

_LOOK_SECONDS = 0.5


class Carrier(Protocol):
    """What carries runs on: DBOS, or tasks in memory for tests."""

    async def start(self, executor: str) -> None: ...

    async def take(self, run_ids: Sequence[str]) -> list[str]: ...

    async def stop(self) -> None: ...


@dataclass(slots=True)
class Slot:
    """The one place for a worker, held by a lock on a file: free again when its process ends, however it ends."""

    path: Path
    _held: int | None = field(default=None, repr=False)

    def take(self) -> bool:
        """Whether it is held from now on."""
        if self._held is None:
            self._held = self._lock()
        return self._held is not None

    def occupied(self) -> bool:
        """Whether anybody holds it."""
        if self._held is not None:
            return True
        probe = self._lock()
        if probe is not None:
            os.close(probe)
        return probe is None

    def give_back(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _lock(self) -> int | None:
        private_folder(self.path.parent)
        descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor


@dataclass(slots=True)
class Worker:
    """Looks for runs, takes the slot when there are any, and then carries them until it is stopped."""

    runs: Runs
    slot: Slot
    carrier: Carrier
    _task: asyncio.Task[None] | None = field(default=None, repr=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _working: bool = field(default=False, repr=False)

    def start(self) -> None:
        """Look for work from now on. An idle worker loads no engine and holds no slot."""
        self._task = asyncio.create_task(self._work())

    @property
    def present(self) -> bool:
        """Whether runs are carried: here, or by whoever holds the slot."""
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
        if self._working:
            await self.carrier.stop()
            self._working = False
        self.slot.give_back()

    async def _work(self) -> None:
        taken: set[str] = set()
        while True:
            try:
                taken = await self._carry(taken) if await self._begun() else taken
            except Exception:  # nobody awaits this task, and what fails now (a full disk, a held lock) may pass
                log.exception("no run could be carried; it is tried again")
            await self._pause()

    async def _begun(self) -> bool:
        """Whether this process carries runs; it begins to when there are any and the slot is free."""
        if self._working:
            return True
        if not self.runs.unfinished() or not self.slot.take():
            return False
        try:
            # The same name for every holder: whoever comes next finds in the engine what this one left.
            await self.carrier.start("worker")
        except BaseException:
            await self.carrier.stop()
            self.slot.give_back()
            raise
        self._working = True
        return True

    async def _carry(self, taken: set[str]) -> set[str]:
        due = {run.id: run for run in self.runs.unfinished()}
        dead = await self.carrier.take([id for id in due if id not in taken])
        for id in dead:
            self.runs.renew(due[id])
        return due.keys() - set(dead)

    async def _pause(self) -> None:
        self._wake.clear()
        # Not wait_for: in Python 3.11 it can lose a cancellation.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._wake.wait()
