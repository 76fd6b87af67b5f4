"""DBOS as the carrier of runs, on both databases: begun again in the same process, and tidied up."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from storykeeper_tools.provisioning.database import OutOfReach
from storykeeper_tools.provisioning.durable import KEPT_SECONDS, Durable
from storykeeper_tools.provisioning.ensure import Run as Port

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def started(carrier: Durable) -> AsyncIterator[Durable]:
    await carrier.start("worker-1")
    try:
        yield carrier
    finally:
        await carrier.stop()


async def ended(carrier: Durable, run_id: str) -> None:
    while run_id not in await carrier.take([run_id]):
        pass


@pytest.mark.parametrize(("kept", "times"), [(KEPT_SECONDS, 1), (-1.0, 2)])
async def test_what_ended_long_ago_is_dropped(
    tmp_path: Path, database_url: str | None, kept: float, times: int
) -> None:
    """The engine knows nothing of it any more, so it would carry it anew; what has just ended it still knows."""
    carried: list[str] = []

    async def carry(port: Port, run_id: str) -> str:
        carried.append(run_id)
        return "done"

    async with started(Durable(address(tmp_path, database_url), carry, "dbos_my-ws", kept)) as carrier:
        await ended(carrier, "plan_1.1")
        await carrier.tidy()
        await ended(carrier, "plan_1.1")

    assert carried == ["plan_1.1"] * times


async def test_there_are_threads_for_others_while_the_engine_goes(tmp_path: Path) -> None:
    """A tool may be called just then."""

    async def first() -> str:
        return "done"

    async def carry(port: Port, run_id: str) -> str:
        return await port.step("first", first)

    carrier = Durable(address(tmp_path, None), carry, "dbos_my-ws")
    await carrier.start("worker-1")
    await ended(carrier, "plan_1.1")
    going = asyncio.create_task(carrier.stop())
    while not going.done():
        assert await asyncio.to_thread(lambda: "a thread")


async def test_a_run_that_was_let_go_of_goes_on_where_it_was(tmp_path: Path, database_url: str | None) -> None:
    """In the same process: its first step isn't done again, and it wasn't taken for failed."""
    steps: list[str] = []
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> str:
        steps.append("first")
        return "kept"

    async def second(said: str) -> str:
        steps.append(f"second after {said}")
        under_way.set()
        await go_on.wait()
        return "done"

    async def carry(port: Port, run_id: str) -> str:
        return await port.step("second", second, await port.step("first", first))

    carrier = Durable(address(tmp_path, database_url), carry, "dbos_my-ws")
    async with started(carrier):
        await carrier.take(["plan_1.1"])
        await under_way.wait()
    assert await asyncio.to_thread(lambda: "the loop has threads")
    go_on.set()
    async with started(carrier):
        await ended(carrier, "plan_1.1")

    assert steps == ["first", "second after kept", "second after kept"]


@pytest.mark.parametrize("drop", [False, True], ids=["take", "drop"])
async def test_a_run_of_another_version_is_at_a_dead_end(tmp_path: Path, drop: bool) -> None:
    """Nobody would take it up: it is told, so that it is begun anew, and it can be dropped."""
    under_way = asyncio.Event()

    async def carry(port: Port, run_id: str) -> str:
        under_way.set()
        await asyncio.Event().wait()
        return "done"

    url = address(tmp_path, None)
    async with started(Durable(url, carry)) as carrier:
        await carrier.take(["plan_1.1"])
        await under_way.wait()
    with closing(sqlite3.connect(tmp_path / "engine.sqlite")) as database, database:
        database.execute("UPDATE workflow_status SET application_version = 'saga-1'")
    async with started(Durable(url, carry)) as carrier:
        if drop:
            await carrier.drop(["plan_1.1"])
        dead = await carrier.take(["plan_1.1"])
        again = await carrier.take(["plan_1.1"])

    assert dead == ([] if drop else ["plan_1.1"])
    assert again == dead


async def test_a_step_waits_for_a_ledger_that_is_out_of_reach(tmp_path: Path) -> None:
    """It doesn't fail: what failed would be written down as the step's result."""
    tries: list[int] = []

    async def step() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OutOfReach("the database is away")
        return "done"

    async def carry(port: Port, run_id: str) -> str:
        return await port.step("step", step)

    async with started(Durable(address(tmp_path, None), carry)) as carrier:
        await ended(carrier, "plan_1.1")

    assert len(tries) == 3


def address(folder: Path, url: str | None) -> str:
    return url or f"sqlite:///{folder / 'engine.sqlite'}"
