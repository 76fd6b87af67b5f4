"""A companion's voice made anew from other recordings: one new voice, whatever happens, and the old one talks until then."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import sounds
from judged import build as build_judged
from judged import served
from stage import GENEROUS, KEY, Front, Served, Stage, call, open_stage
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.state import State
from storykeeper_server.wiring import Storykeeper
from storykeeper_tools.companion.changes import Changes
from storykeeper_tools.companion.spec import ConsentBlock, Wish
from storykeeper_tools.errors import (
    BadInput,
    Conflict,
    NeedsConsent,
    NotFound,
    RecordingRefused,
    StorykeeperError,
    VoiceSlotsFull,
    WhichCompanion,
)
from storykeeper_tools.provisioning import wanted
from storykeeper_tools.provisioning.clearing import clear, discard
from storykeeper_tools.provisioning.reconcile import Reconcile

pytestmark = pytest.mark.anyio
ADD, PATCH = "POST /v1/voices/add", "PATCH /v1/convai/agents/{agent_id}"
USUAL = Switches()


def dorothy(recording: str = "old.mp3", **more: Any) -> Wish:
    said = {"subject": {"name": "Dorothy"}, "recordings": [recording], "memories": ["cork.md"]}
    return Wish.model_validate(said | more)


def lay(home: Path) -> None:
    (home / "cork.md").write_text("# Cork\nBorn in Cork.")
    for name in ("old", "new", "newer"):
        (home / f"{name}.mp3").write_bytes(sounds.titled(name))


async def consented(keeper: Storykeeper, plan: Any) -> Any:
    await call(keeper, "record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    return plan


async def first(keeper: Storykeeper) -> Any:
    plan = await consented(keeper, await call(keeper, "plan_companion", spec=dorothy()))
    return await call(keeper, "provision_companion", plan_id=plan.plan_id)


async def planned(keeper: Storykeeper, recording: str = "new.mp3") -> Any:
    """A voice from other recordings, and the consent to it."""
    changes = Changes(recordings=[recording])
    return await consented(keeper, await call(keeper, "plan_companion", companion="Dorothy", changes=changes))


async def recast(keeper: Storykeeper, recording: str = "new.mp3") -> Any:
    plan = await planned(keeper, recording)
    return await call(keeper, "provision_companion", plan_id=plan.plan_id)


def voices(keeper: Storykeeper) -> dict[str, str]:
    """The ids of the voices that the ledger has, by slot."""
    return {row.slot: row.id for row in keeper.ledger.every() if (row.kind, row.state) == ("voice", "made")}


async def spoken(keeper: Storykeeper, view: Any) -> str:
    return (await call(keeper, "get_agent", agent_id=view.agent_id)).voice_id


def actions(plan: Any) -> list[tuple[str, str]]:
    return [(step.action, step.kind) for step in plan.steps]


@pytest.fixture
def open_service(front: Front, tmp_path: Path) -> Callable[..., Served]:
    """Builds a sandbox with faults; nobody judges it, since its answers are wrong on purpose."""
    lay(tmp_path)

    def make(*rules: str, switches: Switches = USUAL) -> Served:
        state = State(None)
        front.app = build(state, keys=[KEY], faults=rules, switches=switches)
        return Served(front.url, state, tmp_path)

    return make


async def test_other_recordings_make_another_voice_of_the_same_companion(stage: Stage) -> None:
    """The plan says so and asks for consent; afterwards only the new one is there, and nothing else was touched."""
    lay(stage.home)
    view = await first(stage.keeper)
    stage.faults.log.clear()
    plan = await stage.call("plan_companion", companion="Dorothy", changes=Changes(recordings=["new.mp3"]))
    unspent = [path for method, path in stage.faults.log if method != "GET"]
    await consented(stage.keeper, plan)
    after = await stage.call("provision_companion", plan_id=plan.plan_id)
    writes = [(method, path) for method, path in stage.faults.log if method != "GET"]
    shown = await stage.call("get_companion", companion="Dorothy")
    again = await stage.call("plan_companion", spec=dorothy("new.mp3"))

    assert (actions(plan)[0], actions(plan)[-2:]) == (("create", "voice"), [("change", "agent"), ("delete", "voice")])
    [changed] = plan.steps[-2].fields
    assert (changed.field.rpartition(".")[2], changed.before) == ("voice_id", view.voice_id)
    assert (plan.cost.voice_slots, plan.cost.voice_changes, plan.cost.documents) == (1, 1, 0)
    assert ([q.code for q in plan.questions], unspent) == (["needs_consent"], [])
    assert writes == [
        ("POST", "/v1/voices/add"),
        ("PATCH", f"/v1/convai/agents/{view.agent_id}"),
        ("DELETE", f"/v1/voices/{view.voice_id}"),
    ]
    assert (after.status, after.companion, after.agent_id) == ("done", view.companion, view.agent_id)
    assert list(voices(stage.keeper).values()) == [after.voice_id] == [await spoken(stage.keeper, view)]
    assert after.voice_id != view.voice_id
    with pytest.raises(NotFound):
        await stage.keeper.elevenlabs.voice(view.voice_id)
    assert not [w for w in shown.warnings if "drift" in w or "left over" in w]
    assert (again.companion, again.plan_id, {a for a, _ in actions(again)}) == (view.companion, plan.plan_id, {"keep"})
    assert stage.keeper.ledger.journal.verify() == []


async def test_a_spec_that_names_the_companion_says_the_same(stage: Stage) -> None:
    """Without its id it is a question, and with another name a conflict; back again it goes as well."""
    lay(stage.home)
    view = await first(stage.keeper)
    with pytest.raises(WhichCompanion):
        await stage.call("plan_companion", spec=dorothy("new.mp3"))
    with pytest.raises(Conflict):
        await stage.call("plan_companion", spec=dorothy("new.mp3", companion=view.companion, subject={"name": "Agnes"}))
    for recording in ("new.mp3", "old.mp3", "newer.mp3"):
        plan = await stage.call("plan_companion", spec=dorothy(recording, companion=view.companion))
        assert ("create", "voice") in actions(plan), recording
        await consented(stage.keeper, plan)
        after = await stage.call("provision_companion", plan_id=plan.plan_id)
        assert (after.status, after.companion) == ("done", view.companion)
        assert list(voices(stage.keeper).values()) == [after.voice_id] == [await spoken(stage.keeper, view)]
    with pytest.raises(WhichCompanion):
        await stage.call("plan_companion", spec=dorothy())


async def test_the_same_recordings_are_no_change(stage: Stage) -> None:
    """Whatever the file is called."""
    lay(stage.home)
    view = await first(stage.keeper)
    (stage.home / "copy.mp3").write_bytes((stage.home / "old.mp3").read_bytes())
    plan = await stage.call("plan_companion", companion="Dorothy", changes=Changes(recordings=["copy.mp3"]))
    assert (plan.plan_id, {action for action, _ in actions(plan)}) == (view.plan_id, {"keep"})


async def test_what_else_changes_with_the_voice_shows_beside_it(stage: Stage) -> None:
    """In one plan and one change of the agent."""
    lay(stage.home)
    view = await first(stage.keeper)
    changes = Changes.model_validate({"recordings": ["new.mp3"], "name": "Dorothea", "voice": {"speed": "slower"}})
    plan = await stage.call("plan_companion", companion=view.companion, changes=changes)
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothea")
    after = await stage.call("provision_companion", plan_id=plan.plan_id)
    assert [f.field.rpartition(".")[2] for f in plan.steps[-2].fields] == ["voice_id", "name", "speed"]
    assert (after.companion, after.name, after.status) == (view.companion, "Dorothea", "done")


async def test_without_a_consent_to_the_new_recordings_nothing_is_sent(stage: Stage) -> None:
    """The old consent is about other bytes; the companion stays as it is."""
    lay(stage.home)
    view = await first(stage.keeper)
    plan = await stage.call("plan_companion", companion="Dorothy", changes=Changes(recordings=["new.mp3"]))
    stage.faults.log.clear()
    with pytest.raises(NeedsConsent):
        await stage.call("provision_companion", plan_id=plan.plan_id)
    assert [row for row in stage.faults.log if row[0] != "GET"] == []
    shown = await stage.call("get_companion", companion="Dorothy")
    assert (shown.status, shown.voice_id, await spoken(stage.keeper, view)) == ("done", view.voice_id, view.voice_id)


async def test_a_new_recording_is_judged_like_any_other(stage: Stage, recording: Callable[[float], bytes]) -> None:
    """One that is too short is refused, and leaves nothing behind."""
    lay(stage.home)
    view = await first(stage.keeper)
    (stage.home / "short.wav").write_bytes(recording(5))
    kept = set((stage.keeper.settings.folder / "blobs").iterdir())
    with pytest.raises(RecordingRefused):
        await stage.call("plan_companion", companion="Dorothy", changes=Changes(recordings=["short.wav"]))
    assert set((stage.keeper.settings.folder / "blobs").iterdir()) == kept
    assert (await stage.call("get_companion", companion="Dorothy")).voice_id == view.voice_id


async def test_it_needs_a_free_slot_and_talks_in_the_old_voice_until_there_is_one(judge: Any, tmp_path: Path) -> None:
    """A moment's slot is a slot: all are in use. Once one is free, saying it again goes on."""
    lay(tmp_path)
    async with open_stage(judge, tmp_path, plan="starter") as stage:
        view = await first(stage.keeper)
        clones = []
        for n in range((await stage.call("check_quota")).voice_slots - 1):
            (tmp_path / "a.mp3").write_bytes(sounds.titled(f"another {n}"))
            await stage.call("record_consent", name="A", recordings=["a.mp3"], kind="self", granted_by="A")
            clones.append(await stage.call("clone_voice", name="A", recordings=["a.mp3"]))
        plan = await planned(stage.keeper)
        assert any(warning.startswith("voice_slots_full") for warning in plan.warnings)
        clones_sent = stage.faults.sent("POST", "/v1/voices/add")
        with pytest.raises(VoiceSlotsFull):
            await stage.call("provision_companion", plan_id=plan.plan_id)
        assert stage.faults.sent("POST", "/v1/voices/add") == clones_sent
        shown = await stage.call("get_companion", companion="Dorothy")
        link = await stage.call("get_signed_url", of=view.companion)
        assert (shown.status, shown.voice_id, bool(link.signed_url)) == ("parked", view.voice_id, True)
        assert await spoken(stage.keeper, view) == view.voice_id
        await stage.keeper.elevenlabs.delete_voice(clones[0].voice_id)
        after = await stage.call("provision_companion", plan_id=plan.plan_id)
        assert (after.status, after.voice_id) == ("done", await spoken(stage.keeper, view))
        assert after.voice_id != view.voice_id


@pytest.mark.parametrize(
    "fault", ["reset-after-commit", "500-after-commit", "429-after-commit", "400-after-commit", "truncated", "reset"]
)
async def test_a_lost_answer_makes_no_second_voice(open_service: Callable[..., Served], fault: str) -> None:
    """It is looked for, and the old one, which carries the marker too, isn't taken for it."""
    service = open_service()
    async with service.process() as keeper:
        view = await first(keeper)
        await service.ask("POST", "/faults", f"{ADD} {fault} x1")
        try:
            after = await recast(keeper)
        except StorykeeperError:
            assert await spoken(keeper, view) == view.voice_id
            after = await recast(keeper)
        assert (after.status, service.names("voice")) == ("done", ["Dorothy"])
        assert list(voices(keeper).values()) == [after.voice_id] == [await spoken(keeper, view)]
        assert after.voice_id != view.voice_id


async def test_killed_before_the_agent_is_changed_it_goes_on_with_the_voice_that_it_has(
    open_service: Callable[..., Served],
) -> None:
    """The next process changes the agent to the one new voice, and then deletes the old one."""
    service = replace(open_service(), limits=GENEROUS)
    async with service.process() as keeper:
        view = await first(keeper)
        plan = await planned(keeper)
        await service.ask("POST", "/faults", f"{PATCH} blackhole")
        running = asyncio.create_task(call(keeper, "provision_companion", plan_id=plan.plan_id, wait_seconds=45))
        async with asyncio.timeout(60):
            while not await patched(service):  # noqa: ASYNC110  # the sandbox sets no event of ours
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        between = voices(keeper)
    assert len(between) == 2
    await service.ask("DELETE", "/faults")
    async with service.process() as keeper:
        assert await spoken(keeper, view) == view.voice_id
        after = await call(keeper, "provision_companion", plan_id=plan.plan_id)
        assert (after.status, service.names("voice")) == ("done", ["Dorothy"])
        assert {after.voice_id} == set(between.values()) - {view.voice_id} == {await spoken(keeper, view)}


async def patched(service: Served) -> int:
    found = (await service.ask("GET", "/requests"))["requests"]
    return sum(row["method"] == "PATCH" for row in found)


async def test_while_it_fails_it_talks_in_the_old_voice(open_service: Callable[..., Served]) -> None:
    """What is shown is the voice that is heard, and which one waits; said again, it is done."""
    service = open_service()
    async with service.process() as keeper:
        view = await first(keeper)
        await service.ask("POST", "/faults", f"{PATCH} 400 x1")
        with pytest.raises(BadInput):
            await recast(keeper)
        shown = await call(keeper, "get_companion", companion="Dorothy")
        link = await call(keeper, "get_signed_url", of=view.companion)
        assert (shown.status, shown.voice_id, bool(link.signed_url)) == ("failed", view.voice_id, True)
        assert any(warning.startswith("left over from an earlier plan: voice") for warning in shown.warnings)
        after = await call(keeper, "provision_companion", plan_id=shown.plan_id)
        assert (after.status, service.names("voice")) == ("done", ["Dorothy"])


async def test_a_change_that_went_stale_leaves_the_companion_as_it_was(stage: Stage) -> None:
    """Somebody edited the agent in the dashboard: it goes by its old recordings again, and a new plan keeps the clone."""
    lay(stage.home)
    view = await first(stage.keeper)
    plan = await planned(stage.keeper)
    await stage.in_the_dashboard(view.agent_id, {"name": "Grandma"})
    with pytest.raises(Conflict):
        await stage.call("provision_companion", plan_id=plan.plan_id)
    same = await stage.call("plan_companion", spec=dorothy())
    again = await planned(stage.keeper)
    after = await stage.call("provision_companion", plan_id=again.plan_id)
    assert (same.companion, ("delete", "voice") in actions(same)) == (view.companion, True)
    assert (again.cost.voice_slots, after.status, len(voices(stage.keeper))) == (0, "done", 1)


async def test_a_plan_whose_voice_somebody_edited_is_refused(stage: Stage) -> None:
    """It would let the consent to other recordings count for the old voice."""
    lay(stage.home)
    await first(stage.keeper)
    plan = await planned(stage.keeper)
    database = stage.keeper.ledger.database
    [(body,)] = database.query("SELECT body FROM plans WHERE id = ?", plan.plan_id)
    with database.transaction():
        edited = json.dumps({**json.loads(body), "voice": ""})
        database.query("UPDATE plans SET body = ? WHERE id = ?", edited, plan.plan_id)
    with pytest.raises(Conflict, match="changed after it was drawn up"):
        await stage.call("provision_companion", plan_id=plan.plan_id)


async def test_a_wish_that_was_given_up_leaves_no_voice(open_service: Callable[..., Served]) -> None:
    """Nobody heard whether it was made; then another one is wanted, and that is the only one in the end."""
    service = open_service(switches=replace(USUAL, list_lag_seconds=0))
    async with service.process() as keeper:
        view = await first(keeper)
        await service.ask("POST", "/faults", f"{ADD} 500-after-commit x1")
        await service.ask("POST", "/faults", "GET /v2/voices 503")
        with pytest.raises(StorykeeperError):
            await recast(keeper)
        assert len(service.names("voice")) == 2
        await service.ask("DELETE", "/faults")
        after = await recast(keeper, "newer.mp3")
        assert (after.status, service.names("voice")) == ("done", ["Dorothy"])
        assert after.voice_id == await spoken(keeper, view)
        assert keeper.ledger.journal.verify() == []


async def test_whoever_slept_through_the_change_deletes_no_voice(open_service: Callable[..., Served]) -> None:
    """A frozen process that wakes up with the old plan in hand finds that it isn't the one that counts any more."""
    service = open_service()
    async with service.process() as keeper:
        await first(keeper)
        before = keeper.ledger.plan(keeper.ledger.companions()[0].plan_id)
        assert before
        await service.ask("POST", "/faults", f"{PATCH} 400 x1")
        with pytest.raises(BadInput):
            await recast(keeper)
        both = voices(keeper)
        assert await clear(keeper.ensure, keeper.sessions.voiced, before) == []
        for id in both.values():
            await discard(keeper.ensure, keeper.sessions.voiced, before, id)
        assert (len(both), voices(keeper), len(service.names("voice"))) == (2, both, 2)


async def test_while_both_voices_are_there_both_consents_count(open_service: Callable[..., Served]) -> None:
    """It talks in the old one, whose consent is over one day; once that voice is gone, so is the question."""
    service = open_service()
    async with service.process() as keeper:
        plan = await call(keeper, "plan_companion", spec=dorothy())
        soon = ConsentBlock(kind="self", granted_by="Dorothy", expires=date.today() + timedelta(days=1))
        await keeper.companions.grant(plan.companion, soon)
        await call(keeper, "provision_companion", plan_id=plan.plan_id)
        later = replace(keeper.companions.consents, clock=lambda: time.time() + 3 * 86_400)
        await service.ask("POST", "/faults", f"{PATCH} 400 x1")
        with pytest.raises(BadInput):
            await recast(keeper)
        [known] = keeper.ledger.companions()
        between = (keeper.companions.consents.lapsed(known), later.lapsed(known))
        await call(keeper, "provision_companion", plan_id=known.plan_id)
        assert (between, later.lapsed(known)) == ((False, True), False)


async def test_a_consent_by_a_plans_id_is_to_that_plan(stage: Stage) -> None:
    """Not to a newer one of other recordings; of the same ones, any of its plans will do."""
    lay(stage.home)
    older = await call(stage.keeper, "plan_companion", spec=dorothy("old.mp3", companion="new"))
    said = {"kind": "self", "granted_by": "Dorothy"}
    spec = dorothy("new.mp3", companion=older.companion)
    newer = await call(stage.keeper, "plan_companion", spec=spec)
    with pytest.raises(Conflict, match="the newest plan"):
        await call(stage.keeper, "record_consent", companion=older.plan_id, **said)
    assert stage.keeper.ledger.consents(older.companion) == []
    same = await call(stage.keeper, "plan_companion", spec=spec.model_copy(update={"wishes": "Be brief."}))
    assert same.plan_id != newer.plan_id
    await call(stage.keeper, "record_consent", companion=newer.plan_id, **said)
    made = await call(stage.keeper, "provision_companion", plan_id=same.plan_id)
    assert made.status == "done"


async def test_the_old_recordings_are_erased_when_it_is_done_and_not_before(stage: Stage) -> None:
    """The new ones are what is exported and forgotten from then on; what another companion is made from stays."""
    lay(stage.home)
    await first(stage.keeper)
    blobs = stage.keeper.ensure.blobs
    plan = await planned(stage.keeper)
    before = stage.keeper.ledger.plan(stage.keeper.ledger.companions()[0].plan_id)
    assert before
    assert blobs.read(before.hashes[0])
    await stage.call("provision_companion", plan_id=plan.plan_id)
    with pytest.raises(NotFound):
        blobs.read(before.hashes[0])
    other = await stage.call("plan_companion", spec=dorothy("old.mp3", companion="new"))
    await consented(stage.keeper, other)
    await stage.call("provision_companion", plan_id=other.plan_id)
    back = await stage.call("plan_companion", companion=plan.companion, changes=Changes(recordings=["old.mp3"]))
    await consented(stage.keeper, back)
    await stage.call("provision_companion", plan_id=back.plan_id)
    changes = Changes(recordings=["newer.mp3"])
    last = await consented(stage.keeper, await stage.call("plan_companion", companion=plan.companion, changes=changes))
    assert (await stage.call("provision_companion", plan_id=last.plan_id)).status == "done"
    assert blobs.read(before.hashes[0])


async def test_a_companion_from_before_there_was_this_goes_on(stage: Stage) -> None:
    """Its rows, as they were written then, are enough, and its voice carries the marker alone."""
    lay(stage.home)
    view = await first(stage.keeper)
    database = stage.keeper.ledger.database
    for table, key in (("plans", "voice"), ("companions", "first")):
        for id, body in database.query(f"SELECT id, body FROM {table}"):
            older = {name: value for name, value in json.loads(body).items() if name != key}
            with database.transaction():
                database.query(f"UPDATE {table} SET body = ? WHERE id = ?", json.dumps(older), id)
    same = await stage.call("plan_companion", spec=dorothy())
    after = await recast(stage.keeper)
    assert (same.plan_id, {action for action, _ in actions(same)}) == (view.plan_id, {"keep"})
    assert (after.status, len(voices(stage.keeper))) == ("done", 1)


async def test_a_pause_outlasts_another_voice(stage: Stage) -> None:
    """Nobody is let in by it."""
    lay(stage.home)
    view = await first(stage.keeper)
    await stage.call("retire_companion", companion=view.companion, action="pause")
    after = await recast(stage.keeper)
    assert (after.status, await spoken(stage.keeper, view)) == ("paused", after.voice_id)
    with pytest.raises(Conflict):
        await stage.call("get_signed_url", of=view.companion)


async def test_an_agent_on_its_own_keeps_the_old_voice(stage: Stage) -> None:
    """Somebody's agent isn't to fall silent: the voice stays, which is told."""
    lay(stage.home)
    view = await first(stage.keeper)
    reader = await stage.call("create_agent", name="A reader", voice_id=view.voice_id)
    after = await recast(stage.keeper)
    assert f"the voice {view.voice_id} stays: the agent {reader.agent_id} speaks in it" in after.warnings
    assert set(voices(stage.keeper).values()) == {view.voice_id, after.voice_id}
    await stage.keeper.elevenlabs.delete_agent(reader.agent_id)
    plan = await stage.call("plan_companion", spec=dorothy("new.mp3"))
    assert ("delete", "voice") in actions(plan)
    await stage.call("provision_companion", plan_id=plan.plan_id)
    assert list(voices(stage.keeper).values()) == [after.voice_id]


async def test_a_voice_left_to_another_agent_is_that_agents_own_matter(stage: Stage) -> None:
    """Once the consent to it is over, that agent lets nobody in; the companion, in its new voice, does."""
    lay(stage.home)
    plan = await stage.call("plan_companion", spec=dorothy())
    soon = ConsentBlock(kind="self", granted_by="Dorothy", expires=date.today() + timedelta(days=1))
    await stage.keeper.companions.grant(plan.companion, soon)
    view = await stage.call("provision_companion", plan_id=plan.plan_id)
    reader = await stage.call("create_agent", name="A reader", voice_id=view.voice_id)
    await recast(stage.keeper)
    sessions = stage.keeper.sessions
    later = replace(sessions.voiced.consents, clock=lambda: time.time() + 3 * 86_400)
    [known] = stage.keeper.ledger.companions()
    links = replace(sessions, voiced=replace(sessions.voiced, consents=later))
    assert (await sessions.get_signed_url(reader.agent_id)).signed_url
    assert not later.lapsed(known)
    assert (await links.get_signed_url(view.companion)).signed_url
    with pytest.raises(NeedsConsent, match="is over"):
        await links.get_signed_url(reader.agent_id)


async def test_taking_the_old_consent_back_silences_both_voices(stage: Stage) -> None:
    """Also for an agent on its own, which the old one was left to."""
    lay(stage.home)
    view = await first(stage.keeper)
    [(old, _)] = stage.keeper.companions.consents.standing(view.companion)
    reader = await stage.call("create_agent", name="A reader", voice_id=view.voice_id)
    await recast(stage.keeper)
    await stage.keeper.revoking.revoke(old.id, 20)
    for of in (view.companion, reader.agent_id):
        with pytest.raises(NeedsConsent):
            await stage.call("get_signed_url", of=of)


async def test_taking_the_old_consent_back_closes_the_companion(stage: Stage) -> None:
    """Whoever takes back what they once said isn't asked which recordings they had in mind."""
    lay(stage.home)
    view = await first(stage.keeper)
    [(old, _)] = stage.keeper.companions.consents.standing(view.companion)
    await recast(stage.keeper)
    await stage.keeper.revoking.revoke(old.id, 20)
    with pytest.raises(NeedsConsent):
        await stage.call("get_signed_url", of=view.companion)


async def test_forgetting_deletes_both_voices_where_both_are_there(open_service: Callable[..., Served]) -> None:
    """Also in the middle of the change; the receipt names them."""
    service = open_service()
    async with service.process() as keeper:
        view = await first(keeper)
        await service.ask("POST", "/faults", f"{PATCH} 400 x1")
        with pytest.raises(BadInput):
            await recast(keeper)
        both = set(voices(keeper).values())
        asked = await call(keeper, "retire_companion", companion=view.companion, action="forget")
        told = await call(keeper, "retire_companion", companion=view.companion, action="forget", confirm=asked.confirm)
        assert len(both) == 2
        assert {item.id for item in told.receipt.items if item.kind == "voice"} == both
        assert service.names("voice") == []
        assert list((keeper.settings.folder / "blobs").iterdir()) == []


async def test_an_old_voice_that_was_left_behind_is_found(open_service: Callable[..., Served]) -> None:
    """A request for it that arrived years later: reconciling deletes it, and leaves the new one alone."""
    service = open_service()
    async with service.process() as keeper:
        await first(keeper)
        before = keeper.ledger.plan(keeper.ledger.companions()[0].plan_id)
        assert before
        old = wanted.voice(before)
        held = {m: keeper.ensure.blobs.read(m) for m in before.hashes}
        after = await recast(keeper)
        for sha256, data in held.items():
            (keeper.settings.folder / "blobs" / sha256).write_bytes(data)
        stray = await old.create(keeper.elevenlabs, keeper.ensure.blobs, lambda: None)
        later = replace(keeper.ensure, clock=lambda: 4_000_000_000.0)
        reconcile = Reconcile(later, keeper.engine.runs, keeper.companions.workspace)
        done = await reconcile.act(await reconcile.look(), adopt=True, delete=True)
        assert [(f.do, f.id, f.done) for f in done.findings] == [("delete", stray.id, True)]
        assert (await keeper.elevenlabs.voice(after.voice_id)).voice_id == after.voice_id
        assert service.names("voice") == ["Dorothy"]


async def test_over_http_and_judged_it_goes_as_well(front: Front, tmp_path: Path, judge: Any) -> None:
    """Each request as the official file has it."""
    lay(tmp_path)
    state = State(None)
    with served(build_judged(state, keys=[KEY])) as url:
        async with Served(url, state, tmp_path).process() as keeper:
            await first(keeper)
            after = await recast(keeper)
    assert (after.status, judge.misfits) == ("done", [])
