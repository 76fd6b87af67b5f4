"""The ledger and the service compared: what came too late, what was lost, what is there twice, what isn't ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stage import KEY, QUICK, Front, Served, call
from storykeeper_server.sandbox import auth
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.state import State
from storykeeper_server.wiring import Storykeeper
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import AuthInvalid, RateLimited
from storykeeper_tools.provisioning import wanted
from storykeeper_tools.provisioning.kinds import Wanted
from storykeeper_tools.provisioning.plan import Plan
from storykeeper_tools.provisioning.reconcile import Reconcile, Report

pytestmark = pytest.mark.anyio
WISH = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": ["dorothy.wav"], "memories": ["cork.md"]})
USUAL = Switches()
AT_ONCE = replace(QUICK, settle=0, lag=0)  # nothing is too young to be judged
CREATES = {
    "voice": "POST /v1/voices/add",
    "document": "POST /v1/convai/knowledge-base/text",
    "agent": "POST /v1/convai/agents/create",
}
KINDS = list(CREATES)


@pytest.fixture
def folder(tmp_path: Path, recording: Callable[[float], bytes]) -> Path:
    """The files of a companion."""
    (tmp_path / "cork.md").write_text("# Cork\nBorn in Cork.")
    (tmp_path / "dorothy.wav").write_bytes(recording(40))
    return tmp_path


@pytest.fixture
def service(front: Front, folder: Path) -> Served:
    """A sandbox of one's own."""
    return opened(front, folder, State(None))


def opened(front: Front, folder: Path, state: State, *rules: str, switches: Switches = USUAL) -> Served:
    front.app = build(state, keys=[KEY], faults=rules, switches=switches)
    return Served(front.url, state, folder, patience=AT_ONCE)


async def planned(keeper: Storykeeper) -> Plan:
    """The plan, with its consent."""
    draft = await call(keeper, "plan_companion", spec=WISH)
    await call(keeper, "record_consent", companion=draft.companion, kind="self", granted_by="Dorothy")
    plan = keeper.ledger.plan(draft.plan_id)
    assert plan
    return plan


async def provisioned(keeper: Storykeeper) -> str:
    plan = await planned(keeper)
    view = await call(keeper, "provision_companion", plan_id=plan.plan_id, wait_seconds=45)
    return view.status


def wants(plan: Plan, kind: str, keeper: Storykeeper) -> Wanted:
    """What a plan wants of a kind; an agent of nothing but what its plan says."""
    if kind != "agent":
        return wanted.voice(plan) if kind == "voice" else wanted.documents(plan)[0]
    voice = keeper.ledger.resource(plan.marker, "voice", "")
    assert voice
    known = wanted.Made(id=voice.id, name=voice.name)
    return wanted.agent(plan, wanted.body(plan, known, [], "gemini-2.5-flash"))


async def again(keeper: Storykeeper, kind: str) -> str:
    """A second one, made behind everybody's back with the same marker; its id."""
    plan = await planned(keeper)
    return (await wants(plan, kind, keeper).create(keeper.elevenlabs, keeper.ensure.blobs, lambda: None)).id


def comparing(keeper: Storykeeper) -> Reconcile:
    return Reconcile(keeper.ensure, keeper.engine.runs, keeper.companions.workspace)


async def mended(keeper: Storykeeper, *, adopt: bool = True, delete: bool = True) -> Report:
    reconcile = comparing(keeper)
    return await reconcile.act(await reconcile.look(), adopt=adopt, delete=delete)


def told(report: Report) -> list[tuple[str, str]]:
    return [(finding.do, finding.kind) for finding in report.findings]


def counts(service: Served) -> list[int]:
    return [len(service.names(kind)) for kind in KINDS]


async def test_what_was_made_is_not_mentioned(service: Served) -> None:
    """By companions as by single tools, whose markers are of their own."""
    async with service.process() as keeper:
        assert await provisioned(keeper) == "done"
        [document] = (await call(keeper, "upload_knowledge_base", text="Something else.")).documents
        voice = next(row.id for row in keeper.ledger.every() if row.kind == "voice")
        await call(keeper, "create_agent", name="Another", voice_id=voice, documents=[document.id])
        report = await mended(keeper)
    assert (report.findings, report.things, report.clean) == ([], 5, True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_second_one_is_found_and_deleted(service: Served, kind: str) -> None:
    """Looking alone changes nothing; the ledger's stays, and the journal tells of it."""
    async with service.process() as keeper:
        await provisioned(keeper)
        double = await again(keeper, kind)
        look = await mended(keeper, adopt=True, delete=False)
        assert (told(look), look.clean, len(service.names(kind))) == ([("delete", kind)], False, 2)
        report = await mended(keeper)
        [finding] = report.findings
        marker = finding.marker
        journal = [entry.event for entry in keeper.ledger.journal.entries(marker) if entry.id == double]
        assert keeper.ledger.journal.verify() == []
        assert (await mended(keeper)).findings == []
    assert (finding.id, finding.done, report.clean) == (double, True, True)
    assert journal == ["delete", "deleted"]
    assert counts(service) == [1, 1, 1]


async def test_a_second_agent_goes_before_what_it_knows(service: Served) -> None:
    """A document can't be deleted while an agent uses it."""
    async with service.process() as keeper:
        await provisioned(keeper)
        double = await again(keeper, "document")
        agent = await again(keeper, "agent")
        item = {"id": double, "name": "Cork", "type": "text"}
        await keeper.elevenlabs.patch_agent(
            agent, {"conversation_config": {"agent": {"prompt": {"knowledge_base": [item]}}}}
        )
        report = await mended(keeper)
    assert [(finding.kind, finding.problem) for finding in report.findings] == [("agent", ""), ("document", "")]
    assert counts(service) == [1, 1, 1]


async def test_what_a_lost_ledger_knew_is_adopted_once_it_is_planned_again(service: Served) -> None:
    """Before, it is anybody's; afterwards provisioning makes nothing."""
    async with service.process() as keeper:
        await provisioned(keeper)
    for file in (service.home / "state").glob("*/storykeeper.sqlite*"):
        file.unlink()
    async with service.process() as keeper:
        assert {do for do, _ in told(await mended(keeper))} == {"foreign"}
        draft = await call(keeper, "plan_companion", spec=WISH)
        assert any("`storykeeper reconcile --adopt` first" in warning for warning in draft.warnings)
        await planned(keeper)
        report = await mended(keeper)
        assert sorted(told(report)) == [("adopt", kind) for kind in sorted(KINDS)]
        assert report.clean
        assert await provisioned(keeper) == "done"
        assert keeper.ledger.journal.verify() == []
    assert counts(service) == [1, 1, 1]


async def test_what_is_anothers_is_only_reported(service: Served) -> None:
    """Two homes with one account don't delete each other's things."""
    async with service.process() as keeper:
        await provisioned(keeper)
    other = service.home / "other"
    other.mkdir()
    async with replace(service, home=other).process() as keeper:
        report = await mended(keeper)
    assert {do for do, _ in told(report)} == {"foreign"}
    assert report.clean
    assert counts(service) == [1, 1, 1]


async def test_what_shows_up_after_its_companion_was_forgotten_is_deleted(service: Served) -> None:
    """Its request took effect later than anybody waited."""
    async with service.process() as keeper:
        await provisioned(keeper)
        plan = await planned(keeper)
        with service.state.rows(auth.key(KEY).workspace) as rows:
            late = rows.all("voice")[0]
        shown = await call(keeper, "retire_companion", companion=plan.companion, action="forget")
        await call(keeper, "retire_companion", companion=plan.companion, action="forget", confirm=shown.confirm)
        assert counts(service) == [0, 0, 0]
        with service.state.rows(auth.key(KEY).workspace) as rows:
            rows.put("voice", late["id"], late)
        report = await mended(keeper)
        assert keeper.ledger.journal.verify() == []
    assert (told(report), report.clean) == ([("delete", "voice")], True)
    assert counts(service) == [0, 0, 0]


async def test_what_is_young_is_left_alone(service: Served) -> None:
    """Whoever made it may not have heard of it yet."""
    async with replace(service, patience=replace(QUICK, settle=600)).process() as keeper:
        await provisioned(keeper)
        await again(keeper, "voice")
        report = await mended(keeper)
    assert (told(report), report.clean) == ([("wait", "voice")], True)
    assert counts(service)[0] == 2


async def test_what_a_run_is_about_is_left_alone(front: Front, folder: Path) -> None:
    """Its run waits for a service that is busy, and goes on by itself."""
    service = opened(front, folder, State(None), f"{CREATES['agent']} 429")
    async with service.process() as keeper:
        with pytest.raises(RateLimited):
            await provisioned(keeper)
        await again(keeper, "voice")
        report = await mended(keeper)
    assert told(report) == [("wait", "voice")]
    assert counts(service)[0] == 2


async def test_what_takes_effect_after_its_run_is_over_is_found(front: Front, folder: Path) -> None:
    """Refused, made all the same, and in no list for an hour: nobody can know of it while the run goes on."""
    state = State(None)
    slow = Switches(list_lag_seconds=3600)
    service = opened(front, folder, state, f"{CREATES['voice']} 429-after-commit x1", switches=slow)
    async with service.process() as keeper:
        assert await provisioned(keeper) == "done"
        assert counts(service) == [2, 1, 1]
        assert (await mended(keeper)).findings == []
    service = opened(front, folder, state)
    async with service.process() as keeper:
        report = await mended(keeper)
    assert told(report) == [("delete", "voice")]
    assert counts(service) == [1, 1, 1]


async def test_what_lists_do_not_show_yet_is_not_taken_for_gone(front: Front, folder: Path) -> None:
    """It is looked at by its id."""
    service = opened(front, folder, State(None), switches=Switches(list_lag_seconds=3600))
    async with service.process() as keeper:
        await provisioned(keeper)
        report = await mended(keeper)
    assert (report.things, report.findings) == (0, [])


async def test_what_is_on_the_third_page_is_found(service: Served) -> None:
    """Accounts may have many voices, ours among the oldest."""
    async with service.process() as keeper:
        await provisioned(keeper)
        double = await again(keeper, "voice")
        with service.state.rows(auth.key(KEY).workspace) as rows:
            ours = rows.all("voice")
            for voice in ours:
                rows.put("voice", voice["id"], {**voice, "created": voice["created"] - 3600})
            for n in range(250):
                rows.put("voice", f"other{n:015}", {**ours[0], "id": f"other{n:015}", "description": ""})
        report = await mended(keeper)
    assert [(finding.id, finding.done) for finding in report.findings] == [(double, True)]
    assert len(service.names("voice")) == 251


async def test_what_somebody_deleted_is_crossed_out_and_made_again(service: Served) -> None:
    """Without asking for it only the report changes."""
    async with service.process() as keeper:
        await provisioned(keeper)
        [lost] = [row for row in keeper.ledger.every() if row.kind == "document"]
        await keeper.elevenlabs.delete_document(lost.id, force=True)
        look = await mended(keeper, adopt=False)
        assert (told(look), look.clean) == ([("cross out", "document")], False)
        assert (await mended(keeper)).clean
        assert (await mended(keeper)).findings == []
        assert [row for row in keeper.ledger.every() if row.kind == "document"] == []
        assert await provisioned(keeper) == "done"
    assert counts(service) == [1, 1, 1]


async def test_folders_are_no_documents(service: Served) -> None:
    """Whatever they are called; a document that somebody put into one is found there."""
    async with service.process() as keeper:
        await provisioned(keeper)
        [document] = [row for row in keeper.ledger.every() if row.kind == "document"]
        with service.state.rows(auth.key(KEY).workspace) as rows:
            known = rows.get("document", document.id)
            assert known
            folder = {**known, "id": "folder0000000000000x", "type": "folder"}
            rows.put("document", folder["id"], folder)
            rows.put("document", document.id, {**known, "folder": folder["id"]})
        report = await mended(keeper)
    assert (report.things, report.findings) == (3, [])


async def test_an_archived_agent_is_seen(service: Served) -> None:
    """The service's list leaves it out unless it is asked for."""
    async with service.process() as keeper:
        await provisioned(keeper)
        double = await again(keeper, "agent")
        await keeper.elevenlabs.patch_agent(double, {"platform_settings": {"archived": True}})
        report = await mended(keeper)
    assert [(finding.id, finding.done) for finding in report.findings] == [(double, True)]


async def test_a_key_of_another_account_is_refused(service: Served, front: Front) -> None:
    """Everything would look foreign, or gone."""
    async with service.process() as keeper:
        await provisioned(keeper)
    front.app = build(service.state, keys=[KEY, "another"])
    async with replace(service, key="another").process() as keeper:
        with pytest.raises(AuthInvalid):
            await mended(keeper)


@pytest.mark.parametrize("fault", ["403", "500", "reset-after-commit"])
async def test_one_that_cannot_be_deleted_does_not_keep_the_others(front: Front, folder: Path, fault: str) -> None:
    """What was done is said, and so is what wasn't; said again it ends well."""
    service = opened(front, folder, State(None), f"DELETE /v1/convai/agents/* {fault} x2")
    async with service.process() as keeper:
        await provisioned(keeper)
        for kind in KINDS:
            await again(keeper, kind)
        first = await mended(keeper)
        done = {finding.kind: finding.done for finding in first.findings}
        assert done == {"agent": fault == "reset-after-commit", "document": True, "voice": True}
        assert all(finding.problem for finding in first.findings if not finding.done)
        await service.ask("DELETE", "/faults")
        assert (await mended(keeper)).clean
    assert counts(service) == [1, 1, 1]
