"""The official Inspector's command line, which hosts' developers try a server with, over both ways and in both eras."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

import referees
from listening import bare, listening
from outside import Show, have

pytestmark = pytest.mark.anyio
LONGEST = 180.0
REFUSED = 5
"""How the Inspector exits for a tool that answers with an error."""


@dataclass(frozen=True)
class Run:
    """One start of the Inspector: what it was asked, and what it said."""

    options: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        return json.loads(self.out)["result"]

    def __str__(self) -> str:
        said = [textwrap.shorten(text, 600) for text in (self.out, self.err) if text.strip()]
        return "\n".join([f"$ inspector --cli {' '.join(self.options)}", *said, f"exit code {self.code}"])


ASKED = {
    "list": ("--method", "tools/list", "--strict"),
    "call": ("--method", "tools/call", "--tool-name", "check_quota"),
    "fail": ("--method", "tools/call", "--tool-name", "get_agent", "--tool-arg", "agent_id=agent_unknown"),
    "read": ("--method", "resources/read", "--uri", "storykeeper://embed/html"),
    "prompt": ("--method", "prompts/get", "--prompt-name", "interview", "--prompt-args", "name=Dorothy"),
}


@pytest.fixture(autouse=True)
def _there() -> None:
    have(referees.missing())


@asynccontextmanager
async def over_http(home: Path) -> AsyncIterator[list[str]]:
    """What the Inspector reaches a server with that listens."""
    async with listening(home) as url:
        yield [url, "--transport", "http"]


@asynccontextmanager
async def over_stdio(home: Path) -> AsyncIterator[list[str]]:
    """What the Inspector starts a server with; of the environment it passes on only what it is told."""
    settings = bare(home, PATH="")
    given = [part for name, value in settings.items() for part in ("-e", f"{name}={value}") if value]
    yield [*given, "--", sys.executable, "-m", "storykeeper_server", "mcp"]


async def inspected(target: list[str], options: tuple[str, ...], home: Path) -> Run:
    cut = target.index("--") if "--" in target else len(target)
    command = [*referees.inspector(), "--cli", *target[:cut], *options, *target[cut:]]
    with anyio.fail_after(LONGEST):
        done = await anyio.run_process(command, env=bare(home), cwd=home, check=False)
    return Run(options, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("way", [over_stdio, over_http])
async def test_the_inspector_lists_calls_reads_and_is_refused(
    tmp_path: Path, record_property: Show, way: Any, era: str
) -> None:
    """With `--strict`, which looks for schemas that other models' makers refuse."""
    runs: dict[str, Run] = {}
    async with way(tmp_path) as target:
        for what, options in ASKED.items():
            runs[what] = await inspected(target, ("--protocol-era", era, *options, "--format", "json"), tmp_path)
    record_property("session", "\n\n".join(map(str, runs.values())))

    assert {what: run.code for what, run in runs.items()} == {
        "list": 0,
        "call": 0,
        "fail": REFUSED,
        "read": 0,
        "prompt": 0,
    }
    # Only the newer era has the server's name in each answer; the Inspector makes one of a list's pages.
    named = {what for what, run in runs.items() if "_meta" in run.result}
    assert named == ({*ASKED} - {"list"} if era == "modern" else set())
    assert len(runs["list"].result["tools"]) == 20
    assert runs["call"].result["structuredContent"]["tier"] == "creator"
    code, *parts = runs["fail"].result["content"][0]["text"].split(" · ")
    assert (code, len(parts)) == ("not_found", 3)
    assert "COMPANION_ID" in runs["read"].result["contents"][0]["text"]
    assert "Dorothy" in runs["prompt"].result["messages"][0]["content"]["text"]
