"""Provisioning in processes that are killed: nothing is lost, and nothing is made twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from judged import build, served
from storykeeper_server.sandbox.state import State

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy" / "companion.yaml"
CREATES = {
    "voice": "POST /v1/voices/add",
    "document": "POST /v1/convai/knowledge-base/text",
    "agent": "POST /v1/convai/agents/create",
}
PATIENCE = 60


@dataclass
class Place:
    """A sandbox that outlives whoever uses it, and a home for their state."""

    http: httpx.Client
    home: Path

    @property
    def env(self) -> dict[str, str]:
        names = ("PATH", "HOME", "PYTHONPATH", "COVERAGE_PROCESS_START")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        url = str(self.http.base_url).rstrip("/")
        return {
            **kept,
            "STORYKEEPER_HOME": str(self.home),
            "STORYKEEPER_ELEVENLABS_URL": url,
            "ELEVENLABS_API_KEY": "sandbox",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A `storykeeper` of its own."""
        command = [sys.executable, "-m", "storykeeper_server", *arguments]
        return subprocess.Popen(
            command, env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

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

    def wait_for_fault(self, process: subprocess.Popen[str]) -> None:
        """Until the fault has met a request."""
        while not self.http.get("/_sandbox/faults").json()["faults"][0]["fired"]:
            assert process.poll() is None, process.communicate()

    def count(self) -> dict[str, int]:
        counts = self.http.get("/_sandbox").json()["counts"]
        return {kind: counts[kind] for kind in ("voice", "document", "agent")}


@contextmanager
def place(home: Path) -> Iterator[Place]:
    with served(build(State(None))) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
        yield Place(http, home)


# A request that never got through is only believed lost after a while, so one of these is enough.
@pytest.mark.parametrize(
    ("kind", "when"), [*((kind, "blackhole-after-commit") for kind in CREATES), ("document", "blackhole")]
)
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, kind: str, when: str) -> None:
    """Killed while a request is under way, whether or not it got through; said again, it ends with one of each."""
    with place(tmp_path) as here:
        here.fault(f"{CREATES[kind]} {when}")
        with here.start("provision", str(EXAMPLE), "--yes") as first:
            here.wait_for_fault(first)
            first.send_signal(signal.SIGKILL)
        between = here.run("list")["companions"]
        after = here.run("provision", str(EXAMPLE), "--yes")
        made = here.count()

    assert [row["status"] for row in between] == ["waiting_for_worker"]
    assert after["status"] == "done"
    assert made == {"voice": 1, "document": 3, "agent": 1}


def test_a_worker_carries_on_what_others_left(tmp_path: Path) -> None:
    """Nobody says it again; told to go, the worker goes, and the journal is as it was written."""
    with place(tmp_path) as here:
        here.fault(f"{CREATES['agent']} blackhole-after-commit")
        with here.start("provision", str(EXAMPLE), "--yes") as first:
            here.wait_for_fault(first)
            first.send_signal(signal.SIGKILL)
        with here.start("worker") as worker:
            while here.run("list")["companions"][0]["status"] != "done":
                assert worker.poll() is None, worker.communicate()
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=PATIENCE)
        intact = here.run("verify")
        made = here.count()

    assert worker.returncode == 0
    assert intact == {"intact": True, "faults": []}
    assert made == {"voice": 1, "document": 3, "agent": 1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_told_to_go_goes_with_its_run_written_down(tmp_path: Path, number: int) -> None:
    """In the middle of a clone; the next process finishes it, and there is one voice."""
    with place(tmp_path) as here:
        here.fault(f"{CREATES['voice']} blackhole-after-commit")
        plan = here.run("plan", str(EXAMPLE))
        with here.start("mcp") as server:
            _ask(
                server,
                1,
                "initialize",
                protocolVersion="2025-11-25",
                capabilities={},
                clientInfo={"name": "t", "version": "1"},
            )
            _tool(server, 2, "record_consent", companion=plan["companion"], kind="self", granted_by="Dorothy")
            _send(server, 3, "tools/call", name="provision_companion", arguments={"plan_id": plan["plan_id"]})
            here.wait_for_fault(server)
            server.send_signal(number)
            server.communicate(timeout=PATIENCE)
        after = here.run("provision", str(EXAMPLE), "--yes")
        made = here.count()

    assert after["status"] == "done"
    assert made == {"voice": 1, "document": 3, "agent": 1}


def _send(server: subprocess.Popen[str], id: int, method: str, **params: Any) -> None:
    assert server.stdin
    server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}) + "\n")
    server.stdin.flush()


def _ask(server: subprocess.Popen[str], id: int, method: str, **params: Any) -> Any:
    _send(server, id, method, **params)
    assert server.stdout
    while (answer := json.loads(server.stdout.readline())).get("id") != id:
        pass
    assert "error" not in answer, answer
    return answer["result"]


def _tool(server: subprocess.Popen[str], id: int, name: str, **arguments: Any) -> Any:
    return _ask(server, id, "tools/call", name=name, arguments=arguments)
