"""The official command line keeps agents as files: what it pulls from the sandbox it can push back."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import clients
from judged import build
from outside import need, ran, rest
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio

Cli = Callable[..., Awaitable[CompletedProcess[bytes]]]

COMPANION = {
    "name": "Dorothy",
    "tags": ["keep-1"],
    "conversation_config": {
        "agent": {"first_message": "Hello, I'm an AI.", "prompt": {"prompt": "You are Dorothy.", "temperature": 0.3}},
        "tts": {"stability": 0.75, "speed": 0.9},
        "turn": {"turn_timeout": 12},
    },
    "platform_settings": {
        "auth": {"enable_auth": True, "allowlist": [{"hostname": "localhost:3000"}]},
        "privacy": {"record_voice": False, "retention_days": 30},
    },
}


@pytest.fixture(autouse=True)
def _there() -> None:
    need("cli")


@pytest.fixture
def cli(sandbox_url: str, tmp_path: Path) -> Cli:
    return cli_of(sandbox_url, tmp_path)


def cli_of(url: str, home: Path, key: str = "sandbox") -> Cli:
    """The command line in a folder of its own, with no way out but the sandbox."""
    nowhere = "http://127.0.0.1:9"
    env = {
        "ELEVENLABS_API_KEY": key,
        "ELEVENLABS_BASE_URL": url,
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1",
    }

    async def run(*arguments: str) -> CompletedProcess[bytes]:
        return await ran([str(clients.CLI), *arguments], home, env=env)

    return run


async def said(running: Awaitable[CompletedProcess[bytes]]) -> str:
    """What a command that succeeds prints, and warns of."""
    done = await running
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode() + done.stderr.decode()


async def made(url: str) -> str:
    async with rest(url) as client:
        return (await client.post("/v1/convai/agents/create", json=COMPANION)).json()["agent_id"]


def pulled(home: Path) -> tuple[Path, dict[str, Any]]:
    [file] = (home / "agent_configs").iterdir()
    return file, json.loads(file.read_text(encoding="utf-8"))


async def test_an_agent_is_listed_and_read(cli: Cli, sandbox_url: str) -> None:
    """What another client made."""
    agent = await made(sandbox_url)

    listed = json.loads((await cli("agents", "list")).stdout)
    read = json.loads((await cli("agents", "get", "--agent-id", agent)).stdout)

    assert [(found["agent_id"], found["name"], found["tags"]) for found in listed["agents"]] == [
        (agent, "Dorothy", ["keep-1"])
    ]
    assert read["conversation_config"]["tts"]["stability"] == 0.75
    assert read["platform_settings"]["auth"]["enable_auth"] is True


async def test_an_agent_pulled_and_pushed_unchanged_stays_as_it_was(cli: Cli, sandbox_url: str, tmp_path: Path) -> None:
    """The command line compares what it sent with what was kept, and finds nothing to warn of."""
    agent = await made(sandbox_url)
    async with rest(sandbox_url) as client:
        before = (await client.get(f"/v1/convai/agents/{agent}")).json()
        await said(cli("agents", "init"))
        await said(cli("agents", "pull", "--all", "--yes"))
        told = await said(cli("agents", "push"))
        after = (await client.get(f"/v1/convai/agents/{agent}")).json()

    assert "not persisted" not in told
    for part in ("name", "tags", "conversation_config", "platform_settings", "workflow"):
        assert after[part] == before[part]
    assert after["version_id"] != before["version_id"]


async def test_a_change_in_the_file_reaches_the_sandbox_and_one_in_the_sandbox_the_file(
    cli: Cli, sandbox_url: str, tmp_path: Path
) -> None:
    """Push, then pull."""
    agent = await made(sandbox_url)
    await said(cli("agents", "init"))
    await said(cli("agents", "pull", "--all", "--yes"))
    file, config = pulled(tmp_path)
    config["conversation_config"]["agent"]["first_message"] = "Hello from a file."
    file.write_text(json.dumps(config), encoding="utf-8")

    await said(cli("agents", "push"))
    async with rest(sandbox_url) as client:
        pushed = (await client.get(f"/v1/convai/agents/{agent}")).json()
        await client.patch(f"/v1/convai/agents/{agent}", json={"conversation_config": {"tts": {"speed": 1.1}}})
    await said(cli("agents", "pull", "--update", "--yes"))

    assert pushed["conversation_config"]["agent"]["first_message"] == "Hello from a file."
    assert pulled(tmp_path)[1]["conversation_config"]["tts"]["speed"] == 1.1


async def test_its_own_template_makes_an_agent_without_the_fields_that_the_contract_lacks(tmp_path: Path) -> None:
    """The template holds two fields that its own OpenAPI file doesn't know: they are ignored, and both sides say so."""
    state = State(None)
    async with serving(build(state)) as url:
        cli = cli_of(url, tmp_path)
        await said(cli("agents", "init"))
        await said(cli("agents", "add", "Dorothy"))
        told = await said(cli("agents", "push"))

    unknown = ["platform_settings.ban", "platform_settings.safety"]
    assert "not persisted" in told
    assert [field for field in unknown if field in told] == unknown
    assert {warning.field for warning in state.warnings} == {f"body.{field}" for field in unknown}


@pytest.mark.parametrize(
    ("key", "agent", "status"), [("wrong", "agent_1", 401), ("sandbox", "agent_1", 404)], ids=["key", "agent"]
)
async def test_a_refusal_is_told_as_the_services(
    sandbox_url: str, tmp_path: Path, key: str, agent: str, status: int
) -> None:
    """With the service's own status, on its way out."""
    done = await cli_of(sandbox_url, tmp_path, key)("agents", "get", "--agent-id", agent)

    assert done.returncode != 0
    assert json.loads(done.stdout or done.stderr)["error"]["code"] == status
