"""Several workers of one workspace on Postgres: killed, cut off from it, or never let in."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from postgres import PASSWORD, Server, postgres
from processes import PATIENCE, Place, place
from stage import EXAMPLE, call
from storykeeper_server.wiring import wire
from storykeeper_tools.companion.written import load
from storykeeper_tools.files import allow
from storykeeper_tools.settings import read

pytestmark = pytest.mark.anyio

NAMES = ("Dorothy", "Tom", "Ines", "Ravi")
VOICE = "POST /v1/voices/add"


@dataclass
class Scene:
    """A sandbox, a database, and workers that the database knows by their names."""

    here: Place
    server: Server
    url: str

    def worker(self, name: str) -> subprocess.Popen[str]:
        self.here.more["STORYKEEPER_DATABASE_URL"] = f"{self.url}?application_name={name}"
        return self.here.start("worker")

    def ask(self, statement: Any, *names: str) -> list[tuple[Any, ...]]:
        return self.server.query(self.url.rpartition("/")[2], statement, *names)

    @property
    def folder(self) -> str:
        return f"sandbox-{self.here.http.base_url.port}"

    def busy(self) -> set[str]:
        """The names of those workers that have runs under way."""
        rows = self.ask(
            "SELECT DISTINCT a.application_name FROM {}.workflow_status w, pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE w.status = 'PENDING' AND l.locktype = 'advisory' AND l.objsubid = 2"
            " AND w.executor_id = 'worker-' || l.objid",
            f"dbos_{self.folder}",
        )
        return {name for (name,) in rows}

    def holders(self) -> int:
        """How many workers hold a place."""
        question = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND objid > 0"
        return self.ask(question)[0][0]

    async def submit(self, names: tuple[str, ...] = NAMES) -> None:
        """Plan companions and hand them over, carrying nothing."""
        keeper = wire(
            read({**self.here.env, "STORYKEEPER_DATABASE_URL": self.url}, self.here.home), files=allow([EXAMPLE])
        )
        async with keeper.running(work=False):
            for name in names:
                spec = load(EXAMPLE / "companion.yaml")
                spec = spec.model_copy(update={"subject": spec.subject.model_copy(update={"name": name})})
                draft = await call(keeper, "plan_companion", spec=spec)
                await call(keeper, "record_consent", companion=draft.companion, kind="self", granted_by=name)
                await call(keeper, "provision_companion", plan_id=draft.plan_id, wait_seconds=0)

    def finished(self, workers: list[subprocess.Popen[str]], number: int = len(NAMES)) -> None:
        """Wait until so many companions are made."""
        question = "SELECT count(*) FROM {}.runs WHERE state = 'done'"
        while self.ask(question, f"storykeeper_{self.folder}")[0][0] < number:
            for worker in workers:
                assert worker.poll() is None, worker.communicate()


@contextmanager
def scene(home: Path, server: Server) -> Iterator[Scene]:
    url = server.database()
    with place(home, STORYKEEPER_DATABASE_URL=url) as here:
        yield Scene(here, server, url)


async def test_a_killed_workers_runs_are_taken_over_by_another(tmp_path: Path, postgres_server: Server) -> None:
    """In the middle of a clone that got through; of everything there is one in the end."""
    with scene(tmp_path, postgres_server) as it, ExitStack() as ending:
        workers = {name: ending.enter_context(it.worker(name)) for name in ("one", "two")}
        it.here.fault(f"{VOICE} blackhole-after-commit")
        await it.submit()
        it.finished([*workers.values()], len(NAMES) - 1)
        while it.holders() < 2 or len(it.busy()) != 1:
            assert {worker.poll() for worker in workers.values()} == {None}
        killed = workers.pop(it.busy().pop())
        killed.kill()
        it.finished([*workers.values()])
        made, intact = it.here.count(), it.here.run("verify")["intact"]
        left = it.holders()
        for worker in workers.values():
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(PATIENCE) == 0

    assert made == {"voice": 4, "document": 12, "agent": 4}
    assert intact
    assert left == 1


async def test_workers_outlive_a_restart_of_their_database(tmp_path: Path) -> None:
    """It is stopped at once while they clone, and is away when answers come: nothing is lost, nothing made twice."""
    with postgres() as server, scene(tmp_path, server) as it, ExitStack() as ending:
        workers = [ending.enter_context(it.worker(name)) for name in ("one", "two")]
        it.here.fault(f"{VOICE} slow seconds=1")
        await it.submit()
        it.here.wait_for_fault(workers[0])
        server.stop(at_once=True)
        refusals = [_told(it.here.start("list", "--json")) for _ in range(3)]
        server.start()
        it.finished(workers)
        made, intact = it.here.count(), it.here.run("verify")["intact"]
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(PATIENCE) == 0

    assert {code for code, _ in refusals} == {4}
    assert all("busy · the database at 127.0.0.1" in text for _, text in refusals)
    assert made == {"voice": 4, "document": 12, "agent": 4}
    assert intact


@pytest.mark.parametrize("command", [["worker"], ["list"], ["provision", str(EXAMPLE / "companion.yaml"), "--yes"]])
def test_a_database_that_is_down_is_one_sentence(tmp_path: Path, command: list[str]) -> None:
    """With host and port, an exit code, and nothing else of the URL."""
    url = f"postgresql://keeper:{PASSWORD}@127.0.0.1:9/storykeeper"
    with place(tmp_path, STORYKEEPER_DATABASE_URL=url) as here:
        code, text = _told(here.start(*command))

    assert code == 4
    assert text.startswith("storykeeper: busy · the database at 127.0.0.1:9 can't be reached · nothing is lost · ")
    assert text.count("\n") == 1
    assert PASSWORD not in text


async def test_two_workspaces_of_one_database_see_nothing_of_each_other(
    tmp_path: Path, postgres_server: Server
) -> None:
    """Neither their companions nor their runs; a worker of the one leaves the other's alone."""
    with scene(tmp_path, postgres_server) as it, scene(tmp_path, postgres_server) as other:
        other.url = it.url
        await it.submit(("Dorothy",))
        await other.submit(("Tom", "Ines"))
        with it.worker("one") as worker:
            it.finished([worker], 1)
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=PATIENCE)
        seen = it.here.run("list")["companions"]
        other.here.more["STORYKEEPER_DATABASE_URL"] = it.url
        unseen = other.here.run("list")["companions"]
        made = it.here.count(), other.here.count()

    assert [row["status"] for row in seen] == ["done"]
    assert [row["status"] for row in unseen] == ["waiting_for_worker"] * 2
    assert made == ({"voice": 1, "document": 3, "agent": 1}, {"voice": 0, "document": 0, "agent": 0})


def _told(process: subprocess.Popen[str]) -> tuple[int, str]:
    """How a process ends, and what it says on stderr."""
    _, text = process.communicate(timeout=PATIENCE)
    return process.returncode, text
