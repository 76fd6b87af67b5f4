"""Commands in this process: what loads the orchestrator is loaded once for many of them."""

from __future__ import annotations

import contextvars
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import google.adk.tools.mcp_tool  # noqa: F401 - it keeps the stderr that there is now, which outlives each test's own
import pytest

from storykeeper_server.cli import main

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one in the embedded sandbox, with what it is told over a pipe and more environment variables."""
    for name in [name for name in os.environ if name.startswith(("STORYKEEPER_", "ELEVENLABS_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STORYKEEPER_HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)

    def run(*arguments: str, lines: tuple[str, ...] = (), **more: str) -> Ended:
        with monkeypatch.context() as patched:
            patched.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
            for name, value in more.items():
                patched.setenv(name, value)
            interrupt = signal.getsignal(signal.SIGINT)
            code = contextvars.copy_context().run(main, [*arguments, "--sandbox"])
            signal.signal(signal.SIGINT, interrupt)
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return Ended(code, told.out, told.err)

    return run
