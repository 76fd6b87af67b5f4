"""The whole way over HTTP while the service, or the network, does everything wrong that the sandbox can do.

Whatever happens: at most one of each thing, the key stays where it is, and what is said is true and tells how to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

import sounds
from judged import served
from stage import GENEROUS, KEY, Front, Served, call
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.faults.rules import KINDS as SANDBOX_KINDS
from storykeeper_server.sandbox.state import State
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.elevenlabs.client import Limits
from storykeeper_tools.errors import StorykeeperError
from storykeeper_tools.views import CompanionView

pytestmark = pytest.mark.anyio
USER, SUBSCRIPTION, LLMS = "GET /v1/user", "GET /v1/user/subscription", "GET /v1/convai/llm/list"
VOICE, TEXT, AGENT = "POST /v1/voices/add", "POST /v1/convai/knowledge-base/text", "POST /v1/convai/agents/create"
READ_BACK, SIGNED = "GET /v1/convai/agents/{agent_id}", "GET /v1/convai/conversation/get-signed-url"
READS, CREATES = [USER, SUBSCRIPTION, LLMS, READ_BACK], [VOICE, TEXT, AGENT]
LOOK_UPS = {VOICE: "GET /v2/voices", TEXT: "GET /v1/convai/knowledge-base", AGENT: "GET /v1/convai/agents"}

# What is said of a fault that doesn't stop: of a read, and of something made. `done` is no error at all.
KINDS: dict[str, tuple[str, str]] = {
    "401": ("auth_invalid", "auth_invalid"),
    "403": ("missing_permission", "missing_permission"),
    "404": ("not_found", "not_found"),
    "408": ("timed_out", "timed_out"),
    "429 retry-after=date+3600": ("rate_limited", "rate_limited"),
    "429 retry-after=soon body=text": ("rate_limited", "rate_limited"),
    "500 body=html": ("unavailable", "unavailable"),
    "reset": ("unavailable", "unavailable"),
    "reset-mid-body": ("unavailable", "done"),
    "blackhole": ("timed_out", "timed_out"),
    "slow seconds=60": ("timed_out", "done"),
    "redirect": ("unexpected_answer", "unexpected_answer"),
    "html": ("unexpected_answer", "done"),
    "truncated": ("unexpected_answer", "done"),
    "wrong-json": ("unexpected_answer", "done"),
    "wrong-types": ("unexpected_answer", "done"),
    "extra-fields": ("done", "done"),
    "echo-key": ("unavailable", "unavailable"),
    "echo-key status=400": ("bad_input", "bad_input"),
    "400-after-commit": ("bad_input", "bad_input"),
    "408-after-commit": ("timed_out", "done"),
    "409-after-commit": ("conflict", "conflict"),
    "429-after-commit": ("rate_limited", "done"),
    "500-after-commit": ("unavailable", "done"),
    "reset-after-commit": ("unavailable", "done"),
    "blackhole-after-commit": ("timed_out", "done"),
}
LIES = ("400-after-commit", "409-after-commit", "429-after-commit")  # what they made is found when it's asked for again
# One of each sort, for the routes of which one is as good as another.
SORTS = ["401", "408", "500 body=html", "reset", "slow seconds=60", "html", "400-after-commit", "429-after-commit"]
USUAL = Switches()
HOLDING = ("blackhole", "slow")
SOON = Limits(reading=0.3, trying=0.12, writing=0.3, cloning=0.3)
WISH = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": ["dorothy.mp3"], "memories": ["cork.md"]})

Told = CompanionView | StorykeeperError


def limits(kind: str) -> Limits:
    """Short ones where an answer is held back; else such as no busy machine reaches."""
    return SOON if kind.startswith(HOLDING) else GENEROUS


@pytest.fixture
def open_faulty(front: Front, tmp_path: Path) -> Callable[..., Served]:
    """Builds a sandbox with faults. Nobody judges it, since its answers are wrong on purpose."""
    (tmp_path / "cork.md").write_text("# Cork\nBorn in Cork.")
    (tmp_path / "dorothy.mp3").write_bytes(sounds.tape())

    def make(*rules: str, limits: Limits = GENEROUS, switches: Switches = USUAL) -> Served:
        state = State(None)
        front.app = build(state, keys=[KEY], faults=rules, switches=switches)
        return Served(front.url, state, tmp_path, limits=limits)

    return make


async def said(sandbox: Served, wait_seconds: float = 45) -> Told:
    """The same thing said once more, as the next process hears it: a plan, a consent, a companion."""
    try:
        async with sandbox.process() as keeper:
            plan = await call(keeper, "plan_companion", spec=WISH)
            await call(keeper, "record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
            return await call(keeper, "provision_companion", plan_id=plan.plan_id, wait_seconds=wait_seconds)
    except StorykeeperError as error:
        return error


def code(told: Told) -> str:
    return told.code if isinstance(told, StorykeeperError) else told.status


def check(sandbox: Served, told: Told, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing twice, nothing made up, nothing told that is secret, nothing that is left to the user to find out."""
    held = {kind: sandbox.names(kind) for kind in ("voice", "document", "agent")}
    assert all(len(names) <= 1 for names in held.values()), held
    assert KEY not in caplog.text
    assert KEY not in repr(told) + str(told)
    if not isinstance(told, StorykeeperError):
        return
    assert told.code != "internal"
    assert len(str(told)) <= 600
    assert told.what
    assert told.next
    assert "Traceback" not in str(told)


def check_named(sandbox: Served, told: Told) -> None:
    """An error names each thing that there is, as there or as perhaps there."""
    assert isinstance(told, StorykeeperError)
    for name in [*sandbox.names("voice"), *sandbox.names("document"), *sandbox.names("agent")]:
        assert name.removeprefix(f"{name.split(' ')[0]} " if name.startswith("keep-") else "") in told.exists, told


async def check_mended(sandbox: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Without faults the same thing said again ends well, with one of each."""
    await sandbox.ask("DELETE", "/faults")
    told = await said(replace(sandbox, limits=GENEROUS))
    check(sandbox, told, caplog)
    assert code(told) == "done", told
    assert [len(sandbox.names(kind)) for kind in ("voice", "document", "agent")] == [1, 1, 1]


def test_every_kind_of_fault_is_tried() -> None:
    """A new one of the sandbox needs a row here."""
    plain = {kind.split()[0] for kind in KINDS}
    names = {kind for kind in SANDBOX_KINDS if not kind.startswith("400") and kind != "reset-after-open"}
    assert names <= plain
    assert {int(kind) // 100 for kind in plain if kind.isdigit()} == {4, 5}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_strikes_every_request_once_is_got_over(
    open_faulty: Callable[..., Served], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """By itself where repeating is safe, else when the same thing is said again; what was made is made once."""
    caplog.set_level("DEBUG")
    routes = [*READS, *CREATES]
    sandbox = open_faulty(*(f"{route} {kind} x1" for route in routes), limits=limits(kind))
    for _ in range(len(routes) + 1):
        told = await said(sandbox)
        check(sandbox, told, caplog)
        if code(told) == "done":
            break
    assert code(told) == "done", told
    assert [fault["fired"] for fault in (await sandbox.ask("GET", "/faults"))["faults"]] == [1] * len(routes)
    await check_mended(sandbox, caplog)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "-after-commit" not in kind])
async def test_a_read_that_keeps_failing_is_told_and_ends_well_afterwards(
    open_faulty: Callable[..., Served], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """One read after the other: with the right code, in bounded time, saying what exists."""
    caplog.set_level("DEBUG")
    sandbox = open_faulty(limits=limits(kind))
    for route in (READ_BACK, USER, SUBSCRIPTION):  # what is read late comes first, while there is something to do
        await sandbox.ask("DELETE", "/faults")
        await sandbox.ask("POST", "/faults", f"{route} {kind}")
        with anyio.fail_after(60):
            told = await said(sandbox)
        check(sandbox, told, caplog)
        # A key may be good for everything but reading the user.
        tolerated = kind == "403" and route in (USER, SUBSCRIPTION)
        assert code(told) == ("done" if tolerated else KINDS[kind][0]), told
        if isinstance(told, StorykeeperError) and route == READ_BACK:
            check_named(sandbox, told)
    await check_mended(sandbox, caplog)


@pytest.mark.parametrize(
    ("route", "kind"), [*((VOICE, kind) for kind in KINDS), *((r, kind) for r in (TEXT, AGENT) for kind in SORTS)]
)
async def test_making_that_keeps_failing_is_told_and_ends_well_afterwards(
    open_faulty: Callable[..., Served], caplog: pytest.LogCaptureFixture, kind: str, route: str
) -> None:
    """What took effect unheard is found and no failure at all; for the rest the last cause is told, not that it took long."""
    caplog.set_level("DEBUG")
    sandbox = open_faulty(f"{route} {kind}", limits=limits(kind))
    with anyio.fail_after(60):
        told = await said(sandbox)
    check(sandbox, told, caplog)
    assert code(told) == KINDS[kind][1], told
    if isinstance(told, StorykeeperError) and kind not in LIES:
        check_named(sandbox, told)
    await check_mended(sandbox, caplog)


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        *((VOICE, kind) for kind in ("403", "500 body=html", "blackhole", "html")),
        (TEXT, "reset"),
        (AGENT, "wrong-types"),
    ],
)
async def test_what_was_made_unheard_is_found_though_looking_failed_at_first(
    open_faulty: Callable[..., Served], caplog: pytest.LogCaptureFixture, kind: str, route: str
) -> None:
    """It exists, its answer was lost, and nobody can look: it is named as what may exist, and not made again."""
    caplog.set_level("DEBUG")
    sandbox = open_faulty(f"{route} reset-after-commit x1", f"{LOOK_UPS[route]} {kind}", limits=limits(kind))
    told = await said(sandbox)
    check(sandbox, told, caplog)
    check_named(sandbox, told)
    assert code(told) == KINDS[kind][0]
    await check_mended(sandbox, caplog)


async def test_a_credential_comes_whole_or_not_at_all(
    open_faulty: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens to its answer; and it is in no log."""
    caplog.set_level("DEBUG")
    sandbox = open_faulty()
    made = await said(sandbox)
    assert isinstance(made, CompanionView)
    for kind in KINDS:
        await sandbox.ask("DELETE", "/faults")
        await sandbox.ask("POST", "/faults", f"{SIGNED} {kind}")
        sandbox.limits = limits(kind)
        async with sandbox.process() as keeper:
            try:
                told = await call(keeper, "get_signed_url", of=made.companion)
            except StorykeeperError as error:
                told = error
        check(sandbox, told, caplog)
        if isinstance(told, StorykeeperError):
            assert told.code == KINDS[kind][0]
            assert "cvtkn" not in str(told)
        else:
            assert kind == "extra-fields"
            assert told.signed_url.startswith(f"{sandbox.url.replace('http', 'ws')}/v1/convai/conversation?agent_id=")
    assert "cvtkn" not in caplog.text


async def test_a_companion_is_shown_though_nobody_can_look_at_it(
    open_faulty: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    """What this machine knows is told; what it couldn't see is named."""
    sandbox = open_faulty()
    made = await said(sandbox)
    await sandbox.ask("POST", "/faults", "* * 503")
    async with sandbox.process() as keeper:
        view = await call(keeper, "get_companion", companion="Dorothy")
    check(sandbox, view, caplog)
    assert isinstance(made, CompanionView)
    assert (view.status, view.agent_id) == ("done", made.agent_id)
    assert [w for w in view.warnings if w.startswith(f"not looked at: the agent {view.agent_id}; unavailable")]


async def test_a_redirect_takes_the_key_nowhere(
    open_faulty: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    """The other host hears nothing at all."""
    strange = build(State(None), keys=[KEY])
    with served(strange) as elsewhere:
        sandbox = open_faulty(*(f"{route} redirect to={elsewhere}" for route in CREATES))
        told = await said(sandbox)
        await sandbox.ask("POST", "/faults", f"* * redirect to={elsewhere}")
        again = await said(sandbox)
        other = Served(elsewhere, State(None), sandbox.home)
        assert await other.ask("GET", "/requests") == {"requests": [], "count": 0}
    assert [code(told), code(again)] == ["unexpected_answer"] * 2
    check(sandbox, told, caplog)


async def test_fields_that_nobody_knows_change_nothing(open_faulty: Callable[..., Served]) -> None:
    """A companion is made, read back and shown as if they weren't there."""
    sandbox = open_faulty("* * extra-fields")
    made = await said(sandbox)
    async with sandbox.process() as keeper:
        view = await call(keeper, "get_companion", companion="Dorothy")
        changed = await call(keeper, "update_agent", agent_id=view.agent_id, first_message="Hello love!")
    assert code(made) == view.status == "done"
    assert [w for w in view.warnings if "sandbox" not in w and "rehears" not in w] == []
    assert [change.field for change in changed.changes] == ["conversation_config.agent.first_message"]
