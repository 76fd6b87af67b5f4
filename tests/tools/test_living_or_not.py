"""Whether a person lives decides who may consent, so a plan that says otherwise than before is never just believed."""

from __future__ import annotations

import pytest

from stage import EXAMPLE, Stage
from storykeeper_tools.companion.spec import Status, Wish
from storykeeper_tools.errors import BadInput

pytestmark = pytest.mark.anyio


def wish(status: Status) -> Wish:
    return Wish.model_validate(
        {"subject": {"name": "Dorothy", "status": status}, "recordings": [str(EXAMPLE / "recording.mp3")]}
    )


@pytest.mark.parametrize(
    ("status", "asked"), [("living", "Dorothy, or their guardian,"), ("deceased", "Dorothy's executor or heir")]
)
async def test_whoever_may_consent_is_asked(stage: Stage, status: Status, asked: str) -> None:
    """The dead aren't asked any more."""
    plan = await stage.call("plan_companion", spec=wish(status))
    assert plan.questions[0].ask.startswith(f"Has {asked} agreed to the voice in recording.mp3")


async def test_that_somebody_has_died_meanwhile_is_shown_and_named(stage: Stage) -> None:
    """In the plan that says so, and in what a consent of theirs is then refused with."""
    first = await stage.call("plan_companion", spec=wish("living"))
    await stage.call("record_consent", companion=first.companion, kind="self", granted_by="Dorothy")
    await stage.call("provision_companion", plan_id=first.plan_id)
    later = await stage.call("plan_companion", spec=wish("deceased"))
    assert any("says that Dorothy has died" in warning for warning in later.warnings)
    assert not any("has died" in warning for warning in first.warnings)
    with pytest.raises(BadInput, match=f"newest plan of {first.companion} says that Dorothy has died; plan it again"):
        await stage.call("record_consent", companion=first.companion, kind="self", granted_by="Dorothy")
    again = await stage.call("plan_companion", spec=wish("living"))
    assert not any("has died" in warning for warning in again.warnings)
    await stage.call("record_consent", companion=first.companion, kind="self", granted_by="Dorothy")
