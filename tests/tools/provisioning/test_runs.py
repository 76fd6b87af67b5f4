"""Runs and who carries them: told apart from what has ended, and not given up over one failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from storykeeper_tools.errors import Busy, Conflict
from storykeeper_tools.provisioning.runs import Runs
from storykeeper_tools.provisioning.schema import opened
from storykeeper_tools.provisioning.slots import FileSlot, Slot
from storykeeper_tools.provisioning.worker import Worker

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

    async def keep(self, slot: Slot) -> None:
        """Nobody left anything."""

    async def stop(self) -> None:
        """There is nothing to let go of."""


class Leaving:
    """A carrier whose runs are done at once."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.taken: list[str] = []
        self.stopped = asyncio.Event()
        self.took_both = asyncio.Event()

    async def start(self, executor: str) -> None:
        """There is nothing to start."""

    async def take(self, run_ids: Sequence[str]) -> list[str]:
        for run in self.runs.unfinished():
            self.runs.update(run, state="done")
        self.taken += run_ids
        if len(self.taken) == 2:
            self.took_both.set()
        return []

    async def keep(self, slot: Slot) -> None:
        """Nobody left anything."""

    async def stop(self) -> None:
        self.stopped.set()


async def test_a_worker_that_could_not_start_tries_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What failed is told, the slot is free for others meanwhile, and the run is carried in the end."""
    runs = Runs(opened(tmp_path))
    run = runs.submit("plan_1", "dorothy-1")
    carrier = Stumbling()
    worker = Worker(runs, FileSlot(tmp_path / "worker.lock"), carrier)
    worker.start()
    await asyncio.wait_for(carrier.took.wait(), 60)
    await worker.stop()

    assert (carrier.starts, carrier.taken) == (2, [run.id])
    assert "no space left" in caplog.text
    assert not FileSlot(tmp_path / "worker.lock").occupied()
    runs.database.close()


class Following:
    """A carrier that tells what is asked of it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.took_again = asyncio.Event()

    async def start(self, executor: str) -> None:
        self.told.append(f"start as {executor}")

    async def take(self, run_ids: Sequence[str]) -> list[str]:
        self.told += run_ids
        if len(self.told) > 3:
            self.took_again.set()
        return []

    async def keep(self, slot: Slot) -> None:
        """Nobody left anything."""

    async def stop(self) -> None:
        self.told.append("stop")


class LostOnce(FileSlot):
    """A place that somebody else was faster to come back to."""

    losses = 1

    def lost(self) -> bool:
        self.losses -= 1
        return self.losses == 0


async def test_a_worker_that_lost_its_place_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It lets go of its runs before it takes another place, and then hands them all over again."""
    runs = Runs(opened(tmp_path))
    run = runs.submit("plan_1", "dorothy-1")
    carrier = Following()
    worker = Worker(runs, LostOnce(tmp_path / "worker.lock"), carrier)
    worker.start()
    await asyncio.wait_for(carrier.took_again.wait(), 60)
    await worker.stop()

    assert carrier.told == ["start as worker", run.id, "stop", "start as worker", run.id, "stop"]
    assert "taken by another worker" in caplog.text
    runs.database.close()


async def test_what_is_under_way_is_asked_about_now_and_then(tmp_path: Path) -> None:
    """Not at every look, for there may be a thousand; but what broke off in the engine doesn't stand still for good."""
    runs = Runs(opened(tmp_path))
    run = runs.submit("plan_1", "dorothy-1")
    ticks = iter(range(0, 1000, 20))
    carrier = Following()
    worker = Worker(runs, FileSlot(tmp_path / "worker.lock"), carrier, clock=lambda: float(next(ticks)))
    worker.start()
    await asyncio.wait_for(carrier.took_again.wait(), 60)
    await worker.stop()

    assert carrier.told[:4] == ["start as worker", *[run.id] * 3]
    runs.database.close()


async def test_only_a_run_that_stood_still_is_begun_anew(tmp_path: Path, database_url: str | None) -> None:
    """One that ended while its engine was asked about it stays as it ended."""
    runs = Runs(opened(tmp_path, database_url))
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


async def test_a_companion_is_made_from_one_plan_at_a_time(tmp_path: Path, database_url: str | None) -> None:
    """The same plan is joined, another one has to wait, and goes on afterwards."""
    runs = Runs(opened(tmp_path, database_url))
    first = runs.submit("plan_1", "dorothy-1")
    assert runs.submit("plan_1", "dorothy-1") == first
    with pytest.raises(Busy):
        runs.submit("plan_2", "dorothy-1")
    runs.update(first, state="done")
    assert runs.submit("plan_2", "dorothy-1").state == "queued"
    runs.database.close()


def test_a_run_that_is_parked_in_the_future_is_due(tmp_path: Path) -> None:
    """A clock was set back since: it has waited, and nobody knows how long."""
    now = [1_000_000.0]
    runs = Runs(opened(tmp_path), lambda: now[0])
    run = runs.begin(runs.submit("plan_1", "dorothy-1"))
    runs.update(run, state="parked", again_at=now[0] + 60)
    assert runs.unfinished() == []
    now[0] -= 86_400
    assert [due.plan_id for due in runs.unfinished()] == ["plan_1"]
    runs.database.close()


def test_a_plan_that_another_one_replaces_does_not_go_on_by_itself(tmp_path: Path) -> None:
    """Else two would be at work on one companion, and the older one might have the last word."""
    runs = Runs(opened(tmp_path), lambda: 1_000_000.0)
    runs.update(runs.begin(runs.submit("plan_1", "dorothy-1")), state="parked", again_at=0)
    runs.submit("plan_2", "dorothy-1")
    assert [due.plan_id for due in runs.unfinished()] == ["plan_2"]
    runs.database.close()


def test_a_spoilt_row_stops_no_other_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, and its companion counts as busy, since nobody knows; who asks for it is told what to do."""
    runs = Runs(opened(tmp_path))
    runs.submit("plan_1", "dorothy-1")
    runs.database.query("INSERT INTO runs VALUES ('plan_spoilt', 'tom-2', 'queued', '{}')")
    due = [run.plan_id for _ in range(2) for run in runs.unfinished()]
    with pytest.raises(Conflict, match="isn't as it was written"):
        runs.of("plan_spoilt")

    assert due == ["plan_1", "plan_1"]
    assert runs.going() == {"dorothy-1", "tom-2"}
    assert caplog.text.count("plan_spoilt") == 1
    runs.database.close()


async def test_a_worker_with_nothing_to_do_lets_the_engine_go(tmp_path: Path) -> None:
    """After a while; and begins again with the next run."""
    seconds = iter(range(0, 10_000, 20))
    runs = Runs(opened(tmp_path))
    first = runs.submit("plan_1", "dorothy-1")
    carrier = Leaving(runs)
    worker = Worker(runs, FileSlot(tmp_path / "worker.lock"), carrier, clock=lambda: float(next(seconds)))
    worker.start()
    await asyncio.wait_for(carrier.stopped.wait(), 60)
    free = not FileSlot(tmp_path / "worker.lock").occupied()
    second = runs.submit("plan_2", "tom-2")
    worker.wake()
    await asyncio.wait_for(carrier.took_both.wait(), 60)
    await worker.stop()

    assert free
    assert carrier.taken == [first.id, second.id]
    runs.database.close()
