"""The orchestrator inside other programs: imported for nothing, built several times, under another agent, as a tool."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from dotenv import dotenv_values
from google.adk.agents import LlmAgent
from google.adk.apps import App, ResumabilityConfig
from google.adk.models import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.plugins import ToolCallIntegrityPlugin
from google.adk.runners import InMemoryRunner, Runner
from google.adk.sessions import InMemorySessionService
from google.adk.tools import AgentTool
from google.genai import types

from adk import AGENT, NAME, ROOT
from conversations import Conversation, environ
from scripted.talk import rows
from storykeeper_orchestrator import build_app
from storykeeper_orchestrator.model import chosen
from storykeeper_orchestrator.requests import PROCEDURES
from storykeeper_tools.settings import KNOWN, read

pytestmark = pytest.mark.anyio
WISH = f"Make a companion of my grandmother Dorothy from {ROOT}/examples/dorothy. She gave me her consent."


class Calling(BaseLlm):
    """A model that makes one call, and then tells what came of it."""

    model: str = "calling"
    call: str
    arguments: dict[str, Any] | None = None

    async def generate_content_async(self, request: LlmRequest, stream: bool = False) -> AsyncIterator[LlmResponse]:
        last = (request.contents[-1].parts or [])[-1]
        if last.function_response:
            part = types.Part(text=f"It says: {last.function_response.response}")
        else:
            arguments = self.arguments or {"request": last.text}
            part = types.Part(function_call=types.FunctionCall(name=self.call, args=arguments))
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def children() -> set[int]:
    """Processes that this one has started and that still live."""
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(id) for id in own.read_text().split()}


async def test_another_program_runs_it_and_nothing_of_it_stays(sandbox_url: str, tmp_path: Path) -> None:
    """With ADK's own runner and a check of stored calls before all else; its tool server ends with it."""
    before = children()
    app = build_app(environ(sandbox_url, tmp_path, ROOT / "examples"))
    app.plugins.insert(0, ToolCallIntegrityPlugin(os.urandom(32)))
    async with InMemoryRunner(app=app) as runner:
        runner.auto_create_session = True
        talk = Conversation(runner)
        await talk.make(WISH, visitors="family", confirm=False)
        assert talk.outcome["error"]["code"] == "needs_confirm"
        assert children() - before
    assert children() == before


async def test_two_of_them_do_not_disturb_each_other(sandbox_url: str, tmp_path: Path) -> None:
    """Nor do two runners of one: whoever ends first closes nothing that the other uses."""
    first, second = (build_app(environ(sandbox_url, tmp_path / name, ROOT / "examples")) for name in ("a", "b"))
    runners = [
        Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True)
        for app in (first, second, second)
    ]
    talks = [Conversation(runner) for runner in runners]
    for talk in talks:
        await talk.say(WISH)
    await runners[0].close()
    await runners[1].close()
    await talks[2].answer("family")
    assert talks[2].pause
    await runners[2].close()
    assert [str(talk.pause.id).partition(" ")[0] for talk in talks if talk.pause] == ["visitors", "visitors", "confirm"]


async def test_runners_of_one_application_come_and_go(sandbox_url: str, tmp_path: Path) -> None:
    """As `adk eval` has them: whoever ends first leaves the tool server to those in the middle of a call."""
    app = build_app(environ(sandbox_url, tmp_path, ROOT / "examples"))
    said: list[str] = []

    async def ask(wish: str) -> None:
        async with Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True) as runner:
            talk = Conversation(runner)
            await talk.say(wish)
            said.append(talk.said[-1])

    before = children()
    async with anyio.create_task_group() as several:
        for wish in ["How much quota is left?", f"Is {ROOT}/examples/dorothy/recording.mp3 good enough?"] * 3:
            several.start_soon(ask, wish)
    assert sorted("creator" in text or "recording.mp3" in text for text in said) == [True] * 6, said
    assert children() == before


@pytest.mark.parametrize("persons", [True, False])
async def test_it_works_under_another_agent(sandbox_url: str, tmp_path: Path, persons: bool) -> None:
    """Which hands the person over; the questions come from here, and the answers go here. What was said with the wish
    is a consent only where that program says that its user is a person."""
    making = Calling(
        call="make_companion",
        arguments={"name": "Dorothy", "recordings": [f"{ROOT}/examples/dorothy"], "relation": "grandmother"},
    )
    ours = build_app(environ(sandbox_url, tmp_path, ROOT / "examples"), model=making)
    handing = Calling(call="transfer_to_agent", arguments={"agent_name": NAME})
    desk = LlmAgent(name="desk", model=handing, sub_agents=[ours.root_agent])
    resuming = ours.resumability_config if persons else ResumabilityConfig(is_resumable=True)
    app = App(name="theirs", root_agent=desk, plugins=ours.plugins, resumability_config=resuming)
    before = children()
    async with Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True) as runner:
        talk = Conversation(runner)
        await talk.make(WISH, visitors="family", **({} if persons else {"consent": "yes"}), confirm=True)
    assert talk.outcome["companion"]["status"] == "done"
    assert children() == before


@pytest.mark.filterwarnings("ignore:The `plugins` argument:DeprecationWarning")  # ADK's own use of it
@pytest.mark.parametrize("plugins", [True, False])
async def test_what_another_model_says_is_no_persons_consent(sandbox_url: str, tmp_path: Path, plugins: bool) -> None:
    """As a tool it hears as its user what the other agent's model made up."""
    wanted = {"name": "Dorothy", "recordings": [f"{ROOT}/examples/dorothy"], "audience": "family"}
    ours = build_app(
        environ(sandbox_url, tmp_path, ROOT / "examples"), model=Calling(call="make_companion", arguments=wanted)
    )
    asking = Calling(call=NAME, arguments={"request": WISH})
    tool = AgentTool(ours.root_agent, include_plugins=plugins)
    app = App(
        name="theirs",
        root_agent=LlmAgent(name="desk", model=asking, tools=[tool]),
        plugins=ours.plugins,
        resumability_config=ours.resumability_config,
    )
    async with Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True) as runner:
        talk = Conversation(runner)
        await talk.say("How is the weather?")
    assert "consent plan_" in talk.said[-1]  # it waits for a question, which nobody can answer there
    assert rows(tmp_path)["consents"] == 0


async def test_as_a_tool_of_another_agent_it_answers(sandbox_url: str, tmp_path: Path) -> None:
    """Questions that need no person."""
    ours = build_app(environ(sandbox_url, tmp_path, ROOT / "examples"))
    tool = AgentTool(ours.root_agent, include_plugins=False)
    app = App(
        name="theirs", root_agent=LlmAgent(name="desk", model=Calling(call=NAME), tools=[tool]), plugins=ours.plugins
    )
    before = children()
    async with Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True) as runner:
        talk = Conversation(runner)
        await talk.say("How much quota is left?")
    assert "creator" in talk.said[-1]
    assert children() == before


def fresh(code: str, **more: str) -> Any:
    """What a new interpreter prints as JSON."""
    kept = {"PATH": os.environ["PATH"], **more}
    told = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(told.stdout.splitlines()[-1])


def test_importing_it_does_nothing() -> None:
    """Neither ADK is loaded nor anything of the server; `app` and `root_agent` are built when they are asked for, once."""
    loaded, same, name = fresh(
        "import sys, json, storykeeper_orchestrator, storykeeper_orchestrator.agent as agent\n"
        "heavy = [m for m in ('google.adk', 'google.genai', 'mcp', 'storykeeper_server', 'numpy') if m in sys.modules]\n"
        "print(json.dumps([heavy, agent.app is agent.app and agent.root_agent is agent.app.root_agent, agent.app.name]))"
    )
    assert (loaded, same, name) == ([], True, AGENT.name)


def test_every_setting_is_in_the_example_and_none_is_set() -> None:
    """Copied as it is, it changes nothing; a line that is taken in is one that can be meant."""
    file = AGENT / ".env.example"
    assert dotenv_values(file) == {}
    lines = [
        line.removeprefix("# ")
        for line in file.read_text().splitlines()
        if line.startswith(("# STORY", "# ELEVEN", "# GOO"))
    ]
    told = dict(line.split("=", 1) for line in lines)
    assert set(told) == {*KNOWN, "ELEVENLABS_API_KEY", "GOOGLE_API_KEY"}
    assert told["ELEVENLABS_API_KEY"] == told["GOOGLE_API_KEY"] == ""
    assert read(told, Path("/h")).warnings == ()
    assert chosen(told) == chosen({})


def test_adk_reads_the_env_beside_the_agent(tmp_path: Path) -> None:
    """What the environment holds already goes first."""
    (tmp_path / NAME).mkdir()
    for file in ("__init__.py", "agent.py"):
        (tmp_path / NAME / file).write_text((AGENT / file).read_text())
    (tmp_path / NAME / ".env").write_text("STORYKEEPER_MODEL_CALLS=3\nSTORYKEEPER_MODEL_TOKENS=4\n")
    read_by_adk = fresh(
        "import json, os\nfrom google.adk.cli.utils.envs import load_dotenv_for_agent\n"
        f"load_dotenv_for_agent({NAME!r}, {str(tmp_path)!r})\n"
        "print(json.dumps([os.environ['STORYKEEPER_MODEL_CALLS'], os.environ['STORYKEEPER_MODEL_TOKENS']]))",
        STORYKEEPER_MODEL_CALLS="5",
    )
    assert read_by_adk == ["5", "4"]


def test_traces_hold_no_words_unless_that_was_decided(tmp_path: Path) -> None:
    """Also in the older schema, where ADK writes them into its spans by itself."""
    code = """
import asyncio, json, os, warnings
warnings.simplefilter("ignore")
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
spans, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
from google.adk.runners import InMemoryRunner
from google.genai import types
from storykeeper_orchestrator import build_app
async def told(**decided):
    spans.clear()
    async with InMemoryRunner(app=build_app({**os.environ, **decided})) as runner:
        runner.auto_create_session = True
        wish = types.UserContent("What does Dorothy know about Cork?")
        async for _ in runner.run_async(user_id="u", session_id="s", new_message=wish):
            pass
    return "Dorothy" in "".join(span.to_json() for span in spans.get_finished_spans())
async def both():
    return await told(), await told(ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS="true")
print(json.dumps(asyncio.run(both())))
"""
    home = {"HOME": str(tmp_path), "STORYKEEPER_HOME": str(tmp_path), "ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN": "1"}
    assert fresh(code, **home) == [False, True]


def test_the_page_for_developers_tells_of_each_procedure() -> None:
    """And of each setting for the language model."""
    told = (ROOT / "docs" / "orchestrator.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", told, re.M)) >= PROCEDURES
    assert [name for name in KNOWN if name.startswith("STORYKEEPER_MODEL") and name not in told] == []
