"""What callers are told of a run in each of its states: how it stands, what keeps it, and what to call next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stage import KEY, Front, Served, call
from storykeeper_server.sandbox import auth
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.state import State
from storykeeper_server.sandbox.switches import Switches
from storykeeper_server.wiring import Storykeeper
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import StorykeeperError
from storykeeper_tools.provisioning.runs import Runs
from storykeeper_tools.provisioning.schema import opened
from storykeeper_tools.views import CompanionView

pytestmark = pytest.mark.anyio
CLONE = "POST /v1/voices/add"
DAY, YEAR = 86_400.0, 366 * 86_400.0
WISH = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": ["dorothy.wav"], "memories": ["cork.md"]})


class Service(Served):
    async def fired(self) -> bool:
        """Whether a fault has met a request."""
        return any(rule["fired"] for rule in (await self.ask("GET", "/faults"))["faults"])

    def verify_voices(self) -> None:
        """What the owner does in the dashboard."""
        with self.state.rows(auth.key(KEY).workspace) as rows:
            for row in rows.all("voice"):
                rows.put("voice", row["id"], {**row, "requires_verification": False})


@pytest.fixture
def open_service(front: Front, tmp_path: Path, recording: Callable[[float], bytes]) -> Callable[..., Service]:
    """Builds a sandbox with faults; nobody judges it, since its answers are wrong on purpose."""
    (tmp_path / "cork.md").write_text("# Cork\nBorn in Cork.")
    (tmp_path / "dorothy.wav").write_bytes(recording(40))

    def make(*rules: str, verify: bool = False) -> Service:
        state = State(None)
        front.app = build(state, keys=[KEY], faults=rules, switches=Switches(require_verification=verify))
        return Service(front.url, state, tmp_path)

    return make


async def planned(keeper: Storykeeper) -> Any:
    """A plan, with its consent."""
    draft = await call(keeper, "plan_companion", spec=WISH)
    await call(keeper, "record_consent", companion=draft.companion, kind="self", granted_by="Dorothy")
    return draft


async def said(keeper: Storykeeper, plan_id: str, wait_seconds: float = 45) -> str:
    """What a call of `provision_companion` answers, refused or not."""
    try:
        return str(await call(keeper, "provision_companion", plan_id=plan_id, wait_seconds=wait_seconds))
    except StorykeeperError as error:
        return str(error)


async def looked(keeper: Storykeeper, companion: str) -> CompanionView:
    return await call(keeper, "get_companion", companion=companion)


async def listed(keeper: Storykeeper) -> str:
    return str(await call(keeper, "list_companions"))


async def test_before_it_is_done_the_way_to_wait_is_named(open_service: Callable[..., Service]) -> None:
    """Queued, running, and with nobody there to carry it."""
    service = open_service(f"{CLONE} slow x1 seconds=1")
    async with service.process() as keeper:
        plan = await planned(keeper)
        queued = await said(keeper, plan.plan_id, 0)
        waiting = await listed(keeper)
        while not await service.fired():
            pass
        running = [str(await looked(keeper, plan.companion)), await said(keeper, plan.plan_id, 0)]
    async with service.process(work=False) as keeper:
        paused = [str(await looked(keeper, plan.companion)), await said(keeper, plan.plan_id, 0)]
        alone = await listed(keeper)

    assert "is queued" in queued
    assert all("is running" in text for text in running)
    for text in (queued, *running):
        assert f"Next: call provision_companion(plan_id={plan.plan_id}) again to wait, or get_companion to look" in text
        assert "it goes on while a Storykeeper is open" in text
    for text in paused:
        assert "is waiting_for_worker" in text
        assert f"`storykeeper worker` is started; call provision_companion(plan_id={plan.plan_id})" in text
    assert (waiting.endswith(": queued"), alone.endswith(": waiting_for_worker")) == (True, True)


async def test_what_is_done_names_what_there_is_and_what_comes_before_talking_to_it(
    open_service: Callable[..., Service],
) -> None:
    """The same from all three."""
    async with open_service().process() as keeper:
        plan = await planned(keeper)
        texts = [await said(keeper, plan.plan_id), str(await looked(keeper, plan.companion))]
        [row] = (await call(keeper, "list_companions")).companions
    for text in texts:
        assert f"{plan.companion} (Dorothy) is done: voice " in text
        assert f"Next: rehearse_companion(companion={plan.companion})" in text
    assert str(row) == f"{plan.companion} (Dorothy): done, agent {row.agent_id}"


@pytest.mark.parametrize(
    ("answer", "code", "reason", "advice"),
    [
        ("402 code=insufficient_credits", "quota_exceeded", "quota", "add credits"),
        ("400 code=voice_limit_reached", "voice_slots_full", "slots", "delete a voice"),
        ("400 code=voice_add_edit_limit_reached", "voice_changes_used_up", "slots", "next month"),
        ("403 code=can_not_use_instant_voice_cloning", "plan_limit", "plan", "choose an ElevenLabs plan"),
        ("verification", "voice_needs_verification", "verification", "verify the voice in the ElevenLabs dashboard"),
    ],
)
async def test_what_waits_for_a_person_says_what_to_do_and_goes_on_afterwards(
    open_service: Callable[..., Service], answer: str, code: str, reason: str, advice: str
) -> None:
    """Parked with its reason; once the obstacle is gone the same call finishes it, and nothing is made twice."""
    verify = answer == "verification"
    service = open_service(verify=True) if verify else open_service(f"{CLONE} {answer}")
    async with service.process() as keeper:
        plan = await planned(keeper)
        refused = await said(keeper, plan.plan_id)
        shown, rows = await looked(keeper, plan.companion), await listed(keeper)
        if verify:
            service.verify_voices()
        await service.ask("DELETE", "/faults")
        after = await said(keeper, plan.plan_id)
        clones = [e for e in keeper.ledger.journal.entries(_marker(keeper)) if (e.event, e.kind) == ("made", "voice")]

    again = f"provision_companion(plan_id={plan.plan_id})"
    assert refused.startswith(f"{code} · ")
    assert refused.endswith(f"; then call {again} again"), refused
    assert (advice in refused, "exists: " in refused) == (True, True)
    assert (shown.status, rows.startswith(f"{plan.companion} (Dorothy): parked ({code}: ")) == ("parked", True), rows
    assert any(warning.startswith(f"it waits: {code}: ") for warning in shown.warnings)
    assert f"it waits ({reason}) and goes on when {again} is called" in shown.next
    assert "is done" in after
    assert (len(clones), service.names("voice")) == (1, ["Dorothy"])


@pytest.mark.parametrize(
    ("fault", "code", "reason"), [("429", "rate_limited", "rate limit"), ("503", "unavailable", "ElevenLabs")]
)
async def test_what_waits_for_a_time_goes_on_by_itself(
    open_service: Callable[..., Service], fault: str, code: str, reason: str
) -> None:
    """Nobody calls again: once the time is over, whoever carries runs takes it up."""
    service = open_service(f"{CLONE} {fault}")
    async with service.process() as keeper:
        plan = await planned(keeper)
        refused = await said(keeper, plan.plan_id)
        shown = await looked(keeper, plan.companion)
        await service.ask("DELETE", "/faults")
        run = keeper.engine.look(plan.plan_id)
        assert run
        keeper.engine.runs.update(run, again_at=run.changed_at)
        while run and run.state != "done":
            run = await keeper.engine.changed(run, 1)

    assert refused.startswith(f"{code} · ")
    assert "it is tried again by itself in a minute while a Storykeeper is open; get_companion" in refused
    assert shown.status == "parked"
    assert f"it waits ({reason}) and goes on by itself in a minute while a Storykeeper is open" in shown.next
    assert service.names("voice") == ["Dorothy"]


async def test_what_failed_says_what_there_is_and_is_called_again(open_service: Callable[..., Service]) -> None:
    """What was made is named, kept, and not made again."""
    service = open_service("POST /v1/convai/agents/create 400 x1")
    async with service.process() as keeper:
        plan = await planned(keeper)
        refused = await said(keeper, plan.plan_id)
        shown, rows = await looked(keeper, plan.companion), await listed(keeper)
        after = await said(keeper, plan.plan_id)
    assert "exists: Dorothy (" in refused
    assert "Cork" in refused
    assert (shown.status, rows.startswith(f"{plan.companion} (Dorothy): failed (")) == ("failed", True), rows
    assert any(warning.startswith("it failed: ") for warning in shown.warnings)
    assert shown.next == (
        f"call provision_companion(plan_id={plan.plan_id}); what exists is kept and nothing is made twice"
    )
    assert "is done" in after
    assert service.names("voice") == ["Dorothy"]


@pytest.mark.parametrize(("jump", "due"), [(59, False), (61, True), (-1, True), (-DAY, True), (10 * YEAR, True)])
def test_a_parked_run_sleeps_for_its_minute_and_never_longer(tmp_path: Path, jump: float, due: bool) -> None:
    """However the clock is set: back a day it doesn't sleep for a day."""
    now = [1_000_000_000.0]
    runs = Runs(opened(tmp_path), lambda: now[0])
    run = runs.submit("plan_1", "dorothy-1")
    runs.update(run, state="parked", reason="rate limit", again_at=now[0] + 60)
    now[0] += jump
    found = [run.plan_id for run in runs.unfinished()]
    runs.database.close()
    assert found == (["plan_1"] if due else [])


def test_runs_are_taken_up_whatever_the_clock_did_between_them(tmp_path: Path) -> None:
    """The order may change, but none is left out."""
    now = [1_000_000_000.0]
    runs = Runs(opened(tmp_path), lambda: now[0])
    for number, jump in enumerate((0.0, -DAY, 10 * YEAR)):
        now[0] += jump
        runs.begin(runs.submit(f"plan_{number}", f"dorothy-{number}"))
    now[0] -= YEAR
    found = {run.plan_id for run in runs.unfinished()}
    runs.database.close()
    assert found == {"plan_0", "plan_1", "plan_2"}


def _marker(keeper: Storykeeper) -> str:
    [companion] = keeper.ledger.companions()
    return companion.marker
