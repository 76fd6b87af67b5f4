"""Real `storykeeper` processes, with a sandbox that outlives them and a home for their state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

import canary
from judged import build, served
from storykeeper_server.sandbox.state import State

PATIENCE = 120


@dataclass
class Place:
    """A sandbox that outlives whoever uses it, and a home for their state."""

    http: httpx.Client
    home: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        names = ("PATH", "HOME", "PYTHONPATH", "COVERAGE_PROCESS_START")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        url = str(self.http.base_url).rstrip("/")
        return {
            **kept,
            "STORYKEEPER_HOME": str(self.home),
            "STORYKEEPER_ELEVENLABS_URL": url,
            "ELEVENLABS_API_KEY": canary.KEY,
            **self.more,
        }

    def start(self, *arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
        """A `storykeeper` of its own, run by another program if one is put before it."""
        command = [*before, *self.command(*arguments)]
        return subprocess.Popen(
            command, env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "storykeeper_server", *arguments]

    def run(self, *arguments: str) -> Any:
        """What one prints as JSON, when it is done."""
        with self.start(*arguments, "--json") as process:
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
            return json.loads(out)

    def fault(self, rule: str) -> None:
        method, path, kind, *_ = rule.split()
        self.http.post(
            "/_sandbox/faults", json={"method": method, "path": path, "kind": kind, "times": 1}
        ).raise_for_status()

    def wait_for_fault(self, process: subprocess.Popen[Any]) -> None:
        """Until the fault has met a request."""
        while not self.http.get("/_sandbox/faults").json()["faults"][0]["fired"]:
            assert process.poll() is None, process.communicate()

    def count(self) -> dict[str, int]:
        counts = self.http.get("/_sandbox").json()["counts"]
        return {kind: counts[kind] for kind in ("voice", "document", "agent")}


@contextmanager
def place(home: Path, **more: str) -> Iterator[Place]:
    """With more environment variables than these, if asked for."""
    with served(build(State(None))) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
        yield Place(http, home, more)
