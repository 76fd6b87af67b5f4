"""Watching runs: whoever watches doesn't own them, and one question a moment asks about all of them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from storykeeper_tools.errors import Busy, from_row
from storykeeper_tools.provisioning.runs import Run, Runs

from .board import Board, Events, Row

_LOOK_SECONDS = 0.25


@dataclass(slots=True)
class Leave:
    """Whether somebody said that it is time to go, and by which signal."""

    number: int = 0
    said: asyncio.Event = field(default_factory=asyncio.Event)

    def by(self, number: int) -> None:
        self.number = number
        self.said.set()


@contextlib.contextmanager
def leaving() -> Generator[Leave]:
    """Ctrl-C and SIGTERM end the watching; said once more they end the program at once."""
    leave, loop = Leave(), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, leave.by, number)
    try:
        yield leave
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@dataclass(frozen=True, slots=True)
class Watch:
    """The rows of a batch and the runs that they are about."""

    runs: Runs
    events: Events
    rows: list[Row]

    async def show(self, console: Any, leave: Leave) -> None:
        """Tell what becomes of them until nothing more does, or somebody leaves."""
        board = Board(console, self.rows)
        with board.shown():
            while not leave.said.is_set() and (going := [row for row in self.rows if not row.ended]):
                with contextlib.suppress(Busy):  # a database that is out of reach comes back, or Ctrl-C is pressed
                    found = self.runs.of_all([row.plan_id for row in going])
                    self._follow([(row, found[row.plan_id]) for row in going if row.plan_id in found], board)
                board.refresh()
                await _pause(leave)

    def _follow(self, pairs: Iterable[tuple[Row, Run]], board: Board) -> None:
        for row, run in pairs:
            before = row.state, row.again_at
            self._progress(row, run)
            self._settle(row, run)
            if (row.state, row.again_at) != before:
                board.changed(row)

    def _progress(self, row: Row, run: Run) -> None:
        """Its new steps; a run that was taken up again tells them from its first one."""
        if run.state == "running" and row.state != "running":
            row.turn("running")
            self.events.tell("started", row, plan_id=row.plan_id)
        if len(run.steps) < row.done:
            row.done = 0
        for step in run.steps[row.done :]:
            row.done, row.step = row.done + 1, step
            row.total = max(row.total, row.done)
            self.events.tell("progress", row, step=step, done=row.done, total=row.total)

    def _settle(self, row: Row, run: Run) -> None:
        error = from_row(run.result.error) if run.result and run.result.error else None
        if run.state == "done":
            row.turn("done")
            agent = run.result.agent.id if run.result and run.result.agent else None
            self.events.tell("done", row, unchanged=False, agent_id=agent)
        elif run.state == "failed":
            row.turn("failed", f"{error.code}: {error.what}" if error else "")
            row.error = error
            self.events.tell("failed", row, error=error.row() if error else None)
        elif run.state == "parked" and (row.state, row.again_at) != ("parked", run.again_at):
            row.turn("parked", f"{run.reason}: {error.what}" if error else run.reason)
            row.error, row.again_at = error, run.again_at
            self.events.tell(
                "parked", row, reason=run.reason, again_at=run.again_at, error=error.row() if error else None
            )


async def _pause(leave: Leave) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_SECONDS):
            await leave.said.wait()
