"""The mission: a sentence goes in, and a companion comes out that is private, knows its memories, and says what it is.

Everything is real here but ElevenLabs: the command line, the orchestrator, the MCP server over a pipe, HTTP, a
recording of speech; and the official SDK looks at the result.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

import canary

SENTENCE = (
    "Create a companion for my grandmother Dorothy from examples/dorothy. She spoke English and gave me her consent."
)
ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.anyio


@pytest.fixture
def environ(sandbox_url: str, tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    return kept | {
        "ELEVENLABS_API_KEY": canary.KEY,
        "STORYKEEPER_ELEVENLABS_URL": sandbox_url,
        "STORYKEEPER_HOME": str(tmp_path / "home"),
        "STORYKEEPER_FILES": str(ROOT / "examples"),
    }


@pytest.fixture
async def official(sandbox_url: str) -> AsyncIterator[AsyncElevenLabs]:
    """The official SDK, which knows nothing of us."""
    async with httpx.AsyncClient() as http:
        yield AsyncElevenLabs(base_url=sandbox_url, api_key="sandbox", httpx_client=http)


async def storykeeper(*arguments: str, environ: dict[str, str]) -> dict[str, object]:
    """The command, as a person runs it."""
    command = [sys.executable, "-m", "storykeeper_server", *arguments]
    done = await anyio.run_process(command, env=environ, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


async def test_a_sentence_becomes_a_companion(
    environ: dict[str, str], sandbox_url: str, official: AsyncElevenLabs
) -> None:
    """Said once, there is a cloned voice, three documents, and a private agent that tells it is an AI."""
    made = await storykeeper("provision", "--yes", "--json", SENTENCE, environ=environ)
    assert made["status"] == "done"
    assert str(made["signed_url"]).startswith(sandbox_url.replace("http", "ws"))

    agent = await official.conversational_ai.agents.get(str(made["agent_id"]))
    config, settings = agent.conversation_config, agent.platform_settings
    assert config.tts.voice_id == made["voice_id"]
    documents = [{"id": d.id, "name": d.name, "type": d.type} for d in config.agent.prompt.knowledge_base]
    assert documents == made["documents"]
    assert {d["name"].split(" ", 1)[1] for d in documents} == {
        "Childhood in cork",
        "Family and sundays",
        "The bakery years",
    }
    assert settings.auth.enable_auth is True
    assert "I'm an AI companion made from Dorothy's memories" in config.agent.first_message
    voice = await official.voices.get(str(made["voice_id"]))
    assert (voice.name, voice.category) == ("Dorothy", "cloned")


async def test_said_twice_it_is_still_one_dorothy(environ: dict[str, str], official: AsyncElevenLabs) -> None:
    """The same sentence finds the same companion and makes nothing again."""
    first = await storykeeper("provision", "--yes", "--json", SENTENCE, environ=environ)
    again = await storykeeper("provision", "--yes", "--json", SENTENCE, environ=environ)
    assert [first[k] for k in ("companion", "voice_id", "documents", "agent_id")] == [
        again[k] for k in ("companion", "voice_id", "documents", "agent_id")
    ]
    assert len((await official.conversational_ai.agents.list()).agents) == 1
    assert (await official.user.subscription.get()).voice_slots_used == 1


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_assistant_makes_a_companion_over_a_pipe(mode: str, environ: dict[str, str], example: Path) -> None:
    """In both eras of the protocol: plan, consent, provision, link."""
    server = StdioServerParameters(command=sys.executable, args=["-m", "storykeeper_server", "mcp"], env=environ)
    spec = {
        "subject": {"name": "Dorothy", "relation": "grandmother"},
        "recordings": [str(example / "recording.mp3")],
        "memories": [str(example / "memories")],
    }
    steps: list[str] = []

    async def heard(done: float, total: float | None, message: str | None) -> None:
        steps.append(message or "")

    async with Client(stdio_client(server), mode=mode) as client:
        plan = await tool(client)("plan_companion", spec=spec)
        assert [q["code"] for q in plan["questions"]] == ["needs_consent"]
        await tool(client)("record_consent", companion=plan["companion"], kind="self", granted_by="Dorothy")
        made = await client.call_tool("provision_companion", {"plan_id": plan["plan_id"]}, progress_callback=heard)
        assert made.structured_content["status"] == "done"
        assert made.structured_content["agent_id"] in made.content[0].text
        link = await tool(client)("get_signed_url", of=plan["companion"])
        assert link["agent_id"] == made.structured_content["agent_id"]
    assert any("create voice" in step for step in steps)


def tool(client: Client) -> Callable[..., object]:
    async def call(name: str, /, **arguments: object) -> dict[str, object]:
        result = await client.call_tool(name, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    return call
