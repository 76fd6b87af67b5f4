"""A consent that is taken back, or over: nobody is let in any more, nothing more is made, and nothing brings it back
but forgetting."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stage import EXAMPLE, KEY, Front, Held, Served, Stage, call
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.state import State
from storykeeper_server.wiring import Storykeeper
from storykeeper_tools.companion.changes import Changes
from storykeeper_tools.companion.consent import Consent, sign
from storykeeper_tools.companion.spec import ConsentBlock, Wish
from storykeeper_tools.elevenlabs.client import ElevenLabs
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.errors import BadInput, Conflict, FileRefused, NeedsConsent, VoiceSlotsFull
from storykeeper_tools.provisioning.closing import closing
from storykeeper_tools.provisioning.consents import about
from storykeeper_tools.provisioning.ledger import Resource
from storykeeper_tools.provisioning.tree import at

pytestmark = pytest.mark.anyio
LIMITS = "platform_settings.call_limits.daily_limit"
WISH = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": ["voice.mp3"], "memories": ["cork.md"]})


@pytest.fixture
def open_service(front: Front, tmp_path: Path) -> Callable[..., Served]:
    """Builds a sandbox with faults; nobody judges it, since its answers may be wrong on purpose."""
    (tmp_path / "cork.md").write_text("# Childhood\nBorn in Cork.")
    (tmp_path / "voice.mp3").write_bytes((EXAMPLE / "recording.mp3").read_bytes())

    def make(*rules: str, plan: str = "creator") -> Served:
        state = State(None)
        front.app = build(state, keys=[KEY], faults=rules, plan=plan)
        return Served(front.url, state, tmp_path)

    return make


async def planned(keeper: Storykeeper) -> Any:
    draft = await call(keeper, "plan_companion", spec=WISH)
    await call(keeper, "record_consent", companion=draft.companion, kind="self", granted_by="Dorothy")
    return draft


async def made(keeper: Storykeeper) -> Any:
    draft = await planned(keeper)
    return await call(keeper, "provision_companion", plan_id=draft.plan_id)


def rewritten(keeper: Storykeeper, **changes: Any) -> None:
    """The record as it would be if it had been given otherwise, signed as any."""
    database, consents = keeper.ledger.database, keeper.companions.consents
    [(body,)] = database.query("SELECT body FROM consents")
    consent = Consent.model_validate_json(body).model_copy(update=changes)
    row = json.dumps(consent.body), sign(consent, consents.key())
    database.query("UPDATE consents SET body = ?, signature = ?", *row)


async def sound(service: Served) -> int:
    """The bytes of sound that the service got."""
    requests = (await service.ask("GET", "/requests?path=/v1/voices/add"))["requests"]
    return sum(part["bytes"] for request in requests for part in request["parts"] if part["file"])


# Taking back


async def test_a_revocation_closes_every_door_at_once(open_service: Callable[..., Served]) -> None:
    """Here and at the service; nothing is planned, made, changed, resumed or recorded for it any more."""
    async with open_service().process() as keeper:
        view = await made(keeper)
        told = await keeper.revoking.revoke("Dorothy", 20)
        stored = (await keeper.elevenlabs.agent(view.agent_id)).model_dump()
        refused = [
            ("get_signed_url", {"of": view.companion}),
            ("get_signed_url", {"of": view.agent_id}),
            ("get_conversation_token", {"of": view.companion}),
            ("plan_companion", {"spec": WISH}),
            ("plan_companion", {"companion": "Dorothy", "changes": Changes(wishes="warm")}),
            ("provision_companion", {"plan_id": view.plan_id}),
            ("retire_companion", {"companion": "Dorothy", "action": "resume"}),
            ("update_agent", {"agent_id": view.agent_id, "name": "Dot"}),
            ("record_consent", {"companion": view.companion, "kind": "self", "granted_by": "Dorothy"}),
        ]
        for tool, arguments in refused:
            with pytest.raises(NeedsConsent, match="taken back"):
                await call(keeper, tool, **arguments)
        seen = await call(keeper, "get_companion", companion="Dorothy")
        [row] = (await call(keeper, "list_companions")).companions

    assert told.status == "revoked"
    assert at(stored, "platform_settings.call_limits.daily_limit") == 0
    assert (seen.status, row.status, row.why) == ("paused", "paused", "its consent was taken back")
    assert "its consent was taken back" in seen.warnings
    assert "forget" in seen.next


async def test_what_is_being_made_stops_at_its_next_request(stage: Stage) -> None:
    """The voice was on its way; neither agent nor anything else follows it."""
    wish = WISH.model_copy(update={"recordings": [str(EXAMPLE / "recording.mp3")], "memories": []})
    plan = await stage.call("plan_companion", spec=wish)
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    stage.faults.inner = held = Held(stage.faults.inner, "/v1/voices/add", "POST")
    run = asyncio.create_task(stage.call("provision_companion", plan_id=plan.plan_id))
    await held.came.wait()
    told = await stage.keeper.revoking.revoke(plan.companion, 20)
    held.go_on.set()
    await run
    assert told.status == "revoked"
    assert stage.faults.sent("POST", "/v1/convai/agents/create") == 0


async def test_a_service_that_is_away_is_told_when_it_is_back(open_service: Callable[..., Served]) -> None:
    """Here nobody is let in meanwhile; another process pauses it by itself."""
    service = open_service("GET /v1/convai/agents/{agent_id} 503 x2 skip=1")
    async with service.process() as keeper:
        view = await made(keeper)
        told = await keeper.revoking.revoke("Dorothy", 20)
        companion = keeper.ledger.companion(view.companion)
        assert companion
        run = keeper.engine.look(closing(companion.id, companion.marker).plan_id)
        assert run
        with pytest.raises(NeedsConsent, match="taken back"):
            await call(keeper, "get_signed_url", of=view.companion)
    assert (told.status, run.state, run.again_at is not None) == ("closing", "parked", True)
    assert "isn't paused yet (unavailable)" in str(told)

    async with service.process(work=False) as keeper:
        keeper.engine.runs.update(run, again_at=0.0)  # a minute later
    async with service.process() as keeper:
        again = await keeper.revoking.revoke("Dorothy", 20)
        stored = (await keeper.elevenlabs.agent(view.agent_id)).model_dump()
    assert again.status == "revoked"
    assert at(stored, "platform_settings.call_limits.daily_limit") == 0


@pytest.mark.parametrize("ahead", [0.0, 86_400.0])
async def test_an_agent_that_may_yet_show_up_is_waited_for_but_not_for_ever(
    open_service: Callable[..., Served], ahead: float
) -> None:
    """It was asked for just now and nobody heard of it; or tomorrow, by a clock that was set back since."""
    async with open_service().process() as keeper:
        draft = await planned(keeper)
        companion = keeper.ledger.companion(draft.companion)
        assert companion
        keeper.ledger.intend(Resource(marker=companion.marker, kind="agent", intended_at=time.time() + ahead))
        told = await keeper.revoking.revoke("Dorothy", 20)
    assert told.status == "revoked"


async def test_after_forgetting_a_new_consent_begins_anew(open_service: Callable[..., Served]) -> None:
    """The same person and recordings; of the old consents stay an id and a hash."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        await keeper.revoking.revoke("Dorothy", 20)
        shown = await call(keeper, "retire_companion", companion="Dorothy", action="forget")
        gone = await call(keeper, "retire_companion", companion="Dorothy", action="forget", confirm=shown.confirm)
        assert keeper.ledger.consents(view.companion) == []
        again = await made(keeper)
        faults = [*keeper.ledger.journal.verify(), *keeper.retirement.receipts.verify()]

    assert {agreed.consent_id.partition("_")[0] for agreed in gone.receipt.consents} == {"consent", "revocation"}
    assert (again.companion, again.status, faults) == (view.companion, "done", [])


async def test_the_journal_tells_of_consents_by_ids_and_hashes_only(open_service: Callable[..., Served]) -> None:
    """Given, and taken back: no name, no words."""
    async with open_service().process() as keeper:
        draft = await planned(keeper)
        await keeper.revoking.revoke("Dorothy", 20)
        companion = keeper.ledger.companion(draft.companion)
        assert companion
        told = [entry for entry in keeper.ledger.journal.entries(companion.marker) if entry.kind == "consent"]
        faults = keeper.ledger.journal.verify()

    assert [entry.event for entry in told] == ["consent", "revoked", "revoked"]
    assert told[0].digest == told[1].digest
    assert all(len(entry.digest) == 64 and entry.id.split("_")[0] in {"consent", "revocation"} for entry in told)
    assert faults == []


async def test_what_has_no_record_can_be_taken_back_too(open_service: Callable[..., Served]) -> None:
    """A companion that was planned, whose consent somebody lost."""
    async with open_service().process() as keeper:
        draft = await planned(keeper)
        keeper.ledger.database.query("DELETE FROM consents")
        await keeper.revoking.revoke("Dorothy", 20)
        with pytest.raises(NeedsConsent, match="taken back"):
            await call(keeper, "provision_companion", plan_id=draft.plan_id)


async def test_the_same_sound_on_its_own_is_taken_back_with_it(open_service: Callable[..., Served]) -> None:
    """Of the same person; another's stays."""
    service = open_service()
    sounds = {"recordings": ["voice.mp3"]}
    async with service.process() as keeper:
        await planned(keeper)
        for name in ("Dorothy", "Ruth"):
            await call(keeper, "record_consent", name=name, kind="self", granted_by=name, **sounds)
        await keeper.revoking.revoke("Dorothy", 20)
        with pytest.raises(NeedsConsent):
            await call(keeper, "clone_voice", name="Dorothy", **sounds)
        heard = await sound(service)
        await call(keeper, "clone_voice", name="Ruth", **sounds)
    assert heard == 0


async def test_taking_back_twice_is_taking_back_once(open_service: Callable[..., Served]) -> None:
    """The time of the first stays."""
    async with open_service().process() as keeper:
        draft = await planned(keeper)
        await keeper.revoking.revoke("Dorothy", 20)
        before = keeper.ledger.consents(draft.companion)
        await keeper.revoking.revoke("Dorothy", 20)
        assert keeper.ledger.consents(draft.companion) == before


async def test_a_voice_that_was_taken_back_speaks_through_no_agent(open_service: Callable[..., Served]) -> None:
    """Neither through one that had it before, nor through a new one, nor through one that is changed to it."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        library = (await keeper.elevenlabs.voices(category="premade")).voices[0].voice_id
        before = (await call(keeper, "create_agent", name="Second door", voice_id=view.voice_id)).agent_id
        other = (await call(keeper, "create_agent", name="Reader", voice_id=library)).agent_id
        await keeper.revoking.revoke("Dorothy", 20)
        limits = [at((await keeper.elevenlabs.agent(id)).model_dump(), LIMITS) for id in (before, other)]
        refused = [
            ("create_agent", {"name": "Third door", "voice_id": view.voice_id}),
            ("update_agent", {"agent_id": other, "voice_id": view.voice_id}),
            ("update_agent", {"agent_id": before, "first_message": "Hello."}),
            ("get_signed_url", {"of": before}),
            ("get_conversation_token", {"of": before}),
        ]
        for tool, arguments in refused:
            with pytest.raises(NeedsConsent, match="taken back"):
                await call(keeper, tool, **arguments)
        await call(keeper, "get_signed_url", of=other)
        shown = await call(keeper, "retire_companion", companion="Dorothy", action="forget")
        await call(keeper, "retire_companion", companion="Dorothy", action="forget", confirm=shown.confirm)
        kept = keeper.ledger.by_remote_id(before)

    assert (limits[0], limits[1] > 0) == (0, True)
    assert f"agent {before} 'Second door', which has its voice" in shown.effects
    assert (service.names("agent"), kept) == (["Reader"], None)


async def test_what_somebody_changes_at_the_service_opens_no_voice(stage: Stage) -> None:
    """The voice that an agent has now is what counts."""
    wish = WISH.model_copy(update={"recordings": [str(EXAMPLE / "recording.mp3")], "memories": []})
    plan = await stage.call("plan_companion", spec=wish)
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    voice = (await stage.call("provision_companion", plan_id=plan.plan_id)).voice_id
    library = (await stage.keeper.elevenlabs.voices(category="premade")).voices[0].voice_id
    reader = (await stage.call("create_agent", name="Reader", voice_id=library)).agent_id
    await stage.keeper.revoking.revoke(plan.companion, 20)
    await stage.in_the_dashboard(reader, {"conversation_config": {"tts": {"voice_id": voice}}})
    with pytest.raises(NeedsConsent, match="taken back"):
        await stage.call("get_signed_url", of=reader)


# On its own


@pytest.mark.parametrize("by", ["consent", "voice"])
async def test_a_consent_for_a_voice_on_its_own_is_taken_back_and_erased(
    open_service: Callable[..., Served], by: str
) -> None:
    """By its id or the voice's: its agents are paused, it can't be given anew, and it goes with the voice."""
    service = open_service()
    said = {"name": "Dorothy", "recordings": ["voice.mp3"]}
    async with service.process() as keeper:
        consent = await call(keeper, "record_consent", kind="self", granted_by="Dorothy", **said)
        voice = (await call(keeper, "clone_voice", **said)).voice_id
        agent = (await call(keeper, "create_agent", name="Dorothy", voice_id=voice)).agent_id
        told = await keeper.revoking.revoke({"consent": consent.consent_id, "voice": voice}[by], 20)
        stored = (await keeper.elevenlabs.agent(agent)).model_dump()
        for tool, arguments in (
            ("get_signed_url", {"of": agent}),
            ("record_consent", {"kind": "self", "granted_by": "Dorothy", **said}),
            ("record_consent", {"kind": "self", "granted_by": "Dot", **said, "name": "Dot"}),
        ):
            with pytest.raises(NeedsConsent, match="taken back"):
                await call(keeper, tool, **arguments)
        with pytest.raises(Conflict, match="made under that consent"):
            await call(keeper, "delete_resource", id=consent.consent_id)
        shown = await call(keeper, "delete_resource", id=voice)
        gone = await call(keeper, "delete_resource", id=voice, confirm=shown.confirm)
        left = keeper.ledger.consents(None)
        again = await call(keeper, "record_consent", kind="self", granted_by="Dorothy", **said)
        faults = [*keeper.ledger.journal.verify(), *keeper.retirement.receipts.verify()]

    assert (told.status, told.of, at(stored, LIMITS)) == ("revoked", voice, 0)
    assert f"agent {agent} 'Dorothy' will be without its voice" in shown.effects
    assert [agreed.consent_id for agreed in gone.receipt.consents] == [consent.consent_id]
    assert (left, again.consent_id, faults) == ([], consent.consent_id, [])


async def test_a_consent_under_which_nothing_was_made_is_erased_by_its_id(open_service: Callable[..., Served]) -> None:
    """In two calls, with a receipt."""
    said = {"name": "Dorothy", "recordings": ["voice.mp3"], "kind": "self", "granted_by": "Dorothy"}
    async with open_service().process() as keeper:
        id = (await call(keeper, "record_consent", **said)).consent_id
        told = await keeper.revoking.revoke(id, 20)
        shown = await call(keeper, "delete_resource", id=id)
        gone = await call(keeper, "delete_resource", id=id, confirm=shown.confirm)
        assert keeper.ledger.consents(None) == []
    assert (told.of, [agreed.consent_id for agreed in gone.receipt.consents]) == (id, [id])


async def test_forgetting_erases_what_was_said_of_the_same_sound(open_service: Callable[..., Served]) -> None:
    """Of the same person, and under which no voice was made."""
    sounds = {"recordings": ["voice.mp3"]}
    async with open_service().process() as keeper:
        await made(keeper)
        for name in ("Dorothy", "Ruth"):
            await call(keeper, "record_consent", name=name, kind="self", granted_by=name, **sounds)
        shown = await call(keeper, "retire_companion", companion="Dorothy", action="forget")
        await call(keeper, "retire_companion", companion="Dorothy", action="forget", confirm=shown.confirm)
        left = [body["subject"] for body, _ in keeper.ledger.consents(None)]
    assert left == ["Ruth"]


# Being over


async def test_an_earlier_end_counts_from_when_it_is_said(open_service: Callable[..., Served]) -> None:
    """The later of two records of the same grantor is the one; said without an end again, it has none."""
    async with open_service().process() as keeper:
        draft = await planned(keeper)
        consents = keeper.companions.consents
        last = date(2099, 12, 31)
        block = ConsentBlock(kind="self", granted_by="Dorothy")
        await keeper.companions.grant(draft.companion, block.model_copy(update={"expires": last}))
        plan = keeper.ledger.plan(draft.plan_id)
        assert plan
        ends = consents.covering(about(plan))
        before = {c.expires_at: said for c, said in consents.standing(draft.companion)}
        await keeper.companions.grant(draft.companion, block)
        after = {c.expires_at: said for c, said in consents.standing(draft.companion)}
    assert ends
    assert (before, after) == (
        {None: "replaced", ends.expires_at: "holds"},
        {None: "holds", ends.expires_at: "replaced"},
    )


async def test_a_run_that_waited_for_days_meets_a_consent_that_is_over(open_service: Callable[..., Served]) -> None:
    """It was parked for a free slot; when there is one, nothing is sent any more."""
    service = open_service("POST /v1/voices/add 400 code=voice_limit_reached x1")
    async with service.process() as keeper:
        draft = await planned(keeper)
        with pytest.raises(VoiceSlotsFull):
            await call(keeper, "provision_companion", plan_id=draft.plan_id)
        await service.ask("DELETE", "/requests")
        rewritten(keeper, expires_at=1)
        with pytest.raises(NeedsConsent):
            await call(keeper, "provision_companion", plan_id=draft.plan_id)
        plan = keeper.ledger.plan(draft.plan_id)
        assert plan
        keeper.engine.submit(plan)  # as whoever carries runs takes it up
        while keeper.engine.running(draft.plan_id):  # noqa: ASYNC110 - it is carried by a task of its own
            await asyncio.sleep(0.01)
        run = keeper.engine.look(draft.plan_id)
    assert run
    assert run.result
    assert run.result.error
    assert (run.state, run.result.error["code"]) == ("failed", "needs_consent")
    assert await sound(service) == 0


async def test_nobody_is_let_in_after_the_last_day(open_service: Callable[..., Served]) -> None:
    """It is told, nothing is lost, and a new consent opens it again."""
    async with open_service().process() as keeper:
        view = await made(keeper)
        rewritten(keeper, expires_at=1)
        with pytest.raises(NeedsConsent, match="is over"):
            await call(keeper, "get_signed_url", of=view.companion)
        seen = await call(keeper, "get_companion", companion="Dorothy")
        await call(keeper, "record_consent", companion=view.companion, kind="self", granted_by="Dorothy")
        await call(keeper, "get_signed_url", of=view.companion)
    assert any("its consent is over" in warning for warning in seen.warnings)


async def test_a_voice_on_its_own_ends_with_its_consent(open_service: Callable[..., Served]) -> None:
    """No agent is made with it and nobody is let in, until there is a new consent."""
    said = {"name": "Dorothy", "recordings": ["voice.mp3"]}
    async with open_service().process() as keeper:
        await call(keeper, "record_consent", kind="self", granted_by="Dorothy", **said)
        voice = (await call(keeper, "clone_voice", **said)).voice_id
        agent = (await call(keeper, "create_agent", name="Dorothy", voice_id=voice)).agent_id
        rewritten(keeper, expires_at=1)
        for tool, arguments in (
            ("get_signed_url", {"of": agent}),
            ("create_agent", {"name": "Again", "voice_id": voice}),
        ):
            with pytest.raises(NeedsConsent, match="is over"):
                await call(keeper, tool, **arguments)
        await call(keeper, "record_consent", kind="self", granted_by="Dorothy", **said)
        await call(keeper, "get_signed_url", of=agent)


async def test_a_consent_that_is_over_already_is_not_taken(open_service: Callable[..., Served]) -> None:
    """Nor one whose evidence can't be read; the next one that is right is."""
    async with open_service().process() as keeper:
        draft = await planned(keeper)
        said = {"kind": "self", "granted_by": "Dorothy"}
        with pytest.raises(BadInput, match="over already"):
            await keeper.companions.grant(draft.companion, ConsentBlock(**said, expires=date(2020, 1, 1)))
        with pytest.raises(FileRefused):
            await keeper.companions.grant(draft.companion, ConsentBlock(**said, evidence="no-such-letter.pdf"))
        letter = keeper.settings.home.parent / "cork.md"
        told = await keeper.companions.grant(draft.companion, ConsentBlock(**said, evidence=str(letter)))
        kept = keeper.companions.consents.record(told.consent_id)
    assert kept
    assert kept.evidence_sha256 == hashlib.sha256(letter.read_bytes()).hexdigest()


# On the way out


async def test_a_voice_is_asked_about_when_nothing_is_waited_for_any_more(stage: Stage) -> None:
    """A consent that was taken back while the request waited for its turn."""
    asked: list[str] = []

    class Turn:
        async def turn(self, patience: float) -> None:
            asked.append("turn")

    def leaving() -> None:
        asked.append("leaving")
        raise NeedsConsent("taken back meanwhile")

    link = Link("http://127.0.0.1", "sandbox", stage.faults, pace=Turn())  # pyright: ignore[reportArgumentType]
    with pytest.raises(NeedsConsent):
        await ElevenLabs(link).add_voice("Dorothy", [], description="", leaving=leaving)
    assert asked == ["turn", "leaving"]
    assert stage.faults.sent("POST", "/v1/voices/add") == 0


@pytest.mark.parametrize("name", ["voice.md", "voice.txt", "voice.pdf", "voice.epub", "voice.docx", "voice.html"])
async def test_sound_does_not_leave_as_a_memory(open_service: Callable[..., Served], name: str) -> None:
    """What it is called doesn't matter."""
    service = open_service()
    (service.home / name).write_bytes((EXAMPLE / "recording.mp3").read_bytes())
    async with service.process() as keeper:
        with pytest.raises(BadInput):
            await call(keeper, "plan_companion", spec=WISH.model_copy(update={"memories": [name]}))
        with pytest.raises(BadInput):
            await call(keeper, "upload_knowledge_base", files=[name])
    requests = (await service.ask("GET", "/requests?method=POST"))["requests"]
    assert requests == []
