"""Planning again what is being made: the same wish is the same plan until it is done, whatever exists by then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from judge import Judge
from stage import EXAMPLE, Held, Stage, open_stage
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import Conflict, NotFound, RateLimited, WhichCompanion

pytestmark = pytest.mark.anyio

AGENTS = "/v1/convai/agents/"


def dorothy(**more: Any) -> Wish:
    return Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")], **more})


@pytest.fixture
async def parked(judge: Judge, tmp_path: Path) -> AsyncIterator[tuple[Stage, str]]:
    """A companion whose agent exists and hasn't been looked at yet, and the plan that it is made from."""
    async with open_stage(judge, tmp_path) as stage:
        plan = await stage.call("plan_companion", spec=dorothy())
        await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
        stage.faults.due.append(("GET", AGENTS + "agent_", "429 60"))
        with pytest.raises(RateLimited):
            await stage.call("provision_companion", plan_id=plan.plan_id)
        yield stage, plan.plan_id


async def test_what_is_under_way_is_joined(parked: tuple[Stage, str]) -> None:
    """Its plan is shown again, as far as it has come, and goes on; nothing is asked for twice."""
    stage, plan_id = parked
    again = await stage.call("plan_companion", spec=dorothy())
    view = await stage.call("provision_companion", plan_id=again.plan_id)
    assert again.plan_id == plan_id
    assert {step.action for step in again.steps} == {"keep"}
    assert view.status == "done"
    assert [stage.faults.sent("POST", path) for path in ("/v1/voices/add", AGENTS + "create")] == [1, 1]


async def test_another_wish_is_another_plan(parked: tuple[Stage, str]) -> None:
    """What is said now is what counts."""
    stage, plan_id = parked
    other = await stage.call("plan_companion", spec=dorothy(wishes="warm"))
    assert other.plan_id != plan_id


async def consented(stage: Stage, **more: Any) -> Any:
    plan = await stage.call("plan_companion", spec=dorothy(**more))
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    return plan


async def test_a_companion_that_is_being_made_does_not_give_way_to_a_namesake(
    stage: Stage, recording: Callable[[float], bytes]
) -> None:
    """Though nothing exists of it yet: its run goes on, and it is still there."""
    (stage.home / "other.wav").write_bytes(recording(40))
    plan = await consented(stage)
    stage.faults.inner = held = Held(stage.faults.inner, "/v1/user/subscription")
    run = asyncio.create_task(stage.call("provision_companion", plan_id=plan.plan_id))
    await held.came.wait()
    with pytest.raises(WhichCompanion, match=plan.companion):
        await stage.call("plan_companion", spec=dorothy(recordings=["other.wav"]))
    held.go_on.set()
    assert (await run).status == "done"
    assert [row.companion for row in (await stage.call("list_companions")).companions] == [plan.companion]


async def test_a_parked_run_does_not_go_on_by_itself_under_a_newer_plan(parked: tuple[Stage, str]) -> None:
    """Whoever plans otherwise doesn't get what they wanted before."""
    stage, plan_id = parked
    before = stage.keeper.engine.look(plan_id)
    newer = await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    after = stage.keeper.engine.look(plan_id)
    assert before
    assert after
    assert before.again_at
    assert (after.state, after.again_at) == ("parked", None)
    assert (await stage.call("provision_companion", plan_id=newer.plan_id)).status == "done"


async def test_a_plan_that_was_replaced_while_somebody_was_asked_is_not_run(stage: Stage) -> None:
    """The newer plan stays the newest, and can be run."""
    asked, answered = asyncio.Event(), asyncio.Event()

    class Thoughtful:
        async def report(self, done: float, total: float, message: str) -> None:
            """Nobody looks."""

        async def ask(self, question: str, form: type[Any]) -> Any:
            asked.set()
            await answered.wait()
            return form(agree=True, kind="self", granted_by="Dorothy")

    old = await stage.call("plan_companion", spec=dorothy())
    run = asyncio.create_task(stage.call("provision_companion", plan_id=old.plan_id, caller=Thoughtful()))
    await asked.wait()
    new = await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    answered.set()
    with pytest.raises(Conflict, match="out of date"):
        await run
    assert (await stage.call("provision_companion", plan_id=new.plan_id)).status == "done"
    assert stage.faults.sent("POST", "/v1/voices/add") == 1


async def test_a_companion_that_was_forgotten_while_its_run_was_submitted_is_not_run(
    judge: Judge, tmp_path: Path
) -> None:
    """No row keeps its name."""
    async with open_stage(judge, tmp_path) as stage:
        plan, state = await consented(stage), stage.state
    async with open_stage(judge, tmp_path, state=state) as stage:  # which hasn't seen yet whose account it is
        stage.faults.inner = held = Held(stage.faults.inner, "/v1/user")
        run = asyncio.create_task(stage.call("provision_companion", plan_id=plan.plan_id))
        await held.came.wait()
        would = await stage.call("retire_companion", companion=plan.companion, action="forget")
        await stage.call("retire_companion", companion=plan.companion, action="forget", confirm=would.confirm)
        held.go_on.set()
        with pytest.raises(NotFound):
            await run
        assert stage.keeper.engine.runs.all_of(plan.companion) == []
