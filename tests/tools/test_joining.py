"""Planning again what is being made: the same wish is the same plan until it is done, whatever exists by then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from judge import Judge
from stage import EXAMPLE, Stage, open_stage
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import RateLimited

pytestmark = pytest.mark.anyio

AGENTS = "/v1/convai/agents/"


def dorothy(**more: str) -> Wish:
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
