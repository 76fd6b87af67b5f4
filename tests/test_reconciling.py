"""`storykeeper reconcile` as a program: what it prints, what it asks, and what becomes of it when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import canary
from judged import served
from stage import Front
from storykeeper_server.sandbox import auth
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.state import State

KINDS = ("voice", "document", "agent")
WAIT = 60


@dataclass
class Place:
    """A sandbox that outlives whoever uses it, and a home for their state."""

    url: str
    home: Path
    state: State

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        names = ("PATH", "HOME", "PYTHONPATH", "COVERAGE_PROCESS_START")
        env = {name: os.environ[name] for name in names if name in os.environ}
        env |= {
            "STORYKEEPER_HOME": str(self.home),
            "STORYKEEPER_ELEVENLABS_URL": self.url,
            "ELEVENLABS_API_KEY": canary.KEY,
        }
        command = [sys.executable, "-m", "storykeeper_server", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)

    def run(self, *arguments: str) -> tuple[int, Any]:
        """Its exit code, and what it printed as JSON."""
        with self.start(*arguments, "--json") as process:
            out, err = process.communicate(timeout=WAIT)
            assert out, err
            return process.returncode, json.loads(out)

    def double(self, *kinds: str) -> None:
        """Second ones of what there is, made long ago, as the sandbox keeps them."""
        with self.state.rows(auth.key("sandbox").workspace) as rows:
            for kind in kinds:
                known = rows.all(kind)[0]
                rows.put(kind, f"double_{kind}", {**known, "id": f"double_{kind}", "created": known["created"] - 3600})

    def count(self) -> dict[str, int]:
        with self.state.rows(auth.key("sandbox").workspace) as rows:
            return {kind: len(rows.all(kind)) for kind in KINDS}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    front = Front()
    with served(front) as url:

        def make(*rules: str) -> Place:
            state = State(None)
            front.app = build(state, keys=canary.KEYS, faults=rules)
            return Place(url, tmp_path, state)

        yield make


def test_the_command_reports_and_asks_before_it_deletes(place: Callable[..., Place], example: Path) -> None:
    """0 where all is well, 4 where something is to be done, 3 where nobody said yes."""
    here = place()
    assert here.run("provision", str(example / "companion.yaml"), "--yes")[0] == 0
    assert here.run("reconcile") == (0, {"workspace": "sandbox", "things": 5, "findings": [], "clean": True})

    here.double("voice", "document")
    code, report = here.run("reconcile")
    assert (code, report["clean"], [f["do"] for f in report["findings"]]) == (4, False, ["delete", "delete"])
    code, refused = here.run("reconcile", "--delete")
    assert (code, refused["error"]["code"]) == (3, "needs_confirm")
    assert here.count() == {"voice": 2, "document": 4, "agent": 1}

    code, report = here.run("reconcile", "--delete", "--yes")
    assert (code, report["clean"], [f["done"] for f in report["findings"]]) == (0, True, [True, True])
    assert here.count() == {"voice": 1, "document": 3, "agent": 1}
    assert here.run("verify") == (0, {"intact": True, "faults": []})


@pytest.mark.parametrize("when", ["blackhole", "blackhole-after-commit"])
def test_killed_while_it_deletes_it_goes_on_when_it_is_said_again(
    place: Callable[..., Place], example: Path, when: str
) -> None:
    """Whether or not the delete got through."""
    here = place(f"DELETE /v1/convai/knowledge-base/* {when} x1")
    here.run("provision", str(example / "companion.yaml"), "--yes")
    here.double("agent", "document", "voice")
    with here.start("reconcile", "--delete", "--yes") as process:
        while not httpx.get(f"{here.url}/_sandbox/faults", trust_env=False).json()["faults"][0]["fired"]:
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGKILL)
    assert here.run("reconcile", "--delete", "--yes")[0] == 0
    assert here.run("reconcile")[1]["findings"] == []
    assert here.count() == {"voice": 1, "document": 3, "agent": 1}
    assert here.run("verify")[0] == 0
