"""The orchestrator inside ADK: two model calls, pauses for a person, and nothing made that nobody agreed to."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import anyio
import httpx
import pytest
from google.adk.apps import App
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types
from mcp.types import ElicitRequestFormParams, ElicitResult

from storykeeper_orchestrator.agent import build
from storykeeper_orchestrator.hearing import Ear
from storykeeper_orchestrator.toolbox import model, server_environ
from storykeeper_server.sandbox.app import build as sandbox
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parent.parent.parent
WISH = f"Make a companion of my grandmother Dorothy from {ROOT}/examples/dorothy."
VOICES = "/v1/voices/add"


class Tally(BasePlugin):
    """Counts what a conversation costs."""

    def __init__(self) -> None:
        super().__init__(name="tally")
        self.models = 0
        self.tools: list[str] = []

    async def before_model_callback(self, **_: Any) -> None:
        self.models += 1

    async def before_tool_callback(self, *, tool: Any, **_: Any) -> None:
        self.tools.append(tool.name)


class Conversation:
    """A person, the orchestrator, and its tool server in a process of its own."""

    def __init__(self, runner: Runner, tally: Tally) -> None:
        self.runner = runner
        self.tally = tally
        self.said: list[str] = []
        self.pause: types.FunctionCall | None = None
        self.outcome: dict[str, Any] = {}

    async def say(self, text: str) -> None:
        await self._turn(types.UserContent(text))

    async def answer(self, value: object) -> None:
        """An answer to the pause, as a web client sends it."""
        assert self.pause is not None
        response = types.FunctionResponse(id=self.pause.id, name=self.pause.name, response={"result": value})
        await self._turn(types.Content(role="user", parts=[types.Part(function_response=response)]))

    async def _turn(self, message: types.Content) -> None:
        self.pause = None
        async for event in self.runner.run_async(user_id="me", session_id="s", new_message=message):
            for part in (event.content.parts if event.content else None) or []:
                call = part.function_call
                if call and call.id in (event.long_running_tool_ids or set()):
                    self.pause = call
                if part.text:
                    self.said.append(part.text)
                if part.function_response and part.function_response.name == "make_companion":
                    self.outcome = part.function_response.response or {}


@asynccontextmanager
async def conversing(url: str, home: Path, files: Path, **more: str) -> AsyncIterator[Conversation]:
    """With a sandbox, with what a person has in `files`, and with `more` settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = {
        **kept,
        "ELEVENLABS_API_KEY": "sandbox",
        "STORYKEEPER_ELEVENLABS_URL": url,
        "STORYKEEPER_HOME": str(home),
        "STORYKEEPER_FILES": str(files),
        **more,
    }
    tally = Tally()
    app: App = build(environ)
    app.plugins.append(tally)
    async with Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True) as runner:
        yield Conversation(runner, tally)


@pytest.fixture
async def conversation(sandbox_url: str, tmp_path: Path) -> AsyncIterator[Conversation]:
    async with conversing(sandbox_url, tmp_path, ROOT / "examples") as conversation:
        yield conversation


async def slots(url: str) -> int:
    """Voice slots in use."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{url}/v1/user/subscription", headers={"xi-api-key": "sandbox"})
    return answer.json()["voice_slots_used"]


async def test_a_complete_sentence_takes_two_model_calls(conversation: Conversation, sandbox_url: str) -> None:
    """One to understand, one to explain; the pause for the go-ahead in between costs none."""
    await conversation.say(f"{WISH} She gave me her consent.")
    assert conversation.pause is not None
    assert "takes one voice slot" in conversation.said[-1]
    assert await slots(sandbox_url) == 0
    await conversation.answer(True)
    assert conversation.outcome["companion"]["status"] == "done"
    assert conversation.outcome["rehearsal"] == {"passed": 11, "failed": 0, "faults": [], "next": ANY}
    assert "dorothy-" in conversation.said[-1]
    assert "11 of 11 answers passed" in conversation.said[-1]
    assert conversation.tally.models == 2
    assert await slots(sandbox_url) == 1


async def test_consent_that_was_not_said_is_asked_for(conversation: Conversation, sandbox_url: str) -> None:
    """And recorded in the person's words."""
    await conversation.say(WISH)
    assert "Has Dorothy agreed" in conversation.said[-1]
    await conversation.answer("Yes, she agreed.")
    assert "Shall I go ahead" in conversation.said[-1]
    await conversation.answer(True)
    assert conversation.outcome["companion"]["status"] == "done"


async def test_an_unclear_answer_is_asked_about_once_more(conversation: Conversation, sandbox_url: str) -> None:
    """With the answers that are understood; a second unclear one is a no."""
    await conversation.say(WISH)
    await conversation.answer("She said so herself")
    assert "Please answer with" in conversation.said[-1]
    await conversation.answer("she agreed")
    assert "Shall I go ahead" in conversation.said[-1]
    assert "recording.mp3" in conversation.said[-1]


async def test_an_answer_is_a_persons_own_and_has_their_name(sandbox_url: str, tmp_path: Path) -> None:
    """Also where nothing less counts as consent: what was only stated is asked about, and the answer recorded as one."""
    async with conversing(sandbox_url, tmp_path, ROOT / "examples", STORYKEEPER_CONSENT="elicit") as conversation:
        wish = WISH.replace("my grandmother", "my late grandmother")
        await conversation.say(f"{wish} I am her executor and agree.")
        assert "Are you Dorothy's executor or heir" in conversation.said[-1]
        await conversation.answer("yes")
        assert "What is your name?" in conversation.said[-1]
        await conversation.answer("Anna Byrne")
        assert "Shall I go ahead" in conversation.said[-1]
        companion = conversation.said[-1].partition("Plan for ")[2].partition(":")[0]
    settings = {"STORYKEEPER_HOME": str(tmp_path), "STORYKEEPER_ELEVENLABS_URL": sandbox_url}
    look = [sys.executable, "-m", "storykeeper_server", "consent", companion, "--json"]
    told = await anyio.run_process(look, env={**environ(tmp_path), **settings, "ELEVENLABS_API_KEY": "sandbox"})
    [record] = json.loads(told.stdout)["consents"]
    assert (record["granted_by"], record["granting"]) == ("Anna Byrne", "elicited")
    assert record["statement"].endswith("Answered: yes")


async def test_only_what_a_person_answered_is_heard() -> None:
    """And nothing but whether they agree."""
    ear, agree, more = Ear(), {"agree": {}}, {"agree": {}, "kind": {}}

    async def told(asked: dict[str, Any]) -> bool:
        form = {"type": "object", "properties": asked}
        answer = await ear(None, ElicitRequestFormParams(message="May it be cloned?", requested_schema=form))
        return isinstance(answer, ElicitResult) and answer.content == {"agree": True}

    async with ear.hearing(answered=False):
        assert not await told(agree)
    async with ear.hearing(answered=True):
        assert (await told(agree), await told(more)) == (True, False)
    assert not await told(agree)


@pytest.mark.parametrize(("consent", "go", "code"), [("no", None, "needs_consent"), ("yes", False, "needs_confirm")])
async def test_a_no_ends_it_and_nothing_is_made(
    conversation: Conversation, sandbox_url: str, consent: str, go: bool | None, code: str
) -> None:
    """To either question."""
    await conversation.say(WISH)
    await conversation.answer(consent)
    if go is not None:
        await conversation.answer(go)
    assert conversation.outcome["error"]["code"] == code
    assert f"({code})" in conversation.said[-1]
    assert await slots(sandbox_url) == 0


async def test_what_the_tools_refuse_is_explained(conversation: Conversation) -> None:
    """In the words of the refusal, and the conversation goes on."""
    await conversation.say("Make a companion of my mother Ruth from nowhere/ruth.wav.")
    assert conversation.outcome["error"]["code"] == "file_refused"
    assert "ruth.wav" in conversation.said[-1]
    await conversation.say("How much quota is left?")
    assert "creator" in conversation.said[-1]


async def test_said_again_it_is_the_same_companion(conversation: Conversation, sandbox_url: str) -> None:
    """Without a question, since nothing is spent."""
    await conversation.say(f"{WISH} She gave me her consent.")
    await conversation.answer(True)
    first = conversation.outcome["companion"]
    await conversation.say(f"{WISH} She gave me her consent.")
    assert conversation.pause is None
    assert conversation.outcome["companion"]["agent_id"] == first["agent_id"]
    assert await slots(sandbox_url) == 1


async def test_a_correction_is_planned_and_confirmed(conversation: Conversation) -> None:
    """Of a companion that there is, by its name; nothing else of it changes, and a no changes nothing."""
    await conversation.say(f"{WISH} She gave me her consent.")
    await conversation.answer(True)
    first = conversation.outcome["companion"]
    for go, code in ((False, "needs_confirm"), (True, None)):
        await conversation.say("Correct Dorothy: she was born in 1931, not 1934.")
        assert "She was born in 1931, not 1934." in conversation.said[-1]
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
        await conversation.say(wish)
        await conversation.answer(True)
    assert conversation.outcome["companion"]["status"] == "done"
    assert conversation.outcome["rehearsal"]["failed"] == 1
    assert "Not passed: pills: it says" in conversation.said[-1]


async def test_a_rehearsal_that_cannot_be_held_is_a_warning(tmp_path: Path) -> None:
    """What was made stays made, and is told."""
    fault = "POST /v1/convai/agents/{agent_id}/simulate-conversation 403"
    async with (
        serving(sandbox(State(None), faults=[fault])) as url,
        conversing(url, tmp_path, ROOT / "examples") as conversation,
    ):
        await conversation.say(f"{WISH} She gave me her consent.")
        await conversation.answer(True)
    assert conversation.outcome["companion"]["status"] == "done"
    assert "rehearsal" not in conversation.outcome
    assert "it wasn't rehearsed" in conversation.said[-1]


def adk(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "google.adk.cli", *arguments]


def environ(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "STORYKEEPER_HOME": str(home / "state")}


async def test_adk_run_works_from_a_clean_clone_without_a_key(tmp_path: Path) -> None:
    """It pauses with its question printed, is answered, and says that nothing of it is real."""
    sentence = "make a companion of my grandmother Dorothy from examples/dorothy. She gave me her consent."
    run = ["run", "--session_service_uri", f"sqlite:///{tmp_path}/session.db", "--session_id", "s1"]
    command = adk(*run, str(ROOT / "agents" / "storykeeper_orchestrator"))
    asked = await anyio.run_process([*command, sentence], env=environ(tmp_path), cwd=ROOT, check=False)
    assert b"Shall I go ahead?" in asked.stdout, asked.stderr.decode()
    done = await anyio.run_process([*command, "yes"], env=environ(tmp_path), cwd=ROOT, check=False)
    assert b"is done: voice" in done.stdout, done.stderr.decode()
    assert b"this is the sandbox: nothing here is real" in done.stdout


async def test_adk_web_lists_the_app(tmp_path: Path, free_tcp_port: int) -> None:
    """As the developer page asks for it."""
    command = adk("web", "--port", str(free_tcp_port), "--session_service_uri", "memory://", str(ROOT / "agents"))
    async with await anyio.open_process(command, env=environ(tmp_path), cwd=tmp_path) as process:
        try:
            with anyio.fail_after(60):
                assert "storykeeper_orchestrator" in await listed(f"http://127.0.0.1:{free_tcp_port}/list-apps")
        finally:
            process.terminate()
            await process.wait()


async def listed(url: str) -> list[str]:
    async with httpx.AsyncClient() as http:
        while True:
            try:
                return json.loads((await http.get(url)).content)
            except httpx.TransportError:
                await anyio.lowlevel.checkpoint()


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
