"""Everything of one seed put together: a sandbox, processes that come and go, and people who ask again."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Any

import httpx

from simulated.auditor import Auditor
from simulated.carrier import Workflows
from simulated.machine import OWNER, Disk, Machine, Places, owned
from simulated.network import Network
from simulated.process import Around, Parts, process
from simulated.story import Story
from simulated.wishes import NAMES, Person
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.state import State
from storykeeper_tools.provisioning.blobs import Blobs
from storykeeper_tools.provisioning.schema import prepare

EPOCH = 1_800_000_000.0
DAY, DECADE = 86_400.0, 10 * 365.25 * 86_400
CALM_AFTER, DEADLINE = 1200.0, 3600.0


class World:
    """`trace` tells what happened, `auditor` what should not have."""

    def __init__(self, story: Story, folder: Path, parts: Parts) -> None:
        self.loop = asyncio.get_running_loop()
        self.loop.set_task_factory(owned)
        self.loop.set_exception_handler(self._unheard)
        self.story = story
        self.trace: list[str] = []
        self.skew = 0.0
        self.machines: list[Machine] = []
        self.rows = sqlite3.connect(":memory:", isolation_level=None)
        self.state = State(None)
        self.auditor = Auditor(self.state, self.note)
        self.workflows: Workflows = {}
        self.around = Around(
            self._networks(),
            self.rows,
            self.workflows,
            Places(story.chairs if story.server else 1, story.server),
            Blobs(folder / "blobs"),
            self.clock,
            story.dice("jitter").random,
            parts,
        )
        quiet = Machine("keeper", Story.quiet(), self.note)
        prepare(Disk(quiet, self.rows))
        self.keeper = process(quiet, self.around)
        self.auditor.ledger = self.keeper.ledger

    def close(self) -> None:
        self.rows.close()
        self.state.close()

    def note(self, who: str, what: str) -> None:
        self.trace.append(f"{self.loop.time():9.2f}  {who:8} {what}")

    def clock(self) -> float:
        """What the machines of the workspace take for the time."""
        return EPOCH + self.loop.time() + self.skew

    async def play(self) -> None:
        """From the first wish to the last audit."""
        people = [Person(NAMES[n], self.story, self.keeper, self.auditor) for n in range(self.story.companions)]
        others = [asyncio.create_task(self._chair(n)) for n in range(self.story.chairs)]
        others.append(asyncio.create_task(self._weather()))
        try:
            async with asyncio.timeout(CALM_AFTER + DEADLINE):
                await asyncio.gather(*(person.live() for person in people))
        except TimeoutError:
            self.auditor.found("an hour after the last disturbance not all is done")
        await self._end(others)

    async def _end(self, others: list[asyncio.Task[None]]) -> None:
        """Whatever is still on its way arrives; then everything is looked at."""
        self.story.calm = True
        settle = self.around.parts.patience.settle
        await asyncio.sleep(2 * settle)
        await self._reconcile()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for machine in self.machines:
            machine.die()
            await machine.gone()
        self.auditor.finish(self.story.misled)

    async def _reconcile(self) -> None:
        """The sweeper finds what no run could: of a wish that was given up, and where a lie and a late list met."""
        report = await self.keeper.reconcile.look()
        if any(finding.do == "wait" for finding in report.findings):  # a clock that jumped makes old things look new
            await asyncio.sleep(2 * self.around.parts.patience.settle)
            report = await self.keeper.reconcile.look()
        for finding in (await self.keeper.reconcile.act(report, adopt=True, delete=True)).findings:
            self.note("keeper", f"reconciles: {finding}")
            self.auditor.swept(finding, self.story.misled)

    async def _chair(self, number: int) -> None:
        """A place where a process runs; when it dies, another one is started."""
        count = 0
        await asyncio.sleep(self.story.between("start", 0, 60) * number)
        while True:
            count += 1
            machine = Machine(f"{'AB'[number]}{count}", self.story, self.note)
            if not any(m.alive for m in self.machines) and self.story.strikes("amnesia", "at a start"):
                self.note(machine.name, "finds that the engine's records are lost")
                self.workflows.clear()
            self.machines.append(machine)
            await asyncio.create_task(self._lived(machine))
            self.auditor.between(machine.name, self.story.misled)
            await asyncio.sleep(self.story.between("start", 0.5, 90))

    async def _lived(self, machine: Machine) -> None:
        token = OWNER.set(machine)
        self.note(machine.name, "starts")
        process(machine, self.around).engine.worker.start()
        OWNER.reset(token)
        while machine.alive:  # noqa: ASYNC110  # who dies tells nobody
            await asyncio.sleep(0.5)
        for name in await machine.gone():
            self.auditor.found(f"{machine.name} was killed, but '{name}' lives on")

    async def _weather(self) -> None:
        """Clocks that jump, until there is calm."""
        while self.loop.time() < CALM_AFTER and not self.story.calm:
            if self.story.strikes("jump", "clock"):
                jump = self.story.pick("jump", [-DAY, -600.0, 300.0, DECADE])
                self.skew += jump
                self.note("clock", f"jumps by {jump:+.0f} s")
            await asyncio.sleep(self.story.between("weather", 5, 60))
        self.story.calm = True
        self.note("weather", "is calm from now on")

    def _networks(self) -> Any:
        switches = Switches(list_lag_seconds=self.story.lag, min_voice_seconds=0)
        app = build(self.state, clock=Clock(lambda: EPOCH + self.loop.time()), switches=switches, plan="pro")
        service = httpx.ASGITransport(app)
        return lambda machine: Network(machine, machine.story, service, self.auditor.sent, self.auditor.done)

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.auditor.found(f"nobody heard of {context.get('exception') or context['message']!r}")


class Escaped(logging.Handler):
    """Hears what our code logs as an error, or with a traceback: something nobody had thought of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error or record.levelno >= logging.ERROR:
            self.heard.append(f"{record.getMessage()}: {error!r}")
