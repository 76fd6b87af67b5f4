"""What carrying a run gives to the engine: steps in the same order each time, and no word of anybody."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from stage import EXAMPLE, Stage
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.provisioning.database import Database, OutOfReach
from storykeeper_tools.provisioning.runs import Runs

pytestmark = pytest.mark.anyio
WISH = Wish.model_validate(
    {
        "subject": {"name": "Dorothy Quill"},
        "recordings": [str(EXAMPLE / "recording.mp3")],
        "memories": [str(EXAMPLE / "memories")],
    }
)


@dataclass
class Keeping:
    """An engine's port: it keeps what steps come to, by the order in which they reach it."""

    kept: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    intended: Callable[[], None] = lambda: None

    async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        number = len(self.names)
        self.names.append(name)
        if number == len(self.kept):
            self.kept.append("")
        self.kept[number] = self.kept[number] or json.dumps(await call(*args))
        if name.startswith("intend"):
            self.intended()
        return json.loads(self.kept[number])

    async def sleep(self, seconds: float) -> None:
        """Nobody waits."""


@dataclass
class Straying:
    """A database that is out of reach for the next question that is asked outside a transaction."""

    inner: Database
    away: bool = False
    within: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def stray(self) -> None:
        self.away = True

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        if self.away and not self.within:
            self.away = False
            raise OutOfReach("the connection was cut")
        return self.inner.query(statement, *values)

    def transaction(self) -> AbstractContextManager[None]:
        return _Within(self, self.inner.transaction())


@dataclass
class _Within(AbstractContextManager[None]):
    database: Straying
    inner: AbstractContextManager[None]

    def __enter__(self) -> None:
        self.inner.__enter__()
        self.database.within = True

    def __exit__(self, *error: Any) -> bool | None:
        self.database.within = False
        return self.inner.__exit__(*error)


@dataclass
class Quoting(httpx.AsyncBaseTransport):
    """Refuses a voice, and says whose."""

    inner: httpx.AsyncBaseTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if (request.method, request.url.path) == ("POST", "/v1/voices/add"):
            return httpx.Response(400, json={"detail": {"status": "bad", "message": "no voice of Dorothy Quill"}})
        return await self.inner.handle_async_request(request)


async def submitted(stage: Stage, *, consent: bool = True) -> tuple[Any, str]:
    """What carries a run, and a run that nobody else carries."""
    carrying = stage.keeper.engine.worker.carrier.carry
    await stage.keeper.engine.worker.stop()
    plan = await stage.call("plan_companion", spec=WISH)
    if consent:
        await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy Quill")
    return carrying, stage.keeper.engine.submit(stage.keeper.ledger.plan(plan.plan_id)).id


async def test_steps_keep_their_order_though_the_database_is_away_for_a_moment(stage: Stage) -> None:
    """An engine would give one what another came to."""
    carrying, run_id = await submitted(stage)
    database = Straying(carrying.runs.database)
    port = Keeping(intended=database.stray)
    state = await replace(carrying, runs=Runs(database))(port, run_id)

    assert state == "done"
    assert [name for name in port.names if name.startswith("create")][:2] == ["create voice", "create document"]


@pytest.mark.parametrize(("consent", "says"), [(True, "no voice of Dorothy Quill"), (False, "nobody has allowed")])
async def test_an_engine_gets_no_word_of_what_went_wrong(stage: Stage, consent: bool, says: str) -> None:
    """The run says it all the same, also where the engine repeats what it kept; once it is over, nothing else has it."""
    stage.faults.inner = Quoting(stage.faults.inner)
    carrying, run_id = await submitted(stage, consent=consent)
    port = Keeping()
    await carrying(port, run_id)
    run = carrying.runs.of(run_id.partition(".")[0])

    assert says in run.result.error["what"]
    assert run.said == []
    assert not [kept for kept in port.kept if "Quill" in kept or "allowed" in kept]


async def test_what_a_step_met_is_said_when_the_run_is_taken_up_again(stage: Stage) -> None:
    """The engine repeats what it kept, and the row has the words."""
    carrying, run_id = await submitted(stage)
    before = carrying.runs.of(run_id.partition(".")[0])
    said = carrying.runs.quote(before, {"code": "bad_input", "what": "no", "exists": "e", "next": "n"})
    await carrying(Keeping(kept=[json.dumps({"value": None, "error": said})]), run_id)
    run = carrying.runs.of(before.plan_id)

    assert (run.state, run.result.error["what"]) == ("failed", "no")
