"""MCP servers over HTTP, as processes of their own on a loopback port."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

TESTS = Path(__file__).parent
PATIENCE = 120


def bare(home: Path, **more: str) -> dict[str, str]:
    """The environment of a program that has nothing of this machine's settings; its Storykeeper is the sandbox's."""
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    ours = {"HOME": str(home), "STORYKEEPER_HOME": str(home / "state"), "STORYKEEPER_SANDBOX": "1"}
    return {**kept, **ours, "PYTHONPATH": str(TESTS), **more}


@asynccontextmanager
async def listening(home: Path, module: str = "storykeeper_server", **more: str) -> AsyncIterator[str]:
    """`storykeeper mcp` over HTTP, or what another module makes of it; yields its URL. `more` is in its environment."""
    command = [sys.executable, "-m", module, "mcp", "--http", "127.0.0.1:0"]
    with (home / f"{module}.log").open("wb") as log:
        async with await anyio.open_process(command, env=bare(home, **more), stderr=log) as process:
            try:
                yield await _told(process, Path(log.name))
            finally:
                process.terminate()
                with anyio.CancelScope(shield=True):
                    await process.wait()


async def _told(process: Process, log: Path) -> str:
    """The address that it says once it listens."""
    assert process.stdout
    text = ""
    with anyio.fail_after(PATIENCE):
        try:
            while "\n" not in text:
                text += await TextReceiveStream(process.stdout).receive()
        except anyio.EndOfStream:
            raise AssertionError(log.read_text()) from None
    return text.strip()
