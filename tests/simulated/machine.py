"""A process of Storykeeper's that may die or freeze at any moment; what is on its disk, and in the service, stays."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from simulated.story import Story
from simulated.virtual import forever

OWNER: ContextVar[Machine | None] = ContextVar("OWNER", default=None)


def owned(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """A task factory: a task belongs to the machine that started it, and ends when that dies."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    context = options.get("context")
    machine = context.get(OWNER) if context is not None else OWNER.get()
    if machine:
        machine.tasks.append(task)
    return task


@dataclass(eq=False)
class Machine:
    """`story` says when it dies; `note` writes the trace."""

    name: str
    story: Story
    note: Callable[[str, str], None]
    alive: bool = True
    frozen_until: float = 0
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    @property
    def frozen(self) -> bool:
        return self.frozen_until > asyncio.get_running_loop().time()

    async def point(self, where: str) -> None:
        """It may die here, or freeze for minutes; what it doesn't do while it is frozen it does later."""
        self.check(where)
        if self.story.strikes("freeze", f"{self.name} {where}"):
            self.frozen_until = asyncio.get_running_loop().time() + self.story.between("freeze", 1, 300)
            self.note(self.name, f"freezes: {where}")
        await self.thawed()

    async def thawed(self) -> None:
        """Wait while it is frozen, and for ever when it is dead."""
        while self.frozen:  # noqa: ASYNC110  # nothing happens but that time passes
            await asyncio.sleep(self.frozen_until - asyncio.get_running_loop().time())
        if not self.alive:
            await forever()

    def check(self, where: str) -> None:
        """It may die here. Who is dead does nothing any more."""
        if self.alive and self.story.strikes("kill", f"{self.name} {where}"):
            self.note(self.name, f"dies: {where}")
            self.die()
        if not self.alive:
            raise asyncio.CancelledError

    def die(self) -> None:
        self.alive = False
        for task in self.tasks:
            task.cancel()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.point("after a wait")

    async def gone(self) -> list[str]:
        """Wait until nothing of it is left; names what had been still there after a second, though cancelled."""
        left = [task for task in self.tasks if not task.done()]
        if left:
            await asyncio.wait(left, timeout=1)
        return [task.get_name() for task in left if not task.done()]


@dataclass
class Disk:
    """A machine's way to the ledger. It may die before each transaction and after it, never in the middle."""

    machine: Machine
    rows: sqlite3.Connection

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        if not self.machine.alive:
            raise asyncio.CancelledError
        return self.rows.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Generator[None]:
        if self.rows.in_transaction:
            yield
            return
        self.machine.check("before a transaction")
        self.rows.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.rows.execute("ROLLBACK")
            raise
        self.rows.execute("COMMIT")
        self.machine.check("after a transaction")

    def exists(self) -> bool:
        return True

    def version(self) -> int:
        return int(self.query("PRAGMA user_version")[0][0])

    def set_version(self, version: int) -> None:
        self.query(f"PRAGMA user_version = {version}")

    def scrub(self) -> None:
        """Memory has no free pages that anybody reads."""

    def close(self) -> None:
        """It outlives all machines."""


@dataclass
class Places:
    """Who holds which place for a worker. On a server a frozen holder's connection breaks; a file's lock stays."""

    count: int
    server: bool
    holders: dict[int, Machine] = field(default_factory=dict)

    def free(self, number: int) -> bool:
        holder = self.holders.get(number)
        return holder is None or not holder.alive or (self.server and holder.frozen)


@dataclass
class Place:
    """A machine's way to them."""

    places: Places
    machine: Machine
    number: int = 0

    @property
    def executor(self) -> str:
        return f"worker-{self.number}"

    def take(self) -> bool:
        if not self.number:
            self.number = next(filter(self.places.free, range(1, self.places.count + 1)), 0)
            self._hold()
        return bool(self.number)

    def lost(self) -> bool:
        """What went with a connection is taken again, unless somebody was faster."""
        if self.number not in self.places.holders:
            self._hold()
        return self.places.holders[self.number] is not self.machine

    def occupied(self) -> bool:
        return any(not self.places.free(number) for number in range(1, self.places.count + 1))

    @contextmanager
    def bequeathed(self, executor: str) -> Generator[bool]:
        number = int(executor.rpartition("-")[2])
        gone = self.places.server and self.places.free(number)
        if gone:
            self.places.holders.pop(number, None)
        yield gone

    def give_back(self) -> None:
        if self.places.holders.get(self.number) is self.machine:
            del self.places.holders[self.number]
        self.number = 0

    def _hold(self) -> None:
        if self.number:
            self.places.holders[self.number] = self.machine
            self.machine.note(self.machine.name, f"holds place {self.number}")
