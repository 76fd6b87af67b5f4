"""A request whose fate was unknown may have made a second one: a run that says that it is done has looked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stage import KEY, Front, Served, call
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.state import State
from storykeeper_server.wiring import Storykeeper
from storykeeper_tools.companion import voicing
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import BadInput
from storykeeper_tools.provisioning import wanted
from storykeeper_tools.provisioning.dedupe import dedupe
from storykeeper_tools.provisioning.ensure import Direct
from storykeeper_tools.provisioning.kinds import Wanted
from storykeeper_tools.provisioning.ledger import Resource
from storykeeper_tools.provisioning.plan import Plan
from storykeeper_tools.provisioning.reconcile import Reconcile
from storykeeper_tools.views import CompanionView

pytestmark = pytest.mark.anyio
VOICE, TEXT, AGENT = "POST /v1/voices/add", "POST /v1/convai/knowledge-base/text", "POST /v1/convai/agents/create"
LISTS = ("/v2/voices", "/v1/convai/knowledge-base", "/v1/convai/agents")
REFUSED = f"{AGENT} 400 x1"  # so that there is a time in which something can go wrong before the run is done
USUAL = Switches()
WISH = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": ["dorothy.wav"], "memories": ["cork.md"]})


@pytest.fixture
def open_service(front: Front, tmp_path: Path, recording: Callable[[float], bytes]) -> Callable[..., Served]:
    """Builds a sandbox with faults; nobody judges it, since its answers are wrong on purpose."""
    (tmp_path / "cork.md").write_text("# Cork\nBorn in Cork.")
    (tmp_path / "dorothy.wav").write_bytes(recording(40))

    def make(*rules: str, switches: Switches = USUAL) -> Served:
        state = State(None)
        front.app = build(state, keys=[KEY], faults=rules, switches=switches)
        return Served(front.url, state, tmp_path)

    return make


async def planned(keeper: Storykeeper) -> str:
    """The plan, with its consent."""
    draft = await call(keeper, "plan_companion", spec=WISH)
    await call(keeper, "record_consent", companion=draft.companion, kind="self", granted_by="Dorothy")
    return draft.plan_id


async def provisioned(keeper: Storykeeper) -> CompanionView:
    return await call(keeper, "provision_companion", plan_id=await planned(keeper), wait_seconds=45)


async def again(keeper: Storykeeper, wants: Callable[..., Wanted]) -> str:
    """A second one, made behind everybody's back with the same marker; its id."""
    plan = keeper.ledger.plan(await planned(keeper))
    assert plan
    return (await wants(plan).create(keeper.elevenlabs, keeper.ensure.blobs, lambda: None)).id


def document(plan: Plan) -> Wanted:
    return wanted.documents(plan)[0]


async def requested(service: Served, method: str, *paths: str) -> int:
    """How many requests with one of these paths the sandbox got."""
    found = (await service.ask("GET", "/requests"))["requests"]
    return sum(1 for row in found if row["method"] == method and row["path"] in paths)


async def test_a_run_without_doubt_asks_nothing(open_service: Callable[..., Served]) -> None:
    """Where every answer was heard, no list is read but those of planning."""
    service = open_service()
    async with service.process() as keeper:
        await call(keeper, "plan_companion", spec=WISH)
        before = await requested(service, "GET", *LISTS)
        await call(keeper, "plan_companion", spec=WISH)
        planning = await requested(service, "GET", *LISTS) - before
        assert (await provisioned(keeper)).status == "done"
    assert await requested(service, "GET", *LISTS) == before + 2 * planning


@pytest.mark.parametrize(
    ("create", "wants", "kind"),
    [(VOICE, wanted.voice, "voice"), (TEXT, document, "document")],
    ids=["voice", "document"],
)
@pytest.mark.parametrize("fault", ["reset-after-commit", "reset", "429-after-commit"])
async def test_a_second_one_is_gone_before_a_run_is_done(
    open_service: Callable[..., Served], create: str, wants: Callable[..., Wanted], kind: str, fault: str
) -> None:
    """Whatever the doubt came from: the ledger's stays, the other is deleted, and the journal tells of it."""
    service = open_service(f"{create} {fault} x1", REFUSED)
    async with service.process() as keeper:
        with pytest.raises(BadInput):
            await provisioned(keeper)
        double = await again(keeper, wants)
        kept = [row for row in keeper.ledger.every() if row.kind == kind]
        view = await provisioned(keeper)
        told = [(entry.event, entry.id) for entry in keeper.ledger.journal.entries(kept[0].marker)]
        faults = keeper.ledger.journal.verify()
    assert (view.status, view.warnings[:-1]) == ("done", [])
    assert [view.voice_id if kind == "voice" else view.documents[0].id] == [row.id for row in kept]
    assert len(service.names(kind)) == 1
    assert [event for event, id in told if id == double] == ["delete", "deleted"]
    assert faults == []


async def test_a_doubt_that_was_cleared_up_is_not_looked_into_again(open_service: Callable[..., Served]) -> None:
    """Another look reads no list."""
    service = open_service(f"{VOICE} reset-after-commit x1")
    async with service.process() as keeper:
        await provisioned(keeper)
        before = await requested(service, "GET", *LISTS)
        [marker] = {row.marker for row in keeper.ledger.every()}
        assert await dedupe(Direct(), keeper.ensure, marker) == []
    assert before > 0
    assert await requested(service, "GET", *LISTS) == before


async def test_without_ours_the_other_is_left_alone(open_service: Callable[..., Served]) -> None:
    """Somebody deleted the voice that the ledger knows: the other one is all there is."""
    service = open_service(f"{VOICE} reset-after-commit x1", REFUSED)
    async with service.process() as keeper:
        with pytest.raises(BadInput):
            await provisioned(keeper)
        ours = next(row for row in keeper.ledger.every() if row.kind == "voice")
        double = await again(keeper, wanted.voice)
        await keeper.elevenlabs.delete_voice(ours.id)
        assert await dedupe(Direct(), keeper.ensure, ours.marker) == []
        assert (await keeper.elevenlabs.voice(double)).voice_id == double


async def test_a_second_one_that_cannot_be_deleted_is_told_about(open_service: Callable[..., Served]) -> None:
    """The companion is done all the same, and `reconcile` finds it."""
    service = open_service(f"{VOICE} reset-after-commit x1", REFUSED, "DELETE /v1/voices/* 403")
    service.patience = replace(service.patience, settle=0)
    async with service.process() as keeper:
        with pytest.raises(BadInput):
            await provisioned(keeper)
        await again(keeper, wanted.voice)
        view = await provisioned(keeper)
        await service.ask("DELETE", "/faults")
        comparing = Reconcile(keeper.ensure, keeper.engine.runs, keeper.companions.workspace)
        assert (await comparing.act(await comparing.look(), adopt=False, delete=True)).clean
    assert view.status == "done"
    assert any("there may be a second agent or voice" in warning for warning in view.warnings)
    assert len(service.names("voice")) == 1


async def test_a_look_that_fails_is_repeated(open_service: Callable[..., Served]) -> None:
    """A list that isn't there for a moment doesn't leave a second one behind."""
    service = open_service(f"{VOICE} reset-after-commit x1", REFUSED, "GET /v2/voices 503 skip=1 x2")
    async with service.process() as keeper:
        with pytest.raises(BadInput):
            await provisioned(keeper)
        await again(keeper, wanted.voice)
        view = await provisioned(keeper)
    assert view.warnings[:-1] == []
    assert len(service.names("voice")) == 1


async def test_the_first_that_is_kept_stays(open_service: Callable[..., Served]) -> None:
    """A process that was frozen hears of its own one late: what others have built on isn't taken away."""
    row = Resource(marker="keep-1", kind="voice", state="made", id="first")
    async with open_service().process() as keeper:
        keeper.ledger.keep_made(row)
        stands = keeper.ledger.keep_made(row.model_copy(update={"id": "second"}))
        settled = row.model_copy(update={"doubted": False})
        keeper.ledger.amend(stands, doubted=False)
        rows = keeper.ledger.resources("keep-1")
    assert (stands.id, stands.doubted) == ("first", True)
    assert rows == [settled]


@pytest.mark.parametrize("more", [{"voice": {"speed": 1.1}}, {"language": "de"}], ids=["speed", "language"])
async def test_what_an_older_plan_asked_for_becomes_what_the_newer_one_says(
    open_service: Callable[..., Served], more: dict[str, object]
) -> None:
    """Its agent was made unheard: what differs is sent, so that nothing of it is called somebody's edit later."""
    service = open_service()
    wish = Wish.model_validate({**WISH.model_dump(exclude_unset=True), **more})
    async with service.process() as keeper:
        old = keeper.ledger.plan(await planned(keeper))
        assert old
        voice, *documents = await keeper.ensure(Direct(), [wanted.voice(old), *wanted.documents(old)])
        agent = wanted.agent(old, wanted.body(old, voice, documents, "gemini-2.5-flash"))
        keeper.ledger.intend(agent.intent())
        await agent.create(keeper.elevenlabs, keeper.ensure.blobs, lambda: None)
        new = await call(keeper, "plan_companion", spec=wish)
        view = await call(keeper, "provision_companion", plan_id=new.plan_id)
        stored = await call(keeper, "get_agent", agent_id=view.agent_id)
        again = await call(keeper, "plan_companion", spec=wish)

    assert (view.status, view.warnings[:-1]) == ("done", [])
    assert (stored.language, stored.conversation_config["tts"]["speed"]) == (wish.language, voicing.speech(wish).speed)
    assert {step.action for step in again.steps} == {"keep"}
    assert not [warning for warning in again.warnings if warning.startswith("drift")]
    assert len(service.names("agent")) == 1
