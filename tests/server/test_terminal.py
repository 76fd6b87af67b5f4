"""A person at a real terminal is asked for what only a person can say."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parent.parent.parent
FILES = ["--name", "Dorothy", "--audio", str(ROOT / "examples" / "dorothy" / "recording.mp3")]
SENTENCE = "make a companion of my grandmother Dorothy from examples/dorothy"


async def talk(home: Path, arguments: list[str], answers: dict[str, str]) -> tuple[int, str]:
    """Run a command at a terminal of its own, answering each question as it comes; its exit code and what was seen."""
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    environ = {**kept, "HOME": str(home), "STORYKEEPER_HOME": str(home / "state"), "TERM": "dumb"}
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "storykeeper_server", *arguments, "--sandbox"]
    seen, left = "", dict(answers)
    async with await anyio.open_process(
        command, env=environ, cwd=ROOT, stdin=follower, stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        with anyio.fail_after(60):
            while chunk := await anyio.to_thread.run_sync(read, leader):
                seen += chunk
                for question in [q for q in left if q in seen]:
                    os.write(leader, f"{left.pop(question)}\n".encode())
            code = await process.wait()
    os.close(leader)
    assert left == {}, seen
    return code, seen


def read(terminal: int) -> str:
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:  # how Linux says that the other end was closed
        return ""


async def test_consent_and_spending_are_asked_for(tmp_path: Path) -> None:
    """Two questions, two answers, one companion."""
    code, seen = await talk(tmp_path, ["provision", *FILES], {"Has Dorothy agreed": "yes", "Spend 1 voice slot": "y"})
    assert code == 0, seen
    assert "Dorothy's companion is done" in seen


async def test_an_heir_says_who_they_are(tmp_path: Path) -> None:
    """For someone who has died."""
    answers = {"Are you Dorothy's executor or heir": "y", "Your name:": "Ann", "Spend 1 voice slot": "y"}
    code, seen = await talk(tmp_path, ["provision", *FILES, "--deceased"], answers)
    assert code == 0, seen


async def test_a_no_ends_it(tmp_path: Path) -> None:
    """Nothing is made."""
    code, seen = await talk(tmp_path, ["provision", *FILES, "--yes"], {"Has Dorothy agreed": "no"})
    assert code == 3
    assert "needs_consent" in seen


async def test_the_orchestrator_asks_at_the_terminal_too(tmp_path: Path) -> None:
    """In a sentence that doesn't say it all."""
    answers = {"Has Dorothy agreed": "Yes, she agreed.", "Shall I go ahead": "yes"}
    code, seen = await talk(tmp_path, ["provision", SENTENCE], answers)
    assert code == 0, seen
    assert "Dorothy's companion is done" in seen
