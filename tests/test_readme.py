"""What the README shows works, and lists what there is."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from storykeeper_server.wiring import wire
from storykeeper_tools.settings import KNOWN, Settings

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
START, END = "<!-- tools: written by the tests, REVIEWED=1 make test -->\n", "<!-- /tools -->"


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert found
    return found[1]


def test_the_table_of_tools_is_the_catalogue(tmp_path: Path) -> None:
    """A row for each kind of effect, and every tool in one of them."""
    effects: dict[str, list[str]] = {}
    for tool in wire(Settings(home=tmp_path)).tools:
        effects.setdefault(tool.effect, []).append(f"`{tool.name}`" + (f" ({tool.spends})" if tool.spends else ""))
    rows = [f"| {effect} | {', '.join(names)} |" for effect, names in effects.items()]
    table = "\n".join(["| effect | tools |", "|---|---|", *rows]) + "\n\n"
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(START)
    shown, after = rest.split(END)
    if os.environ.get("REVIEWED"):
        README.write_text(before + START + table + END + after, encoding="utf-8")
        shown = table
    assert shown == table, "run the tests with REVIEWED=1 and read the difference"


@pytest.mark.anyio
async def test_the_block_for_assistants_starts_a_server(tmp_path: Path) -> None:
    """As a host would read it, with only the folder changed."""
    server = json.loads(block("json"))["mcpServers"]["storykeeper"]
    command = str(Path(sys.executable).parent / server["command"])
    environ = {**server["env"], "STORYKEEPER_FILES": str(tmp_path), "STORYKEEPER_HOME": str(tmp_path / "home")}
    parameters = StdioServerParameters(command=command, args=server["args"], env=environ)
    async with Client(stdio_client(parameters)) as client:
        assert len((await client.list_tools()).tools) == 20


@pytest.mark.anyio
async def test_the_lines_for_adk_run() -> None:
    """In a process of their own."""
    script = block("python") + "\nassert runner.app.name == 'storykeeper_orchestrator'\n"
    done = await anyio.run_process([sys.executable, "-W", "ignore", "-c", script], check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_every_setting_is_documented() -> None:
    """And nothing is that isn't one."""
    text = README.read_text(encoding="utf-8")
    assert set(re.findall(r"STORYKEEPER_[A-Z_]+", text)) == set(KNOWN)


def test_linked_files_exist() -> None:
    """A promise without its test is none."""
    links = re.findall(r"\]\(([^)]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []
