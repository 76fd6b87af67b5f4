"""Companions: planned for nothing, provisioned once, never without consent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from judge import Judge
from stage import EXAMPLE, Stage, open_stage
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.state import State
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import (
    AuthInvalid,
    AuthMissing,
    BadInput,
    Busy,
    Conflict,
    FileRefused,
    NeedsConsent,
    NotFound,
    PlanLimit,
    RecordingRefused,
    StorykeeperError,
    UnexpectedAnswer,
    VoiceNeedsVerification,
    VoiceSlotsFull,
    WhichCompanion,
)

pytestmark = pytest.mark.anyio


def dorothy(**more: Any) -> Wish:
    said = {
        "subject": {"name": "Dorothy", "relation": "grandmother"},
        "recordings": [str(EXAMPLE / "recording.mp3")],
        "memories": [str(EXAMPLE / "memories")],
    }
    return Wish.model_validate(said | more)


async def made(stage: Stage, wish: Wish | None = None) -> Any:
    """A companion, with consent."""
    plan = await stage.call("plan_companion", spec=wish or dorothy())
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    return await stage.call("provision_companion", plan_id=plan.plan_id)


async def test_a_plan_shows_everything_and_uploads_nothing(stage: Stage) -> None:
    """Steps, cost, questions; only questions go to the service."""
    plan = await stage.call("plan_companion", spec=dorothy())
    assert [(s.action, s.kind, s.name) for s in plan.steps] == [
        ("create", "voice", "Dorothy"),
        ("create", "document", "Childhood in cork"),
        ("create", "document", "Family and sundays"),
        ("create", "document", "The bakery years"),
        ("create", "agent", "Dorothy (memory companion)"),
    ]
    assert plan.cost.voice_slots == 1
    assert [q.code for q in plan.questions] == ["needs_consent"]
    assert {method for method, _ in stage.faults.log} == {"GET"}
    assert plan.plan_id in str(plan)


async def test_the_same_wish_is_the_same_plan_wherever_its_files_lie(stage: Stage, tmp_path: Path) -> None:
    """Contents count, not paths."""
    copy = tmp_path / "elsewhere.mp3"
    copy.write_bytes((EXAMPLE / "recording.mp3").read_bytes())
    first = await stage.call("plan_companion", spec=dorothy())
    second = await stage.call("plan_companion", spec=dorothy(recordings=["elsewhere.mp3"]))
    assert (first.plan_id, first.companion) == (second.plan_id, second.companion)


async def test_nothing_is_sent_without_consent(stage: Stage) -> None:
    """Not one byte: the service sees no request that makes anything."""
    plan = await stage.call("plan_companion", spec=dorothy())
    with pytest.raises(NeedsConsent):
        await stage.call("provision_companion", plan_id=plan.plan_id)
    assert {method for method, _ in stage.faults.log} == {"GET"}
    assert (await stage.call("get_companion", companion="Dorothy")).status == "planned"


async def test_a_recorded_consent_says_what_it_was_the_last_thing_for(stage: Stage) -> None:
    """The plan by its id, so that nobody has to remember it; a voice on its own has none."""
    draft = await stage.call("plan_companion", spec=dorothy())
    said = {"kind": "self", "granted_by": "Dorothy"}
    consent = await stage.call("record_consent", companion=draft.companion, **said)
    assert draft.next == f"record_consent, then {consent.next}"
    alone = await stage.call("record_consent", name="Dorothy", recordings=dorothy().recordings, **said)
    assert alone.next == "clone_voice with the same recordings"


async def test_a_companion_is_made_and_looked_up_again(stage: Stage) -> None:
    """By id and by name, with the ids of everything in its text too."""
    view = await made(stage)
    assert view.status == "done"
    again = await stage.call("get_companion", companion="dorothy")
    assert (again.voice_id, again.agent_id) == (view.voice_id, view.agent_id)
    assert all(i in str(again) for i in [view.voice_id, view.agent_id, *(d.id for d in view.documents)])
    [row] = (await stage.call("list_companions")).companions
    assert (row.companion, row.status, row.agent_id) == (view.companion, "done", view.agent_id)


async def test_provisioning_again_makes_nothing(stage: Stage) -> None:
    """Neither the same plan nor the same wish said anew."""
    first = await made(stage)
    stage.faults.log.clear()
    again = await made(stage)
    assert again.agent_id == first.agent_id
    assert {method for method, _ in stage.faults.log} == {"GET"}


async def test_a_plan_of_what_is_there_asks_for_nothing(stage: Stage) -> None:
    """While something of it is missing, it is to be carried out again."""
    view = await made(stage)
    again = await stage.call("plan_companion", spec=dorothy())
    assert (again.writes, again.next) == (False, "nothing: it is made as planned")
    await stage.keeper.elevenlabs.delete_voice(view.voice_id)
    torn = await stage.call("plan_companion", spec=dorothy())
    assert torn.writes
    assert f"provision_companion(plan_id={torn.plan_id})" in torn.next


async def test_memories_on_a_topic_are_found(stage: Stage) -> None:
    """Word for word, without case and accents, each with its id, date, teller and source."""
    await made(stage)
    view = await stage.call("get_companion", companion="Dorothy", about="Southpórt")
    assert len(view.memories) == 1
    assert "whether I had ever been dancing in Southport" in view.memories[0].replace("\n", " ")
    assert view.memories[0].endswith("(m-20eea31dbd, 1962, told by Dorothy, the-bakery-years.md)")
    assert (await stage.call("get_companion", companion="Dorothy", about="m-20eea31dbd")).memories == view.memories


async def test_a_topic_that_nothing_is_told_about_is_said_to_be_one(stage: Stage) -> None:
    """In a short line, whatever the topic looks like."""
    await made(stage)
    view = await stage.call("get_companion", companion="Dorothy", about="Reykjavík\n<b>\x1b" + "k" * 100)
    [told] = [warning for warning in view.warnings if warning.startswith("nothing is told about 'Reykjavík b")]
    assert view.memories == []
    assert told in str(view)
    assert (len(told) < 90, told.isprintable()) == (True, True)


async def test_what_was_deleted_by_hand_shows_as_drift(stage: Stage) -> None:
    """And what was made public."""
    view = await made(stage)
    await stage.in_the_dashboard(view.agent_id, {"platform_settings": {"auth": {"enable_auth": False}}})
    await stage.keeper.elevenlabs.delete_voice(view.voice_id)
    told = str(await stage.call("get_companion", companion="Dorothy"))
    assert f"voice {view.voice_id} was deleted" in told
    assert f"agent {view.agent_id} is public" in told


async def test_another_dorothy_has_to_be_called_new(stage: Stage, tmp_path: Path, recording: Any) -> None:
    """The same name from another recording is a question, not a guess."""
    (tmp_path / "other.wav").write_bytes(recording(40))
    first = await made(stage)
    with pytest.raises(WhichCompanion, match=first.companion):
        await stage.call("plan_companion", spec=dorothy(recordings=["other.wav"]))
    second = await stage.call("plan_companion", spec=dorothy(recordings=["other.wav"], companion="new"))
    assert second.companion != first.companion
    with pytest.raises(WhichCompanion):
        await stage.call("get_companion", companion="Dorothy")


async def test_a_plan_that_a_newer_one_replaced_is_out_of_date(stage: Stage) -> None:
    """Before anything is made, the last plan counts."""
    old = await stage.call("plan_companion", spec=dorothy())
    await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    with pytest.raises(Conflict, match="out of date"):
        await stage.call("provision_companion", plan_id=old.plan_id)


async def test_a_run_that_broke_off_goes_on_where_it_was(stage: Stage) -> None:
    """The voice exists, the agent was refused; said again, only the agent is made."""
    stage.faults.due = [("POST", "/v1/convai/agents/create", "no permission")]
    with pytest.raises(StorykeeperError) as told:
        await made(stage)
    assert told.value.code == "missing_permission"
    assert "Dorothy (" in told.value.exists
    stage.faults.log.clear()
    view = await made(stage)
    assert view.status == "done"
    assert [path for method, path in stage.faults.log if method == "POST"] == ["/v1/convai/agents/create"]


async def test_giving_up_waiting_does_not_stop_a_run(stage: Stage) -> None:
    """With no time to wait the run goes on, says how to join it, and is joined."""
    plan = await stage.call("plan_companion", spec=dorothy())
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    at_once = await stage.call("provision_companion", plan_id=plan.plan_id, wait_seconds=0)
    assert at_once.status in {"queued", "running"}
    assert plan.plan_id in at_once.next
    assert (await stage.call("provision_companion", plan_id=plan.plan_id)).status == "done"
    assert stage.faults.sent("POST", "/v1/voices/add") == 1


async def test_a_voice_that_needs_verification_is_blocked_and_not_success(judge: Judge, tmp_path: Path) -> None:
    """No agent gets it; what exists is named."""
    async with open_stage(judge, tmp_path, switches=Switches(require_verification=True)) as stage:
        with pytest.raises(VoiceNeedsVerification) as told:
            await made(stage)
        assert "Dorothy (" in told.value.exists
        assert stage.faults.sent("POST", "/v1/convai/agents/create") == 0


async def test_a_plan_without_cloning_is_refused_before_anything_is_made(judge: Judge, tmp_path: Path) -> None:
    """The free tier has none; the plan warns, provisioning refuses."""
    async with open_stage(judge, tmp_path, plan="free") as stage:
        plan = await stage.call("plan_companion", spec=dorothy())
        assert any(w.startswith("plan_limit") for w in plan.warnings)
        with pytest.raises(PlanLimit):
            await made(stage)
        assert not [1 for method, _ in stage.faults.log if method == "POST"]


async def test_a_key_that_may_not_read_the_quota_is_good_enough(stage: Stage) -> None:
    """The plan says that nobody could look; the service would refuse what doesn't fit."""
    stage.faults.due = [("GET", "/v1/user", "no permission")] * 20
    plan = await stage.call("plan_companion", spec=dorothy())
    assert any(w.startswith("missing_permission") for w in plan.warnings)
    assert (await made(stage)).status == "done"


async def test_full_voice_slots_are_refused_before_anything_is_made(
    judge: Judge, tmp_path: Path, recording: Any
) -> None:
    """Not even a document is left behind."""
    (tmp_path / "a.wav").write_bytes(recording(40))
    async with open_stage(judge, tmp_path, plan="starter") as stage:
        quota = await stage.call("check_quota")
        for n in range(quota.voice_slots):
            (tmp_path / "a.wav").write_bytes(recording(40 + n))
            await stage.call("record_consent", name="A", recordings=["a.wav"], kind="self", granted_by="A")
            await stage.call("clone_voice", name="A", recordings=["a.wav"])
        assert (await stage.call("check_quota")).fits_one_more is False
        (tmp_path / "a.wav").write_bytes(recording(99))
        await stage.call("record_consent", name="A", recordings=["a.wav"], kind="self", granted_by="A")
        kept = set((stage.keeper.settings.folder / "blobs").iterdir())
        with pytest.raises(VoiceSlotsFull):
            await stage.call("clone_voice", name="A", recordings=["a.wav"])
        assert set((stage.keeper.settings.folder / "blobs").iterdir()) == kept
        stage.faults.log.clear()
        with pytest.raises(VoiceSlotsFull) as told:
            await made(stage)
        assert told.value.exists == "nothing was made"
        assert not [1 for method, _ in stage.faults.log if method == "POST"]


async def test_a_key_of_another_account_is_refused(judge: Judge, tmp_path: Path) -> None:
    """Its voices aren't ours to find; a workspace belongs to the account it first met."""
    async with open_stage(judge, tmp_path, key="first", keys=["first", "second"]) as stage:
        await made(stage)
    async with open_stage(judge, tmp_path, key="second", keys=["first", "second"]) as stage:
        with pytest.raises(AuthInvalid, match="another ElevenLabs account"):
            await stage.call("plan_companion", spec=dorothy())


@pytest.mark.parametrize(("key", "kind"), [(None, AuthMissing), ("wrong", AuthInvalid)])
async def test_no_key_and_a_wrong_key_are_told_apart(
    judge: Judge, tmp_path: Path, key: str | None, kind: type[StorykeeperError]
) -> None:
    """Each with its own way out."""
    async with open_stage(judge, tmp_path, key=key) as stage:
        with pytest.raises(kind):
            await stage.call("plan_companion", spec=dorothy())


@pytest.mark.parametrize(
    ("files", "wish", "kind"),
    [
        ({}, {"recordings": ["nothing.wav"]}, FileRefused),
        ({}, {"recordings": ["/etc/passwd"]}, FileRefused),
        ({"short.wav": 5.0}, {"recordings": ["short.wav"]}, RecordingRefused),
        ({"text.wav": b"I am a text."}, {"recordings": ["text.wav"]}, RecordingRefused),
        ({"empty.md": b" \n"}, {"memories": ["empty.md"]}, BadInput),
        ({"latin.txt": "Jos\xe9".encode("latin-1")}, {"memories": ["latin.txt"]}, BadInput),
        ({"photo.jpg": b"\xff\xd8"}, {"memories": ["photo.jpg"]}, BadInput),
        ({}, {"language": "xx"}, BadInput),
        ({}, {"companion": "nobody-0000"}, NotFound),
    ],
)
async def test_bad_input_is_refused_and_leaves_nothing(
    stage: Stage, tmp_path: Path, recording: Any, files: dict[str, Any], wish: dict[str, Any], kind: type
) -> None:
    """No companion, no staged bytes, no request that makes anything."""
    for name, content in files.items():
        (tmp_path / name).write_bytes(recording(content) if isinstance(content, float) else content)
    with pytest.raises(kind) as told:
        await stage.call("plan_companion", spec=dorothy(**wish))
    assert len(str(told.value)) <= 600
    assert (await stage.call("list_companions")).companions == []
    blobs = stage.keeper.settings.folder / "blobs"
    if kind is not NotFound:
        assert not list(blobs.iterdir()) if blobs.exists() else True
    assert {method for method, _ in stage.faults.log} <= {"GET"}


async def test_state_is_readable_by_its_owner_only(stage: Stage) -> None:
    """Recordings and memories lie in it."""
    await made(stage)
    folder = stage.keeper.settings.folder
    assert folder.stat().st_mode & 0o077 == 0
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.endswith(("-wal", "-shm"))]
    assert {p.stat().st_mode & 0o077 for p in files} == {0}
    assert len(files) >= 6


async def test_an_agent_that_is_not_stored_as_sent_is_never_opened(judge: Judge, tmp_path: Path) -> None:
    """Not by the next process either: until it was made, and seen to be, private and guarded it isn't done."""
    remote = State(None)
    async with open_stage(judge, tmp_path, state=remote) as stage:
        plan = await stage.call("plan_companion", spec=dorothy())
        await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
        stage.faults.due = [("GET", "/v1/convai/agents/agent_", "reset before")] * 4
        with pytest.raises(StorykeeperError):
            await stage.call("provision_companion", plan_id=plan.plan_id)
        [agent] = (await stage.call("list_agents")).agents
        await stage.in_the_dashboard(agent.agent_id, {"platform_settings": {"auth": {"enable_auth": False}}})
    async with open_stage(judge, tmp_path, state=remote) as stage:
        stage.faults.due = [("PATCH", agent.agent_id, "forgets")]
        with pytest.raises(UnexpectedAnswer, match=r"platform_settings\.auth"):
            await stage.call("provision_companion", plan_id=plan.plan_id)
        with pytest.raises(NotFound, match="not finished"):
            await stage.call("get_signed_url", of=plan.companion)
        assert (await stage.call("get_companion", companion="Dorothy")).status == "failed"
        assert (await stage.call("provision_companion", plan_id=plan.plan_id)).status == "done"
        assert (await stage.call("get_agent", agent_id=agent.agent_id)).private


async def test_two_people_never_share_an_id(stage: Stage, tmp_path: Path, recording: Any) -> None:
    """Also when their names have no Latin letters, and their short ids would be the same."""
    (tmp_path / "a.wav").write_bytes(recording(40))
    seen: set[str] = set()
    for n in range(40):
        wish = dorothy(subject={"name": f"王{chr(0x4E00 + n)}"}, recordings=["a.wav"], memories=[])
        seen.add((await stage.call("plan_companion", spec=wish)).companion)
    assert len(seen) == 40


async def test_a_consent_is_for_one_person_and_one_companion(stage: Stage) -> None:
    """The same bytes under another name are another question."""
    await made(stage)
    other = await stage.call("plan_companion", spec=dorothy(subject={"name": "Bob"}))
    assert [q.code for q in other.questions] == ["needs_consent"]
    with pytest.raises(NeedsConsent):
        await stage.call("provision_companion", plan_id=other.plan_id)
    with pytest.raises(NeedsConsent):
        await stage.call("clone_voice", name="Bob", recordings=[str(EXAMPLE / "recording.mp3")])


async def test_a_verified_voice_is_noticed(judge: Judge, tmp_path: Path) -> None:
    """Blocked at first; said again after the verification, it goes on."""
    remote = State(None)
    async with open_stage(judge, tmp_path, state=remote, switches=Switches(require_verification=True)) as stage:
        with pytest.raises(VoiceNeedsVerification):
            await made(stage)
        workspace = remote.owner("voice", stage.keeper.ledger.resources(await marker(stage))[-1].id) or ""
        with remote.rows(workspace) as rows:
            [row] = rows.all("voice")
            rows.put("voice", row["id"], {**row, "requires_verification": False})
        assert (await made(stage)).status == "done"
        assert stage.faults.sent("POST", "/v1/voices/add") == 1


async def marker(stage: Stage) -> str:
    companion = stage.keeper.ledger.companions()[0]
    return companion.marker


async def test_a_corrected_memory_leaves_no_doubt_which_one_counts(stage: Stage, tmp_path: Path) -> None:
    """A run that broke off before the agent is planned again; what the first plan left goes once there is one."""
    (tmp_path / "birth.md").write_text("Born in 1940.")
    wish = dorothy(memories=["birth.md"])
    stage.faults.due = [("POST", "/v1/convai/agents/create", "no permission")]
    with pytest.raises(StorykeeperError):
        await made(stage, wish)
    (tmp_path / "birth.md").write_text("Born in 1941.")
    view = await made(stage, wish)
    agent = await stage.call("get_agent", agent_id=view.agent_id)
    assert [d.id for d in view.documents] == [d.id for d in agent.documents]
    assert len(view.documents) == 1
    assert not any("left over" in warning for warning in view.warnings)
    deleted = [path for method, path in stage.faults.log if method == "DELETE"]
    assert len(deleted) == 1
    assert view.documents[0].id not in deleted[0]


async def test_a_companion_that_is_being_made_is_not_planned_anew(stage: Stage) -> None:
    """It is busy."""
    plan = await stage.call("plan_companion", spec=dorothy())
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    inner, go_on = stage.faults.inner.handle_async_request, anyio.Event()

    class Held(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                await go_on.wait()
            return await inner(request)

    stage.faults.inner = Held()
    await stage.call("provision_companion", plan_id=plan.plan_id, wait_seconds=0)
    with pytest.raises(Busy):
        await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    go_on.set()
    assert (await stage.call("provision_companion", plan_id=plan.plan_id)).status == "done"


async def test_a_listener_that_dawdles_misses_nothing(stage: Stage) -> None:
    """The run ends while progress is being told; waiting ends with it, and not with its own time."""

    class Dawdler:
        async def report(self, done: float, total: float, message: str) -> None:
            while stage.keeper.engine.running(plan.plan_id):
                await anyio.lowlevel.checkpoint()

        async def ask(self, question: str, form: type[Any]) -> None:
            return None

    plan = await stage.call("plan_companion", spec=dorothy())
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    with anyio.fail_after(60):
        view = await stage.call("provision_companion", plan_id=plan.plan_id, wait_seconds=500, caller=Dawdler())
    assert view.status == "done"


async def test_a_refused_clone_keeps_no_copy_of_the_recording(stage: Stage) -> None:
    """Nobody consented to that either."""
    with pytest.raises(NeedsConsent):
        await stage.call("clone_voice", name="Dorothy", recordings=[str(EXAMPLE / "recording.mp3")])
    assert list((stage.keeper.settings.folder / "blobs").iterdir()) == []


async def test_odd_names_on_disk_are_shown_without_their_oddity(stage: Stage, tmp_path: Path) -> None:
    """Bytes that are no text, in a folder of memories."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("# Sunday\nWe walked.")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg")).write_bytes(b"x")
    plan = await stage.call("plan_companion", spec=dorothy(memories=["notes"]))
    assert "left out: caf.jpg" in plan.warnings
    assert plan.model_dump_json().encode()


async def test_a_plan_of_which_nothing_was_made_gives_way_to_a_better_one(
    stage: Stage, tmp_path: Path, recording: Any
) -> None:
    """The wrong recordings were named at first: no question, no orphan."""
    (tmp_path / "other.wav").write_bytes(recording(40))
    await stage.call("plan_companion", spec=dorothy(recordings=["other.wav", str(EXAMPLE / "recording.mp3")]))
    better = await stage.call("plan_companion", spec=dorothy())
    assert [c.companion for c in (await stage.call("list_companions")).companions] == [better.companion]


async def test_a_plan_that_gave_way_leaves_nothing(stage: Stage, tmp_path: Path, recording: Any) -> None:
    """Nobody could forget it any more: its staged files and its consent go, too; what the better one needs stays."""
    (tmp_path / "other.wav").write_bytes(recording(40))
    worse = await stage.call("plan_companion", spec=dorothy(recordings=["other.wav"]))
    await stage.call("record_consent", companion=worse.companion, kind="self", granted_by="Dorothy")
    better = await stage.call("plan_companion", spec=dorothy())
    plan = stage.keeper.ledger.plan(better.plan_id)
    assert plan
    wanted = {*plan.hashes, *(memory.sha256 for memory in plan.memories)}
    assert {blob.name for blob in (stage.keeper.settings.folder / "blobs").iterdir()} == wanted
    assert stage.keeper.ledger.planned() == [better.companion]
    assert stage.keeper.ledger.consents(worse.companion) == []
    with pytest.raises(NotFound):
        await stage.call("provision_companion", plan_id=worse.plan_id)


async def test_the_plan_and_its_question_name_the_recordings(stage: Stage) -> None:
    """Whoever agrees sees to what."""
    plan = await stage.call("plan_companion", spec=dorothy())
    assert plan.recordings == ["recording.mp3"]
    assert "recording.mp3" in plan.questions[0].ask
    assert "recording.mp3" in str(plan)
