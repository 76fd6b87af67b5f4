"""A `storykeeper` at a terminal of its own, and a person who answers it."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import anyio
import anyio.to_thread

ROOT = Path(__file__).parent.parent


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
