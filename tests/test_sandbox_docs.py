"""docs/sandbox.md: its blocks work when pasted one by one, and its tables are what the code says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import clients
import coverage_table
import switch_table
from judge import official
from judged import build, served
from outside import need
from storykeeper_server.grammar import parser
from storykeeper_server.sandbox.state import State

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "sandbox.md"
USUAL = "127.0.0.1:8765"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)


def blocks(*kinds: str) -> list[tuple[str, str]]:
    """The file's blocks of these kinds, in order."""
    return [(kind, text) for kind, text in BLOCK.findall(DOCS.read_text(encoding="utf-8")) if kind in kinds]


def check_part(name: str, written: str) -> None:
    """Whether a generated part is as it would be written now; REVIEWED=1 writes it."""
    start, end = f"<!-- {name}: written by the tests, REVIEWED=1 make test -->\n", f"<!-- /{name} -->"
    before, rest = DOCS.read_text(encoding="utf-8").split(start)
    shown, after = rest.split(end)
    if os.environ.get("REVIEWED"):
        DOCS.write_text(before + start + written + end + after, encoding="utf-8")
        shown = written
    assert shown == written, "run the tests with REVIEWED=1 and read the difference"


@pytest.mark.anyio
@pytest.mark.usefixtures("judge")
async def test_the_table_of_operations_is_what_the_sandbox_serves() -> None:
    """All of the official file, each asked for."""
    check_part("coverage", coverage_table.tables(await coverage_table.ask_all(official() or {})))


def test_the_table_of_switches_is_complete() -> None:
    """Names, defaults and what they mean."""
    table = switch_table.table()
    assert "|  |" not in table
    check_part("switches", table)


@pytest.fixture
def url() -> Iterator[str]:
    """A sandbox to try the blocks on."""
    with served(build(State(None))) as url:
        yield url


@pytest.mark.usefixtures("judge")
def test_every_block_works_when_pasted_after_those_before_it(url: str, tmp_path: Path) -> None:
    """In the order of the file, on one sandbox; what isn't installed here is left out, and nothing is in CI."""
    if not shutil.which("curl"):
        assert not os.environ.get("CI"), "in CI there must be curl"
        pytest.skip("NOT RUN: the blocks of docs/sandbox.md need curl")
    printed: dict[str, str] = {}
    for kind, text in blocks("bash", "python", "js"):
        if kind == "js" or "elevenlabs agents" in text:
            need("node" if kind == "js" else "cli")
        printed[text] = pasted(kind, text.replace(USUAL, urlsplit(url).netloc), tmp_path)

    told = "\n".join(printed.values())
    assert '"tier":"creator"' in told
    assert "I was born in Cork in 1938." in told
    assert "agent: I was born in Cork" in told
    assert "over: user" in told
    assert "succeeded" in told
    assert "}429\n" in told
    assert "wsec_" in told
    assert '"name":"Dorothy"' in told.replace('": "', '":"')


def pasted(kind: str, text: str, home: Path) -> str:
    """What a block prints; it must succeed."""
    tools = home / "bin"
    tools.mkdir(exist_ok=True)
    if clients.CLI.is_file() and not (tools / "elevenlabs").exists():
        (tools / "elevenlabs").symlink_to(clients.CLI)
    commands = {
        "bash": ["bash", "-euo", "pipefail", "-c", text],
        "python": [sys.executable, "-c", text],
        "js": [*clients.node(), "--input-type=module", "-e", text],
    }
    environ = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}
    folder = clients.FOLDER if kind == "js" else ROOT
    done = subprocess.run(
        commands[kind], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    assert '"detail"' not in done.stdout, f"{text}\n{done.stdout}"
    return f"{done.stdout}\n"


def test_the_commands_that_start_it_are_understood() -> None:
    """By the command line itself."""
    commands = [text for _, text in blocks("console")]
    assert len(commands) == 2
    for command in commands:
        words = subprocess.run(
            ["bash", "-c", f"printf '%s\\n' {command.removeprefix('$ storykeeper').strip()}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert parser().parse_args(words).run == "commands.sandbox"
