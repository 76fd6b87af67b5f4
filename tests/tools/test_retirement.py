"""Companions taken out of use: paused and resumed as they were, or forgotten so that nothing is left but a receipt."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sounds
from stage import GENEROUS, KEY, QUICK, Front, Served, call
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.state import State
from storykeeper_server.wiring import Storykeeper, offered
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.elevenlabs.client import Limits
from storykeeper_tools.errors import (
    Busy,
    Conflict,
    NeedsConfirm,
    NotFound,
    StorykeeperError,
    UpstreamError,
    WrongKind,
)
from storykeeper_tools.provisioning import wanted
from storykeeper_tools.provisioning.confirms import LIFETIME, Confirms
from storykeeper_tools.provisioning.ensure import Direct
from storykeeper_tools.provisioning.tree import at
from storykeeper_tools.views import Retired

pytestmark = pytest.mark.anyio
USUAL = Switches()
SOON = Limits(reading=0.3, trying=0.12, writing=0.3, cloning=0.3)
LIMITS = "platform_settings.call_limits"
WORDS = (b"dorothy", b"cork", b"mallow", b"margaret")
KINDS = ("agent", "document", "voice")
DELETES = {
    "agent": "DELETE /v1/convai/agents/{agent_id}",
    "document": "DELETE /v1/convai/knowledge-base/{document_id}",
    "voice": "DELETE /v1/voices/{voice_id}",
}
FAULTS = [
    "404",
    "409",
    "429 retry-after=0",
    "500",
    "500-after-commit",
    "html",
    "reset",
    "reset-after-commit",
    "slow seconds=60",
]


@pytest.fixture
def open_service(front: Front, tmp_path: Path) -> Callable[..., Served]:
    """Builds a sandbox with faults; nobody judges it, since its answers may be wrong on purpose."""
    (tmp_path / "cork.md").write_text("# Childhood\nBorn in Cork.")
    (tmp_path / "bakery.md").write_text("# Work\nThe bakery in Mallow.")
    (tmp_path / "voice.wav").write_bytes(sounds.tape())

    def make(*rules: str, switches: Switches = USUAL, limits: Limits = GENEROUS) -> Served:
        state = State(None)
        front.app = build(state, keys=[KEY], faults=rules, switches=switches)
        return Served(front.url, state, tmp_path, limits=limits)

    return make


def wish(**more: Any) -> Wish:
    said = {
        "subject": {"name": "Dorothy"},
        "recordings": ["voice.wav"],
        "memories": ["cork.md", "bakery.md"],
    }
    return Wish.model_validate(said | more)


async def planned(keeper: Storykeeper, said: Wish | None = None) -> Any:
    """A plan, with its consent."""
    draft = await call(keeper, "plan_companion", spec=said or wish())
    await call(keeper, "record_consent", companion=draft.companion, kind="self", granted_by=draft.steps[0].name)
    return draft


async def made(keeper: Storykeeper, said: Wish | None = None) -> Any:
    draft = await planned(keeper, said)
    return await call(keeper, "provision_companion", plan_id=draft.plan_id)


async def forget(keeper: Storykeeper, companion: str = "Dorothy") -> Retired:
    """Both calls."""
    shown = await call(keeper, "retire_companion", companion=companion, action="forget")
    return await call(keeper, "retire_companion", companion=companion, action="forget", confirm=shown.confirm)


def told(home: Path) -> list[tuple[str, bytes]]:
    """Every personal word in any file of the state, by the file's name."""
    files = [path for path in (home / "state").rglob("*") if path.is_file()]
    return [(path.name, word) for path in files for word in WORDS if word in path.read_bytes().lower()]


def left(service: Served) -> list[str]:
    return [name for kind in KINDS for name in service.names(kind)]


# Pausing


async def test_a_pause_closes_every_door_and_its_end_opens_them_as_they_were(
    open_service: Callable[..., Served],
) -> None:
    """No URL, no token, no talk at the service; afterwards the agent is to the byte what it was."""
    async with open_service().process() as keeper:
        view = await made(keeper)
        before = (await keeper.elevenlabs.agent(view.agent_id)).model_dump(exclude={"version_id"})
        for _ in range(2):  # said twice, it is paused once
            await call(keeper, "retire_companion", companion="Dorothy", action="pause")
        paused = await keeper.elevenlabs.agent(view.agent_id)
        for mint in ("get_signed_url", "get_conversation_token"):
            for of in (view.companion, view.agent_id):
                with pytest.raises(Conflict, match="paused"):
                    await call(keeper, mint, of=of)
        seen = await call(keeper, "get_companion", companion="Dorothy")
        [row] = (await call(keeper, "list_companions")).companions
        await call(keeper, "retire_companion", companion="Dorothy", action="resume")
        after = (await keeper.elevenlabs.agent(view.agent_id)).model_dump(exclude={"version_id"})
        again = await call(keeper, "get_companion", companion="Dorothy")
        await call(keeper, "get_signed_url", of=view.companion)

    assert at(paused.model_dump(), f"{LIMITS}.daily_limit") == 0
    assert at(paused.model_dump(), "platform_settings.auth.enable_auth") is True
    assert (seen.status, row.status, again.status) == ("paused", "paused", "done")
    assert "resume" in seen.next
    assert not [warning for warning in seen.warnings if warning.startswith("drift")]
    assert after == before


async def test_what_somebody_set_during_a_pause_stays(open_service: Callable[..., Served]) -> None:
    """An edit in the dashboard isn't overwritten, and is told."""
    async with open_service().process() as keeper:
        view = await made(keeper)
        await call(keeper, "retire_companion", companion="Dorothy", action="pause")
        await keeper.elevenlabs.patch_agent(view.agent_id, {"platform_settings": {"call_limits": {"daily_limit": 7}}})
        resumed = await call(keeper, "retire_companion", companion="Dorothy", action="resume")
        stored = (await keeper.elevenlabs.agent(view.agent_id)).model_dump()

    assert at(stored, f"{LIMITS}.daily_limit") == 7
    assert "changed at ElevenLabs" in str(resumed)


async def test_a_pause_whose_answer_got_lost_goes_on_when_it_is_said_again(
    open_service: Callable[..., Served],
) -> None:
    """What was before it isn't forgotten over that."""
    service = open_service("PATCH /v1/convai/agents/{agent_id} reset-after-commit x1")
    async with service.process() as keeper:
        view = await made(keeper)
        with pytest.raises(UpstreamError):
            await call(keeper, "retire_companion", companion="Dorothy", action="pause")
        await call(keeper, "retire_companion", companion="Dorothy", action="pause")
        await call(keeper, "retire_companion", companion="Dorothy", action="resume")
        stored = (await keeper.elevenlabs.agent(view.agent_id)).model_dump()

    assert at(stored, f"{LIMITS}.daily_limit") == 50


async def test_what_has_no_agent_cannot_be_paused(open_service: Callable[..., Served]) -> None:
    """And is told so."""
    async with open_service().process() as keeper:
        await planned(keeper)
        with pytest.raises(Conflict, match="no agent"):
            await call(keeper, "retire_companion", companion="Dorothy", action="pause")


# Confirming


async def test_the_first_call_deletes_nothing_and_says_all(open_service: Callable[..., Served]) -> None:
    """Every id, and the token, are in the text too."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        await service.ask("DELETE", "/requests")
        shown = await call(keeper, "retire_companion", companion="Dorothy", action="forget")
    sent = (await service.ask("GET", "/requests"))["requests"]

    assert {row["method"] for row in sent} == {"GET"}
    assert shown.status == "needs_confirm"
    ids = [view.agent_id, view.voice_id, *(document.id for document in view.documents), shown.confirm]
    assert all(id in str(shown) for id in ids)


@pytest.mark.parametrize("how", ["used", "old", "from the future", "made up", "another companion's", "a resource's"])
async def test_only_the_right_token_deletes(open_service: Callable[..., Served], how: str) -> None:
    """Once, within ten minutes, for just that; a wrong one doesn't use up the right one."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        shown = await call(keeper, "retire_companion", companion="Dorothy", action="forget")
        confirm = await _given(keeper, how, shown.confirm, view.voice_id)
        with pytest.raises(NeedsConfirm):
            await call(keeper, "retire_companion", companion="Dorothy", action="forget", confirm=confirm)
        standing = left(service)
        if how in {"made up", "another companion's", "a resource's"}:
            await call(keeper, "retire_companion", companion="Dorothy", action="forget", confirm=shown.confirm)

    assert len(standing) == 4


async def _given(keeper: Storykeeper, how: str, good: str, voice_id: str) -> str:
    """A token that allows nothing, or nothing any more."""
    database, marker = keeper.ledger.database, _marker(keeper)
    if how == "used":
        keeper.retirement.confirms.redeem(good, "forget", marker)
        return good
    if how == "another companion's":
        return keeper.retirement.confirms.give("forget", "keep-00000000000000000000")
    if how == "a resource's":
        return (await call(keeper, "delete_resource", id=voice_id)).confirm
    moved = {"old": -LIFETIME - 1, "from the future": LIFETIME + 60}.get(how)
    return Confirms(database, lambda: time.time() + moved).give("forget", marker) if moved else "0" * 20


def _marker(keeper: Storykeeper) -> str:
    [companion] = keeper.ledger.companions()
    return companion.marker


async def test_what_cannot_be_begun_uses_no_token_up(open_service: Callable[..., Served]) -> None:
    """A row that can't be read stops it; put right, the same token does."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        shown = await call(keeper, "retire_companion", companion="Dorothy", action="forget")
        database = keeper.ledger.database
        database.query("INSERT INTO runs VALUES ('plan_spoilt', ?, 'failed', '{}')", view.companion)
        with pytest.raises(Conflict, match="isn't as it was written"):
            await call(keeper, "retire_companion", companion="Dorothy", action="forget", confirm=shown.confirm)
        standing = left(service)
        database.query("DELETE FROM runs WHERE plan = 'plan_spoilt'")
        done = await call(keeper, "retire_companion", companion="Dorothy", action="forget", confirm=shown.confirm)

    assert (len(standing), done.status, left(service)) == (4, "forgotten", [])


async def test_a_ledger_holds_no_token(open_service: Callable[..., Served], tmp_path: Path) -> None:
    """Only its hash: whoever reads the file can't confirm anything."""
    async with open_service().process() as keeper:
        await made(keeper)
        shown = await call(keeper, "retire_companion", companion="Dorothy", action="forget")
    held = [path for path in (tmp_path / "state").rglob("storykeeper*") if shown.confirm.encode() in path.read_bytes()]
    assert held == []


# Forgetting


async def test_nothing_is_left_of_what_is_forgotten(open_service: Callable[..., Served], tmp_path: Path) -> None:
    """Neither at the service nor in any file here, down to the bytes; the receipt and the journal prove it."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        before = told(tmp_path)
        done = await forget(keeper)
        after = told(tmp_path)
        faults = [*keeper.ledger.journal.verify(), *keeper.retirement.receipts.verify()]
        again = await call(keeper, "retire_companion", companion=view.companion, action="forget")
        rows = (await call(keeper, "list_companions")).companions

    assert before
    assert after == []
    assert left(service) == []
    assert rows == []
    assert faults == []
    receipt = done.receipt
    assert receipt
    assert again.receipt == receipt
    ids = {view.agent_id, view.voice_id, *(document.id for document in view.documents)}
    assert {item.id for item in receipt.items} == ids
    assert len(receipt.items) == len(ids)
    assert all((item.status, item.gone) == (200, True) for item in receipt.items)
    assert receipt.items[0].kind == "agent"
    assert receipt.blobs == 3
    assert len(receipt.consents) == 1
    assert b"dorothy" not in receipt.model_dump_json().lower().encode()


async def test_everything_with_the_marker_goes_known_or_not(open_service: Callable[..., Served]) -> None:
    """Second ones that the ledger never heard of, too."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        plan = keeper.ledger.plan(view.plan_id)
        assert plan
        doubles = [wanted.voice(plan), wanted.documents(plan)[0]]
        ids = {(await double.create(keeper.elevenlabs, keeper.ensure.blobs, lambda: None)).id for double in doubles}
        voice = (await keeper.elevenlabs.voices(category="premade")).voices[0].voice_id
        other = await call(keeper, "create_agent", name="Nobody", voice_id=voice, documents=[view.documents[0].id])
        done = await forget(keeper)

    assert left(service) == [other.name]  # which used one of the documents, and isn't the companion's
    assert done.receipt
    assert ids < {item.id for item in done.receipt.items}


async def test_what_others_need_stays(open_service: Callable[..., Served]) -> None:
    """Another companion of the same memories keeps its files, its documents and its voice."""
    service = open_service()
    async with service.process() as keeper:
        await made(keeper)
        other = await made(keeper, wish(subject={"name": "Margaret"}))
        done = await forget(keeper)
        await call(keeper, "get_signed_url", of=other.companion)
        seen = await call(keeper, "get_companion", companion="Margaret", about="Cork")

    assert done.receipt
    assert done.receipt.blobs == 0
    assert len(left(service)) == 4
    assert seen.status == "done"
    assert seen.memories


async def test_what_was_only_planned_is_forgotten_too(open_service: Callable[..., Served], tmp_path: Path) -> None:
    """There is nothing at the service, and afterwards nothing here."""
    async with open_service().process() as keeper:
        await planned(keeper)
        done = await forget(keeper)
        after = told(tmp_path)

    assert done.status == "forgotten"
    assert done.receipt
    assert done.receipt.items == []
    assert after == []


async def test_what_is_forgotten_can_be_made_anew_and_forgotten_anew(open_service: Callable[..., Served]) -> None:
    """As if it had never been; the second receipt is about the second one."""
    service = open_service()
    async with service.process() as keeper:
        first = await made(keeper)
        one = await forget(keeper)
        second = await made(keeper)
        two = await forget(keeper)

    assert second.companion == first.companion
    assert second.voice_id != first.voice_id
    assert one.receipt
    assert two.receipt
    assert one.receipt.receipt_id != two.receipt.receipt_id
    assert second.voice_id in {item.id for item in two.receipt.items}
    assert left(service) == []


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        *(("voice", fault) for fault in FAULTS),
        *((kind, fault) for kind in ("agent", "document") for fault in ("404", "500", "reset-after-commit")),
    ],
)
async def test_whatever_a_delete_is_answered_everything_goes(
    open_service: Callable[..., Served], tmp_path: Path, kind: str, fault: str
) -> None:
    """At once, or when it is said again; never is anything called gone that isn't."""
    service = open_service(f"{DELETES[kind]} {fault} x2", limits=SOON if fault.startswith("slow") else GENEROUS)
    async with service.process() as keeper:
        await made(keeper)
        done, refused = None, 0
        with suppress(StorykeeperError):
            done = await forget(keeper)
        while done is None:
            refused += 1
            assert (await call(keeper, "get_companion", companion="Dorothy")).status == "forgetting"
            assert left(service)
            with suppress(StorykeeperError):
                done = await call(keeper, "retire_companion", companion="Dorothy", action="forget")
        faults = [*keeper.ledger.journal.verify(), *keeper.retirement.receipts.verify()]
        after = told(tmp_path)

    assert refused <= 2
    assert done.status == "forgotten"
    assert left(service) == []
    assert after == []
    assert faults == []


async def test_nothing_is_done_for_what_is_half_forgotten(open_service: Callable[..., Served]) -> None:
    """Neither planned, made, changed, paused nor talked to, until it is gone."""
    service = open_service(f"{DELETES['voice']} 500")
    async with service.process() as keeper:
        view = await made(keeper)
        with pytest.raises(UpstreamError, match="still being deleted: nobody is let in") as waits:
            await forget(keeper)
        assert waits.value.next.startswith("it goes on by itself")
        for name, arguments in {
            "plan_companion": {"spec": wish(wishes="slowly")},
            "provision_companion": {"plan_id": view.plan_id},
            "retire_companion": {"companion": "Dorothy", "action": "pause"},
            "delete_resource": {"id": view.voice_id},
        }.items():
            with pytest.raises((Busy, Conflict)):
                await call(keeper, name, **arguments)
        with pytest.raises(NotFound, match="forgotten"):
            await call(keeper, "get_signed_url", of=view.companion)
        names = left(service)

    assert names == ["Dorothy"]


@pytest.mark.parametrize("create", ["POST /v1/voices/add", "POST /v1/convai/agents/create"])
@pytest.mark.parametrize("fault", ["reset-after-commit", "slow seconds=60", "400-after-commit"])
async def test_what_is_being_made_is_forgotten_with_all_that_was_under_way(
    open_service: Callable[..., Served], tmp_path: Path, create: str, fault: str
) -> None:
    """A request that nobody heard of again may still have made something that no list shows yet: it is waited for."""
    lagging = Switches(list_lag_seconds=0.3)
    service = open_service(f"{create} {fault} x1", limits=SOON if "slow" in fault else GENEROUS, switches=lagging)
    service.patience = replace(QUICK, lag=0.4, settle=0.8)
    async with service.process() as keeper:
        draft = await planned(keeper, wish(memories=[]))  # so that there may be nothing else to wait for
        await call(keeper, "provision_companion", plan_id=draft.plan_id, wait_seconds=0)
        while not (await service.ask("GET", "/faults"))["faults"][0]["fired"]:
            pass
        done = await forget(keeper)
        after = told(tmp_path)

    assert done.status == "forgotten"
    assert left(service) == []
    assert after == []


async def test_who_slept_through_a_forgetting_makes_nothing_more(
    open_service: Callable[..., Served], tmp_path: Path
) -> None:
    """A process that was frozen with its plan in hand is refused before it sends anything."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        plan = keeper.ledger.plan(view.plan_id)
        assert plan
        await forget(keeper)
        with pytest.raises(Conflict, match="forgotten"):
            await keeper.ensure(Direct(), [wanted.voice(plan)])
        after = told(tmp_path)

    assert left(service) == []
    assert after == []


async def test_a_service_that_says_gone_and_isnt_is_not_believed(open_service: Callable[..., Served]) -> None:
    """A delete that is answered with a page is looked at: what is still there isn't in the receipt as gone."""
    service = open_service(f"{DELETES['agent']} redirect")
    async with service.process() as keeper:
        await made(keeper)
        with pytest.raises(StorykeeperError, match="ElevenLabs"):
            await forget(keeper)
        open_receipts = keeper.retirement.receipts.newest(_marker(keeper))

    assert open_receipts is None
    assert len(left(service)) == 4


@pytest.mark.parametrize("how", ["edited", "taken away", "another signature"])
async def test_a_receipt_that_somebody_touched_shows(
    open_service: Callable[..., Served], tmp_path: Path, how: str
) -> None:
    """Its own signature, and its hash in the journal."""
    statements = {
        "edited": "UPDATE receipts SET body = replace(body, '\"gone\":true', '\"gone\":false')",
        "taken away": "DELETE FROM receipts",
        "another signature": "UPDATE receipts SET signature = 'x'",
    }
    service = open_service()
    async with service.process() as keeper:
        await made(keeper)
        await forget(keeper)
    [file] = (tmp_path / "state").rglob("storykeeper.sqlite")
    with sqlite3.connect(file) as db:
        db.execute(statements[how])
    db.close()
    async with service.process() as keeper:
        faults = keeper.retirement.receipts.verify()

    assert len(faults) == 1


async def test_what_never_was_cannot_be_forgotten(open_service: Callable[..., Served]) -> None:
    """And an invented id isn't taken for one that was."""
    async with open_service().process() as keeper:
        with pytest.raises(NotFound):
            await call(keeper, "retire_companion", companion="nobody-1234", action="forget")


# Single things


@pytest.mark.parametrize("kind", KINDS)
async def test_one_thing_is_deleted_and_who_will_miss_it_is_said(
    open_service: Callable[..., Served], kind: str
) -> None:
    """First said, then done, with a receipt that can be had again."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        id = {"agent": view.agent_id, "voice": view.voice_id, "document": view.documents[0].id}[kind]
        shown = await call(keeper, "delete_resource", id=id)
        done = await call(keeper, "delete_resource", id=id, confirm=shown.confirm)
        again = await call(keeper, "delete_resource", id=id)
        faults = [*keeper.ledger.journal.verify(), *keeper.retirement.receipts.verify()]
        with pytest.raises(NeedsConfirm):
            await call(keeper, "delete_resource", id=view.documents[1].id, confirm=shown.confirm)

    assert f"{view.companion} will be without this {kind}, until it is planned again" in str(shown)
    assert done.receipt
    assert [(item.id, item.status, item.gone) for item in done.receipt.items] == [(id, 200, True)]
    assert again.receipt == done.receipt
    assert faults == []
    assert len(left(service)) == 3


async def test_a_newer_thing_outlives_the_deletion_of_the_older(open_service: Callable[..., Served]) -> None:
    """Somebody made it anew while the last look was under way: its row stays."""
    async with open_service().process() as keeper:
        view = await made(keeper)
        old = keeper.ledger.by_remote_id(view.voice_id)
        assert old
        keeper.ledger.lose(old)
        new = keeper.ledger.intend(old.model_copy(update={"state": "intended", "id": "", "nonce": "new"}))
        keeper.ledger.keep_made(new.model_copy(update={"state": "made", "id": "newer"}))
        receipt = keeper.retirement.receipts.open(old.id, old.marker)
        keeper.retirement.erasing.resource(old, receipt.receipt_id, [])
        kept = keeper.ledger.by_remote_id("newer")

    assert kept


async def test_an_orphan_with_a_marker_may_be_deleted_and_nothing_else(open_service: Callable[..., Served]) -> None:
    """A marker is read at the service; what has none isn't ours to delete, whatever somebody says."""
    service = open_service()
    async with service.process() as keeper:
        view = await made(keeper)
        plan = keeper.ledger.plan(view.plan_id)
        assert plan
        orphan = await wanted.voice(plan).create(keeper.elevenlabs, keeper.ensure.blobs, lambda: None)
        strange = await keeper.elevenlabs.add_text("keep-this note", "of somebody else")
        shown = await call(keeper, "delete_resource", id=orphan.id)
        done = await call(keeper, "delete_resource", id=orphan.id, confirm=shown.confirm)
        with pytest.raises(Conflict, match="wasn't made by Storykeeper"):
            await call(keeper, "delete_resource", id=strange.id)
        with pytest.raises(NotFound):
            await call(keeper, "delete_resource", id="A" * 20)
        for id in (view.companion, view.plan_id, "conv_1234"):
            with pytest.raises(WrongKind):
                await call(keeper, "delete_resource", id=id)

    assert done.status == "deleted"
    assert len(left(service)) == 5


async def test_a_server_that_only_reads_deletes_nothing(open_service: Callable[..., Served]) -> None:
    """Neither tool is offered."""
    async with open_service().process() as keeper:
        reading = {tool.name for tool in offered(replace(keeper.settings, read_only=True), keeper.tools)}

    assert not reading & {"retire_companion", "delete_resource"}


@pytest.mark.parametrize("kind", ["voice", "document"])
async def test_what_was_deleted_is_missed_until_it_is_planned_again(
    open_service: Callable[..., Served], kind: str
) -> None:
    """The companion isn't done, says what it lacks, gives nobody a voice that is gone, and is made whole by a plan."""
    async with open_service().process() as keeper:
        view = await made(keeper)
        id = view.voice_id if kind == "voice" else view.documents[0].id
        shown = await call(keeper, "delete_resource", id=id)
        await call(keeper, "delete_resource", id=id, confirm=shown.confirm)
        lacking = await call(keeper, "get_companion", companion="Dorothy")
        assert lacking.status == "planned"
        assert [warning for warning in lacking.warnings if f"the {kind} '" in warning and "was deleted" in warning]
        if kind == "voice":
            with pytest.raises(NotFound, match="voice of that companion was deleted"):
                await call(keeper, "get_signed_url", of=view.companion)
        whole = await made(keeper)
        assert (whole.status, len(whole.documents)) == ("done", len(view.documents))
        assert await call(keeper, "get_signed_url", of=view.companion)
