"""Everything that is unverified about the live service, turned the other way: what somebody who uses our tools sees.

Each switch of the sandbox has a row for each of its other values, so that a new assumption can't go untried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from judge import Judge, JudgedApp
from stage import EXAMPLE, KEY, QUICK, Front, Served, call
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.state import State
from storykeeper_server.sandbox.switches import Switches
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import InternalError, RateLimited, StorykeeperError

pytestmark = pytest.mark.anyio
RECORDING, MEMORIES = str(EXAMPLE / "recording.mp3"), str(EXAMPLE / "memories")
PREMADE = "21m00Tcm4TlvDq8ikWAM"
Play = Callable[[Served], Awaitable[Any]]

# Switches that no tool of ours can meet.
UNSEEN = {
    **dict.fromkeys(
        (
            "unknown_agent_close",
            "allowlist_close",
            "top_level_text_only",
            "placeholders_count",
            "ping_seconds",
            "inactivity_seconds",
            "credits_a_minute",
            "hears",
        ),
        "conversations are held by visitors, with the official clients",
    ),
    "simulation_shows_history": "we simulate no conversations",
}


async def provisioned(sandbox: Served, **more: Any) -> Any:
    """The example, from a plan to a companion."""
    wish = {"subject": {"name": "Dorothy"}, "recordings": [RECORDING], "memories": [MEMORIES]} | more
    async with sandbox.process() as keeper:
        plan = await call(keeper, "plan_companion", spec=Wish.model_validate(wish))
        await call(keeper, "record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
        return await call(keeper, "provision_companion", plan_id=plan.plan_id)


async def provisioned_in_spanish(sandbox: Served) -> Any:
    return await provisioned(sandbox, language="es")


async def provisioned_from_two(sandbox: Served) -> Any:
    """From two recordings."""
    (sandbox.home / "again.mp3").write_bytes(Path(RECORDING).read_bytes() + bytes(1))
    return await provisioned(sandbox, recordings=[RECORDING, "again.mp3"])


async def provisioned_unheard(sandbox: Served) -> Any:
    """Though the answer to everything that is made gets lost once."""
    for route in ("/v1/voices/add", "/v1/convai/knowledge-base/text", "/v1/convai/agents/create"):
        await sandbox.ask("POST", "/faults", f"POST {route} reset-after-commit x1")
    return await provisioned(replace(sandbox, patience=replace(QUICK, lag=1.2, settle=3)))


async def uploaded(sandbox: Served) -> Any:
    """Memories in Markdown, on their own."""
    async with sandbox.process() as keeper:
        return await call(keeper, "upload_knowledge_base", files=[MEMORIES])


async def with_a_strange_voice(sandbox: Served) -> Any:
    async with sandbox.process() as keeper:
        return await call(keeper, "create_agent", name="Dorothy", voice_id="nobody")


async def with_a_new_clone(sandbox: Served) -> Any:
    async with sandbox.process() as keeper:
        await call(keeper, "record_consent", name="Dorothy", recordings=[RECORDING], kind="self", granted_by="Dorothy")
        clone = await call(keeper, "clone_voice", name="Dorothy", recordings=[RECORDING])
        assert clone.blocked
        return await call(keeper, "create_agent", name="Dorothy", voice_id=clone.voice_id)


async def changed(sandbox: Served) -> Any:
    """A name and a greeting, which are no lists, and no nulls."""
    async with sandbox.process() as keeper:
        made = await call(keeper, "create_agent", name="Dorothy", voice_id=PREMADE)
        done = await call(keeper, "update_agent", agent_id=made.agent_id, name="Dot", first_message="Hello love!")
    assert [change.field for change in done.changes] == ["name", "conversation_config.agent.first_message"]
    return done


async def deprived_of_a_document(sandbox: Served) -> Any:
    async with sandbox.process() as keeper:
        documents = [d.id for d in (await call(keeper, "upload_knowledge_base", files=[MEMORIES])).documents]
        made = await call(keeper, "create_agent", name="Dorothy", voice_id=PREMADE, documents=documents)
        return await call(keeper, "update_agent", agent_id=made.agent_id, remove_documents=documents[:1])


async def opened(sandbox: Served) -> Any:
    """A companion, and a URL to talk to it."""
    made = await provisioned(sandbox)
    async with sandbox.process() as keeper:
        return await call(keeper, "get_signed_url", of=made.companion)


async def keyless(sandbox: Served) -> Any:
    async with replace(sandbox, key=None).process() as keeper:
        return await keeper.elevenlabs.models()


async def speaking(sandbox: Served, at_once: int = 1) -> Any:
    """Speech through our link; no tool asks for it, but what it is refused with must be understood all the same."""
    path, text = f"/v1/text-to-speech/{PREMADE}", {"text": "How are you, love? " * 4}
    async with sandbox.process() as keeper:
        speeches = (keeper.elevenlabs.link.exchange("POST", path, json=text) for _ in range(at_once))
        answers = await asyncio.gather(*speeches, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, StorykeeperError)]
    raise next((error for error in refused if isinstance(error, RateLimited)), refused[0])


async def crowding(sandbox: Served) -> Any:
    return await speaking(sandbox, at_once=8)


@dataclass(frozen=True)
class Row:
    """What is turned, and what is then seen: a code, or `done`; some of the words; whether it is so for good."""

    turned: dict[str, Any]
    sees: str = "done"
    says: str = ""
    play: Play = provisioned
    plan: str = "creator"
    key: str = KEY
    for_good: bool = False
    judged: bool = True


UNREADABLE = f"{KEY} scopes=create_instant_voice_clone,voices_read,convai_read,convai_write"
SPENT = f"{KEY} credits=9"
CLONELESS = f"{KEY} scopes=user_read,voices_read,convai_read,convai_write"
# What an account or a key is refused, for the envelopes that say less about it.
REFUSED = [
    Row({}),
    Row({}, key=UNREADABLE),
    Row({}, "missing_permission", "create_instant_voice_clone", key=CLONELESS, for_good=True),
    Row({}, "auth_invalid", "check ELEVENLABS_API_KEY", key="another", for_good=True),
    Row({}, "plan_limit", "plan", plan="free", for_good=True),
    Row({}, "not_found", "nobody", with_a_strange_voice),
    Row({}, "quota_exceeded", "credits", speaking, key=SPENT),
    Row({"credit_refusal": "401"}, "quota_exceeded", "credits", speaking, key=SPENT),
    Row({"concurrency_refusal": "too_many_concurrent_requests"}, "rate_limited", "wait", crowding, "starter"),
]
ROWS = [
    Row({"check_voice": False}),
    Row({"check_voice": False}, "not_found", "A voice with voice_id 'nobody'", with_a_strange_voice),
    Row({"check_language": False}),
    Row({"check_language": False}, play=provisioned_in_spanish),
    Row({"v3_in_other_languages": False}, play=provisioned_in_spanish),
    Row({"require_verification": True}, "voice_needs_verification", "Dorothy (", for_good=True),
    Row({"require_verification": True}, "voice_needs_verification", "verify", with_a_new_clone),
    # The official file doesn't know the field; the official client does.
    Row({"library_voice_match": True}, "voice_needs_verification", "verify the voice", for_good=True, judged=False),
    Row({"min_voice_seconds": 3600.0}, "recording_refused", "one person speaking clearly"),
    Row({"max_voice_files": 1}, "bad_input", "at most 1 files", provisioned_from_two),
    Row({"max_voice_file_bytes": 1000}, "bad_input", "at most 1000 bytes"),
    Row({"max_body_bytes": 1000}, "bad_input", "413"),
    Row({"max_json_bytes": 1000}, "bad_input", "413"),
    *(replace(row, turned={"envelope": envelope} | row.turned) for envelope in ("legacy", "text") for row in REFUSED),
    Row({"credit_refusal": "401"}, "quota_exceeded", "credits", speaking, key=SPENT),
    Row({"retry_after_seconds": 7}, "rate_limited", "wait", crowding, "starter"),
    Row({"unknown_fields": "refuse"}),
    Row({"unknown_fields": "refuse"}, play=changed),
    Row({"models_without_key": "needs_authorization"}, "auth_missing", "set ELEVENLABS_API_KEY", keyless),
    Row({"max_knowledge_bytes": 1000}, "plan_limit", "choose an ElevenLabs plan"),
    Row({"max_knowledge_characters": 1000}, "plan_limit", "choose an ElevenLabs plan"),
    Row({"max_knowledge_bytes": 1000, "knowledge_refusal": 413}, "plan_limit", "413"),
    # The official file keeps 422 for errors of the schema.
    Row({"max_knowledge_bytes": 1000, "knowledge_refusal": 422}, "plan_limit", "422", judged=False),
    Row({"accept_markdown": False}),
    Row({"accept_markdown": False}, play=uploaded),
    Row({"knowledge_format": "markdown"}),
    Row({"rag_seconds": 3600.0}),
    *(Row({"rag_not_ready": how}) for how in ("off", "400")),
    Row({"signed_url_seconds": 60}, play=opened),
    Row({"list_lag_seconds": 0.4}, play=provisioned_unheard),
    Row({"patch_appends_lists": True}, "unexpected_answer", "look at it with get_agent", deprived_of_a_document),
    Row({"patch_appends_lists": True}, play=changed),
    Row({"patch_null_resets": True}, play=changed),
    Row({"patch_replaces_maps": True}, play=changed),
    Row({"check_webhook": False}),
]


@pytest.fixture
def open_turned(front: Front, tmp_path: Path, judge: Judge) -> Callable[[Row], Served]:
    """Builds a judged sandbox with some switches turned."""

    def make(row: Row) -> Served:
        state = State(None)
        sandbox = build(state, keys=[row.key], plan=row.plan, switches=replace(Switches(), **row.turned))
        front.app = JudgedApp(sandbox, judge) if row.judged else sandbox
        return Served(front.url, state, tmp_path)

    return make


def alternatives(name: str) -> Iterator[Any]:
    """The other values of a switch that has only a few."""
    usual, kind = getattr(Switches(), name), get_type_hints(Switches)[name]
    yield from (value for value in get_args(kind) or ([True, False] if kind is bool else []) if value != usual)


def test_every_switch_has_a_row_for_each_of_its_other_values() -> None:
    """Or a reason why nobody who uses our tools can meet it."""
    for name in (field.name for field in fields(Switches)):
        tried = [row.turned[name] for row in ROWS if name in row.turned]
        assert (name in UNSEEN) != bool(tried), f"the switch {name} needs a row here, or a reason why it needs none"
        assert name in UNSEEN or not [value for value in alternatives(name) if value not in tried], name


def named(row: Row) -> str:
    return "-".join(f"{name}={value}" for name, value in row.turned.items()) + f"-{row.play.__name__}-{row.sees}"


@pytest.mark.parametrize("row", ROWS, ids=named)
async def test_whatever_the_service_turns_out_to_do_is_understood(
    open_turned: Callable[[Row], Served], row: Row
) -> None:
    """A result, or an error with its right code, plain words and a next step; and never two of anything."""
    sandbox = open_turned(row)
    told = await seen(sandbox, row)
    check(sandbox, told, row)
    if row.play is provisioned and not row.for_good:
        await sandbox.ask("PATCH", "/switches", asdict(Switches()))
        mended = replace(row, sees="done", says="")
        check(sandbox, await seen(sandbox, mended), mended)


async def seen(sandbox: Served, row: Row) -> Any:
    try:
        return await row.play(sandbox)
    except StorykeeperError as error:
        return error


def check(sandbox: Served, told: Any, row: Row) -> None:
    failed = isinstance(told, StorykeeperError)
    assert (told.code if failed else "done") == row.sees, told
    assert row.says in str(told)
    assert KEY not in str(told) + repr(told)
    assert len(sandbox.names("voice")) <= 1
    assert len(sandbox.names("agent")) <= 1
    assert len({*sandbox.names("document")}) == len(sandbox.names("document")) <= 3
    if failed:
        assert len(str(told)) <= 600
        assert told.next not in ("", InternalError.usual_next)
    elif row.play in (provisioned, provisioned_in_spanish, provisioned_unheard):
        assert told.status == "done"
        assert [len(sandbox.names(kind)) for kind in ("voice", "document", "agent")] == [1, 3, 1]


@pytest.mark.parametrize(("seconds", "after"), [(0, None), (7, 7.0)])
async def test_a_crowded_service_is_waited_for_as_long_as_it_says(
    open_turned: Callable[[Row], Served], seconds: int, after: float | None
) -> None:
    """Where it says so at all."""
    told = await seen(open_turned(Row({"retry_after_seconds": seconds}, plan="starter")), Row({}, play=crowding))
    assert isinstance(told, RateLimited)
    assert told.after == after


async def test_nothing_that_we_send_is_unknown_to_the_service(open_turned: Callable[[Row], Served]) -> None:
    """A misplaced setting would be a silent no-op there."""
    sandbox = open_turned(Row({}))
    await provisioned(sandbox)
    await changed(sandbox)
    assert await sandbox.ask("GET", "/warnings") == {"warnings": []}
