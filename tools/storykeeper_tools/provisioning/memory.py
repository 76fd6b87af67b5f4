"""Runs carried by tasks of this process, which end with it: for tests, and for what must not touch a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from .ensure import Direct
from .slots import Slot
from .worker import Carry


@dataclass(slots=True)
class InMemory:
    """A carrier without an engine."""

    carry: Carry
    _tasks: dict[str, asyncio.Task[str]] = field(default_factory=dict[str, "asyncio.Task[str]"], repr=False)

    async def start(self, executor: str) -> None:
        """There is nothing to start."""

    async def take(self, run_ids: Sequence[str]) -> list[str]:
        for id in run_ids:
            if id in self._tasks and not self._tasks[id].done():
                continue
            self._tasks[id] = asyncio.create_task(self.carry(Direct(), id), name=id)
        return []

    async def keep(self, slot: Slot) -> None:
        """What ended before left nothing."""

    async def drop(self, run_ids: Sequence[str]) -> None:
        """A task that has ended left nothing."""

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
