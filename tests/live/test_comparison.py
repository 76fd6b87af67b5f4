"""The comparison itself, with a second sandbox as the service."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from judge import official
from judged import served
from live.budget import OverBudget
from live.comparison import compare, visit
from live.probes import NOT_PROBED, PROBES, alike
from live.run import NoRoom
from live.steps import AGENTS, AI, DOCUMENTS, NOBODY
from live.world import World, opened
from storykeeper_server.sandbox import auth
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.state import State

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("judge")]
KEY = "sk_a_key_that_nobody_may_see"
USUAL = Switches(rag_seconds=0, ping_seconds=0.05)
TURNED: dict[str, Any] = {
    "require_verification": True,
    "library_voice_match": True,
    "list_lag_seconds": 10.0,
    "accept_markdown": False,
    "knowledge_format": "markdown",
    "envelope": "legacy",
    "models_without_key": "needs_authorization",
    "unknown_fields": "refuse",
    "check_voice": False,
    "check_language": False,
    "check_webhook": False,
    "rag_not_ready": "400",
    "patch_appends_lists": True,
    "patch_null_resets": True,
    "patch_replaces_maps": True,
    "unknown_agent_close": 1008,
    "allowlist_close": 1008,
    "placeholders_count": True,
    "top_level_text_only": False,
    "ping_seconds": 1.0,
}
# Without `check_language` this one has no effect.
ALONE = {"v3_in_other_languages": False}


@dataclass
class Side:
    """A sandbox, and a run's view of it."""

    state: State
    world: World

    @property
    def rows(self) -> dict[str, int]:
        """How many things there are."""
        with self.state.rows(auth.workspace(KEY)) as rows:
            return {kind: rows.count(kind) for kind in ("voice", "document", "agent", "conversation")}


async def no_pause() -> None:
    """The clock of these sandboxes needn't go on."""


@asynccontextmanager
async def side(
    switches: Switches = USUAL,
    *,
    real: bool = False,
    pause: Callable[[], Awaitable[None]] = no_pause,
    **options: Any,
) -> AsyncIterator[Side]:
    """A fresh sandbox, within the budget if it is to be the service."""
    state, recording = State(None), Path(__file__).parents[2] / "examples" / "dorothy" / "recording.mp3"
    with served(build(state, keys=[KEY], switches=switches, **options)) as url:
        opening = opened(url, SecretStr(KEY), official() or {}, recording.read_bytes(), pause=pause, real=real)
        async with opening as world:
            yield Side(state, world)


async def test_two_of_a_kind_show_no_difference_and_nothing_is_left() -> None:
    """Every step is done on both sides within the budget, and every probe finds something."""
    async with side() as ours, side(real=True) as theirs:
        report = await compare(ours.world, theirs.world)

    assert report.differences == []
    assert set(theirs.world.outcomes.values()) == {"done"}
    assert {name: both for name, both in report.switches.items() if not alike(name, *both)} == {}
    assert report.left == []
    assert set(ours.rows.values()) == set(theirs.rows.values()) == {0}


@pytest.mark.parametrize("turned", [TURNED, ALONE], ids=["all at once", "alone"])
async def test_every_turned_switch_is_found_out(turned: dict[str, Any]) -> None:
    """No other is blamed; and the report tells neither the key nor any id."""
    async with side() as ours, side(replace(USUAL, **turned), real=True) as theirs:
        report = await compare(ours.world, theirs.world)

    told = "\n".join(report.lines())
    found = {name: there for name, (here, there) in report.switches.items() if not alike(name, here, there)}
    assert {**found, "ping_seconds": 0} == {**turned, "ping_seconds": 0}
    assert ("ping_seconds" in found) == ("ping_seconds" in turned)
    assert [id for world in (ours.world, theirs.world) for id in (KEY, *world.ids.values()) if id in told] == []
    assert set(theirs.rows.values()) == {0}


def test_every_switch_is_probed_or_there_is_a_reason() -> None:
    """A new switch needs a probe, too."""
    names = {field.name for field in fields(Switches)}
    assert PROBES.keys() == TURNED.keys() | ALONE.keys()
    assert PROBES.keys() | NOT_PROBED.keys() == names
    assert PROBES.keys() & NOT_PROBED.keys() == set()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("GET /v1/user extra-fields", "GET /v1/user: only the service has ."),
        ("GET /v1/models wrong-types", "is string in the sandbox, number at the service"),
        ("GET /v1/models 503", "status 200 in the sandbox, 503 at the service"),
        ("GET /v1/convai/llm/list html", "text/html"),
    ],
)
async def test_what_differs_is_named(fault: str, told: str) -> None:
    """Statuses, fields and types."""
    async with side() as ours, side(real=True, faults=[fault]) as theirs:
        report = await compare(ours.world, theirs.world)

    assert [line for line in report.differences if line.startswith(("the account", "models"))] != []
    assert re.search(told, "\n".join(report.differences)), report.differences


@pytest.mark.parametrize(
    "fault",
    [
        "POST /v1/voices/add 500-after-commit",
        "POST /v1/convai/knowledge-base/text reset-after-commit",
        "POST /v1/convai/agents/create html",
        "DELETE * 503 x2",
        "GET /v2/voices 500",
    ],
)
async def test_a_run_that_goes_wrong_leaves_nothing(fault: str) -> None:
    """What was made without an answer is found by its name; a delete is tried again."""
    async with side(real=True, faults=[fault]) as theirs:
        await visit(theirs.world)

    assert theirs.world.left == []
    assert set(theirs.rows.values()) == {0}


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
async def test_an_interrupted_run_leaves_nothing(end: type[BaseException]) -> None:
    """Here while it waits for an index."""
    counted: list[dict[str, int]] = []

    async def interrupt() -> None:
        counted.append(theirs.rows)
        raise end

    async with side(replace(USUAL, rag_seconds=3600), real=True, pause=interrupt) as theirs:
        with pytest.raises(end):
            await visit(theirs.world)

    assert counted == [{"voice": 1, "document": 3, "agent": 0, "conversation": 0}]
    assert set(theirs.rows.values()) == {0}


async def test_what_an_earlier_run_left_is_deleted_and_nothing_else() -> None:
    """By the marker in its name."""
    async with side(real=True) as theirs:
        sdk = theirs.world.sdk
        await sdk(f"{DOCUMENTS}.create_from_text", text="Theirs.", name="The family's own")
        old = await sdk(f"{DOCUMENTS}.create_from_text", text="Old.", name="storykeeper-live-00000000 text")
        theirs.world.budget.made.clear()
        theirs.world.budget.used.clear()
        await visit(theirs.world)
        left = await sdk(f"{AI}.knowledge_base.list")

    assert [document.name for document in left.documents] == ["The family's own"]
    assert old.id not in theirs.world.budget.made


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        (f"{AGENTS}.update", {"agent_id": "theirs", "name": "Mine now"}),
        (f"{AGENTS}.delete", {"agent_id": "theirs"}),
        (f"{DOCUMENTS}.bulk_delete", {"document_ids": ["theirs"]}),
        ("voices.delete", {"voice_id": NOBODY}),
        ("webhooks.create", {"settings": {"auth_type": "hmac", "name": "x", "webhook_url": "https://example.org"}}),
        (f"{AI}.settings.update", {"rag_retention_period_days": 1}),
        ("text_to_speech.convert", {"voice_id": NOBODY, "text": "Hello."}),
    ],
)
async def test_what_the_run_did_not_make_is_not_touched(method: str, arguments: dict[str, Any]) -> None:
    """The request isn't even sent."""
    async with side(real=True) as theirs:
        with pytest.raises(OverBudget):
            await theirs.world.sdk(method, **arguments)

    assert theirs.world.exchanges == {}


async def test_the_budget_is_kept_whatever_a_step_does() -> None:
    """Four documents, and too long a text."""
    async with side(real=True) as theirs:
        for _ in range(3):
            await theirs.world.sdk(f"{DOCUMENTS}.create_from_text", text="Born in Cork.")
        with pytest.raises(OverBudget, match="3 of document"):
            await theirs.world.sdk(f"{DOCUMENTS}.create_from_text", text="Born in Cork.")
        theirs.world.budget.made[NOBODY] = "voice"
        with pytest.raises(OverBudget, match="100 of characters"):
            await theirs.world.sdk("text_to_speech.convert", NOBODY, text="x" * 101)

    assert theirs.rows["document"] == 3


@pytest.mark.parametrize(("plan", "missing"), [("free", "instant voice cloning")])
async def test_without_room_nothing_is_done(plan: str, missing: str) -> None:
    """The account says so before anything is made."""
    async with side(real=True, plan=plan) as theirs:
        with pytest.raises(NoRoom, match=missing):
            await visit(theirs.world)

    assert theirs.world.outcomes == {}


async def test_the_key_goes_to_the_service_or_to_this_machine_only() -> None:
    """Another address is refused before anything is sent."""
    with pytest.raises(ValueError, match="neither the service nor on this machine"):
        async with opened("https://elsewhere.example", SecretStr(KEY), official() or {}, b""):
            pass


def test_without_a_key_it_says_what_it_needs() -> None:
    """And does nothing; in the usual run of the tests it isn't even chosen."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "live", str(Path(__file__).parent)]
    environ = {name: value for name, value in os.environ.items() if name != "ELEVENLABS_API_KEY"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "ELEVENLABS_API_KEY=... make live" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
