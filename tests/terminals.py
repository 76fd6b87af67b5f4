"""A `storykeeper` at a terminal of its own, and a person who answers it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread

ROOT = Path(__file__).parent.parent
PATIENCE = 120


async def talk(home: Path, arguments: list[str], answers: dict[str, str], **more: str) -> tuple[int, str]:
    """Run a command in the sandbox, answering each question as it comes; its exit code and what was seen."""
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    environ = {**kept, "HOME": str(home), "STORYKEEPER_HOME": str(home / "state"), "TERM": "dumb", **more}
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "storykeeper_server", *arguments, "--sandbox"]
    seen, left = "", dict(answers)
    async with await anyio.open_process(
        command, env=environ, cwd=ROOT, stdin=follower, stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        with anyio.fail_after(120):
            while chunk := await anyio.to_thread.run_sync(read, leader, abandon_on_cancel=True):
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


class Sitting:
    """Somebody at a chat, who reads before they type; at a terminal of their own."""

    def __init__(self, environ: dict[str, str], *arguments: str) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
        self._terminal, follower = pty.openpty()
        command = [sys.executable, "-m", "storykeeper_server", "chat", *arguments]
        self.process = subprocess.Popen(
            command, env={**kept, "TERM": "dumb", **environ}, cwd=ROOT, stdin=follower, stdout=follower, stderr=follower
        )
        os.close(follower)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    async def until(self, *words: str) -> str:
        """All that was seen since the last time, up to any of these words."""
        with anyio.fail_after(PATIENCE):
            while not (found := [word for word in words if word in self.seen]):
                chunk = await anyio.to_thread.run_sync(read, self._terminal, abandon_on_cancel=True)
                assert chunk, f"it ended before {words} were said:\n{self.seen}"
                self.seen += chunk
        first = min(found, key=self.seen.index)
        before, word, self.seen = self.seen.partition(first)
        return before + word

    def type(self, line: str) -> None:
        os.write(self._terminal, f"{line}\n".encode())

    async def say(self, line: str, *then: str) -> str:
        """What is answered, up to the next prompt, or other words."""
        self.type(line)
        return await self.until(*(then or ("you> ", "answer> ")))

    async def carry(self, line: str) -> str:
        """All that is told until it has come to an end: family talks to it, and yes to everything else."""
        told = await self.say(line)
        while told.endswith("answer> "):
            question = told.rpartition("answer> ")[0]
            told += await self.say("family" if "Who will talk" in question.splitlines()[-1] else "yes")
        return told

    async def end(self) -> tuple[int, str]:
        """Its exit code, and the rest of what it said."""
        with anyio.fail_after(PATIENCE):
            while chunk := await anyio.to_thread.run_sync(read, self._terminal, abandon_on_cancel=True):
                self.seen += chunk
            code = await anyio.to_thread.run_sync(self.process.wait)
        os.close(self._terminal)
        return code, self.seen
