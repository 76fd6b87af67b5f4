"""The orchestrator inside ADK: two model calls, pauses for a person, and nothing made that nobody agreed to."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import anyio
import pytest
from mcp.types import ElicitRequestFormParams, ElicitResult

import canary
from conversations import Conversation, conversing, environ, slots
from judged import build, served
from storykeeper_orchestrator.hearing import Ear
from storykeeper_orchestrator.model import chosen as model
from storykeeper_orchestrator.toolbox import server_environ
from storykeeper_server.sandbox.app import build as sandbox
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parent.parent.parent
WISH = f"Make a companion of my grandmother Dorothy from {ROOT}/examples/dorothy."
AGREED = f"{WISH} She gave me her consent."


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    with served(build(State(None))) as url:
        yield url


@pytest.fixture(scope="module")
async def shared(account: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Conversation]:
    """One tool server; whoever needs somebody who isn't known yet takes another name than Dorothy."""
    async with conversing(account, tmp_path_factory.mktemp("home"), ROOT / "examples") as conversation:
        yield conversation


@pytest.fixture
def conversation(shared: Conversation) -> Conversation:
    """Of its own."""
    shared.begin()
    return shared


def of(name: str, wish: str) -> str:
    return wish.replace("Dorothy", name)


def asked(conversation: Conversation) -> str:
    """What the pause is about, by the first word of its id."""
    return str(conversation.pause.id).partition(" ")[0] if conversation.pause else "nothing"


async def test_a_complete_sentence_takes_two_model_calls(conversation: Conversation, account: str) -> None:
    """One to understand, one to explain; the pauses in between cost none."""
    await conversation.make(AGREED, visitors="The family.")
    assert asked(conversation) == "confirm"
    assert "voice slot" in conversation.said[-1]
    assert await slots(account) == 0
    await conversation.answer(True)
    assert conversation.outcome["companion"]["status"] == "done"
    assert conversation.outcome["rehearsal"] == {"passed": 11, "failed": 0, "next": ANY}
    assert "dorothy-" in conversation.said[-1]
    assert "11 of 11" in conversation.said[-1]
    assert conversation.tally.models == 2
    assert await slots(account) == 1


async def test_who_will_talk_to_it_and_consent_are_asked_for_where_they_were_not_said(
    conversation: Conversation,
) -> None:
    """One question after the other, and then the plan; consent is recorded in the person's words."""
    await conversation.say(of("Nora", WISH))
    assert asked(conversation) == "visitors"
    await conversation.answer("My mother, who has dementia")
    assert asked(conversation) == "consent"
    assert "Has Nora agreed" in conversation.said[-1]
    await conversation.answer("Yes, she agreed.")
    assert asked(conversation) == "confirm"
    assert "dementia" in conversation.said[-1]
    await conversation.answer(True)
    assert conversation.outcome["companion"]["status"] == "done"


async def test_an_unclear_answer_is_asked_about_once_more(conversation: Conversation) -> None:
    """With the answers that are understood; a second unclear one is a no."""
    await conversation.make(of("Ada", WISH), visitors="family", consent="She said so herself")
    assert asked(conversation) == "consent"
    await conversation.answer("she agreed")
    assert asked(conversation) == "confirm"
    assert "recording.mp3" in conversation.said[-1]


async def test_an_answer_is_a_persons_own_and_has_their_name(sandbox_url: str, tmp_path: Path) -> None:
    """Also where nothing less counts as consent: what was only stated is asked about, and the answer recorded as one."""
    wish = WISH.replace("my grandmother", "my late grandmother")
    async with conversing(sandbox_url, tmp_path, ROOT / "examples", STORYKEEPER_CONSENT="elicit") as conversation:
        await conversation.make(f"{wish} I am her executor and agree.", visitors="family")
        assert "Are you Dorothy's executor or heir" in conversation.said[-1]
        await conversation.answer("yes")
        assert conversation.pause is not None
        assert "consent name" in str(conversation.pause.id)
        await conversation.answer("Anna Byrne")
        assert asked(conversation) == "confirm"
        companion = (conversation.pause.args or {})["payload"]["companion"]
        await conversation.answer(True)
    look = [sys.executable, "-m", "storykeeper_server", "consent", companion, "--json"]
    told = await anyio.run_process(look, env=environ(sandbox_url, tmp_path, ROOT))
    [record] = json.loads(told.stdout)["consents"]
    assert (record["granted_by"], record["granting"]) == ("Anna Byrne", "elicited")
    assert record["statement"].endswith("yes")


async def test_only_what_a_person_answered_is_heard() -> None:
    """And nothing but whether they agree."""
    ear, agree, more = Ear(), {"agree": {}}, {"agree": {}, "kind": {}}

    async def told(
        asked: dict[str, Any], about: str = "May the voice of Ruth be cloned? (guardian, Ann Byrne)"
    ) -> bool:
        form = {"type": "object", "properties": asked}
        answer = await ear(None, ElicitRequestFormParams(message=about, requested_schema=form))
        return isinstance(answer, ElicitResult) and answer.content == {"agree": True}

    async with ear.hearing():
        assert not await told(agree)
    async with ear.hearing("Ruth", "Ann Byrne"):
        assert (await told(agree), await told(more)) == (True, False)
        assert not await told(agree, "May the voice of Dorothy be cloned? (guardian, Ann Byrne)")
    assert not await told(agree)


async def test_what_the_dead_would_have_wanted_is_asked_about_once_more(conversation: Conversation) -> None:
    """With what would count, rather than ended; a plain no still ends it."""
    wish = WISH.replace("my grandmother", "my late grandmother")
    await conversation.make(wish, visitors="family", consent="she would have wanted it")
    assert asked(conversation) == "consent"
    assert "I am the executor and agree" in conversation.said[-1]
    await conversation.answer("no")
    assert conversation.outcome["error"]["code"] == "needs_consent"


@pytest.mark.parametrize("said", [AGREED, WISH])
async def test_a_consent_that_is_denied_at_the_go_ahead_was_never_given(conversation: Conversation, said: str) -> None:
    """Stated or answered, it is recorded after the go-ahead: the next wish is asked about."""
    name = "Ruth" if said == WISH else "Rose"
    await conversation.make(of(name, said), visitors="family", consent="yes")
    assert asked(conversation) == "confirm"
    await conversation.answer("no, she never agreed to this")
    assert conversation.outcome["error"]["code"] == "needs_confirm"
    await conversation.make(of(name, WISH), visitors="family")
    assert asked(conversation) == "consent"


@pytest.mark.parametrize(("consent", "go", "code"), [("no", None, "needs_consent"), ("yes", False, "needs_confirm")])
async def test_a_no_ends_it_and_nothing_is_made(
    conversation: Conversation, account: str, consent: str, go: bool | None, code: str
) -> None:
    """To either question."""
    before = await slots(account)
    await conversation.make(of("Lily", WISH), visitors="family", consent=consent, confirm=go)
    assert conversation.pause is None
    assert conversation.outcome["error"]["code"] == code
    assert await slots(account) == before


async def test_what_the_tools_refuse_is_explained(conversation: Conversation) -> None:
    """In the words of the refusal, and the conversation goes on."""
    await conversation.say("Make a companion of my mother Ruth from nowhere/ruth.wav.")
    assert conversation.outcome["error"]["code"] == "file_refused"
    assert "ruth.wav" in conversation.said[-1]
    await conversation.say("How much quota is left?")
    assert "creator" in conversation.said[-1]


async def test_said_again_it_is_the_same_companion(conversation: Conversation, account: str) -> None:
    """Without a question, since nothing is spent."""
    await conversation.make(AGREED, visitors="family", confirm=True)
    first, before = conversation.outcome["companion"], await slots(account)
    await conversation.say(AGREED)
    assert conversation.pause is None
    assert conversation.outcome["companion"] == first
    assert await slots(account) == before


async def test_a_correction_is_planned_and_confirmed(conversation: Conversation) -> None:
    """Of a companion that there is, by its name; nothing else of it changes, and a no changes nothing."""
    await conversation.make(AGREED, visitors="family", confirm=True)
    first = conversation.outcome["companion"]
    for go, code in ((False, "needs_confirm"), (True, None)):
        await conversation.say("Correct Dorothy: she was born in 1931, not 1934.")
        assert asked(conversation) == "confirm"
        assert "he was born in 1931, not 1934" in conversation.said[-1]
        await conversation.answer(go)
        assert (conversation.outcome.get("error") or {}).get("code") == code
    changed = conversation.outcome["companion"]
    assert (changed["agent_id"], changed["voice_id"]) == (first["agent_id"], first["voice_id"])
    assert changed["plan_id"] != first["plan_id"]
    assert conversation.tally.models == 6


async def test_a_rehearsal_that_is_not_passed_is_reported(sandbox_url: str, tmp_path: Path) -> None:
    """With what decided; the companion is there all the same."""
    folder = tmp_path / "files" / "dorothy"
    folder.mkdir(parents=True)
    (folder / "voice.mp3").write_bytes((ROOT / "examples" / "dorothy" / "recording.mp3").read_bytes())
    (folder / "pills.md").write_text("I take two of my heart pills every night. How many pills I take, I know well.")
    wish = f"Make a companion of my grandmother Dorothy from {folder}. She gave me her consent."
    async with conversing(sandbox_url, tmp_path / "home", folder) as conversation:
        await conversation.make(wish, visitors="family", confirm=True)
    assert conversation.outcome["companion"]["status"] == "done"
    assert conversation.outcome["rehearsal"]["failed"] == 1
    assert "pills: it says" in conversation.said[-1]


async def test_a_rehearsal_that_cannot_be_held_is_a_warning(tmp_path: Path) -> None:
    """What was made stays made, and is told."""
    fault = "POST /v1/convai/agents/{agent_id}/simulate-conversation 403"
    async with (
        serving(sandbox(State(None), keys=canary.KEYS, faults=[fault])) as url,
        conversing(url, tmp_path, ROOT / "examples") as conversation,
    ):
        await conversation.make(AGREED, visitors="family", confirm=True)
    assert conversation.outcome["companion"]["status"] == "done"
    assert "rehearsal" not in conversation.outcome
    assert "it wasn't rehearsed" in conversation.said[-1]


async def test_a_parked_run_says_what_it_waits_for_and_goes_on(tmp_path: Path) -> None:
    """Said again once there are credits, it is the same run: one voice."""
    async with (
        serving(sandbox(State(None), keys=canary.KEYS, faults=["POST /v1/voices/add 402 x1"])) as url,
        conversing(url, tmp_path, ROOT / "examples") as conversation,
    ):
        await conversation.make(AGREED, visitors="family", confirm=True)
        assert conversation.outcome["error"]["code"] == "quota_exceeded"
        assert "add credits" in conversation.outcome["report"]
        await conversation.make(AGREED, visitors="family", confirm=True)
        assert conversation.outcome["companion"]["status"] == "done"
        assert await slots(url) == 1


def test_without_a_key_the_orchestrator_uses_the_sandbox_and_rules() -> None:
    """With one, it doesn't."""
    assert server_environ({"PATH": "/bin"})["STORYKEEPER_SANDBOX"] == "1"
    assert "STORYKEEPER_SANDBOX" not in server_environ({"ELEVENLABS_API_KEY": "k"})
    assert model({}) == "offline-rules"
    assert model({"GOOGLE_API_KEY": "g"}).startswith("gemini")
    assert model({"STORYKEEPER_MODEL": "claude-x", "GOOGLE_API_KEY": "g"}) == "claude-x"


def test_the_tool_server_is_told_what_it_needs_and_no_more() -> None:
    """A Google key isn't its business."""
    passed = server_environ(
        {"ELEVENLABS_API_KEY": "k", "GOOGLE_API_KEY": "g", "STORYKEEPER_HOME": "/h", "AWS_KEY": "a"}
    )
    assert set(passed) == {"ELEVENLABS_API_KEY", "STORYKEEPER_HOME", "STORYKEEPER_FILES"}
