"""Runs and who carries them: told apart from what has ended, and not given up over one failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from storykeeper_tools.errors import Busy
from storykeeper_tools.provisioning.runs import Runs
from storykeeper_tools.provisioning.schema import opened
from storykeeper_tools.provisioning.worker import Slot, Worker

pytestmark = pytest.mark.anyio


class Stumbling:
    """A carrier whose first start fails."""

    def __init__(self) -> None:
        self.starts = 0
        self.taken: list[str] = []
        self.took = asyncio.Event()

    async def start(self, executor: str) -> None:
        self.starts += 1
        if self.starts == 1:
            raise OSError("no space left on the disk")

    async def take(self, run_ids: Sequence[str]) -> list[str]:
        self.taken += run_ids
        self.took.set()
        return []

    async def stop(self) -> None:
        """There is nothing to let go of."""


async def test_a_worker_that_could_not_start_tries_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What failed is told, the slot is free for others meanwhile, and the run is carried in the end."""
    runs = Runs(opened(tmp_path))
    run = runs.submit("plan_1", "dorothy-1")
    carrier = Stumbling()
    worker = Worker(runs, Slot(tmp_path / "worker.lock"), carrier)
    worker.start()
    await asyncio.wait_for(carrier.took.wait(), 20)
    await worker.stop()

    assert (carrier.starts, carrier.taken) == (2, [run.id])
    assert "no space left" in caplog.text
    assert not Slot(tmp_path / "worker.lock").occupied()
    runs.database.close()


async def test_only_a_run_that_stood_still_is_begun_anew(tmp_path: Path) -> None:
    """One that ended while its engine was asked about it stays as it ended."""
    runs = Runs(opened(tmp_path))
    stuck, quick = runs.submit("plan_1", "dorothy-1"), runs.submit("plan_2", "tom-2")
    runs.update(quick, state="done")
    runs.renew(stuck)
    runs.renew(quick)

    again, ended = runs.of("plan_1"), runs.of("plan_2")
    assert again
    assert ended
    assert (again.attempt, again.state) == (2, "queued")
    assert (ended.attempt, ended.state) == (1, "done")
    runs.database.close()


async def test_a_companion_is_made_from_one_plan_at_a_time(tmp_path: Path) -> None:
    """The same plan is joined, another one has to wait, and goes on afterwards."""
    runs = Runs(opened(tmp_path))
    first = runs.submit("plan_1", "dorothy-1")
    assert runs.submit("plan_1", "dorothy-1") == first
    with pytest.raises(Busy):
        runs.submit("plan_2", "dorothy-1")
    runs.update(first, state="done")
    assert runs.submit("plan_2", "dorothy-1").state == "queued"
    runs.database.close()
