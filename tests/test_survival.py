"""Provisioning in processes that are killed: nothing is lost, and nothing is made twice."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from processes import PATIENCE, place

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy" / "companion.yaml"
CREATES = {
    "voice": "POST /v1/voices/add",
    "document": "POST /v1/convai/knowledge-base/text",
    "agent": "POST /v1/convai/agents/create",
}


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


def test_a_file_may_be_edited_while_its_run_is_paused(tmp_path: Path) -> None:
    """What was begun is carried to its end first, and then changed."""
    file = tmp_path / "companion.yaml"
    text = EXAMPLE.read_text().replace("recording.mp3", str(EXAMPLE.parent / "recording.mp3"))
    file.write_text(text.replace("memories]", f"{EXAMPLE.parent / 'memories'}]"))
    with place(tmp_path) as here:
        here.fault(f"{CREATES['agent']} blackhole-after-commit")
        with here.start("provision", str(file), "--yes") as first:
            here.wait_for_fault(first)
            first.send_signal(signal.SIGKILL)
        file.write_text(f"{file.read_text()}voice: {{speed: 1.1}}\n")
        after = here.run("provision", str(file), "--yes")
        made = here.count()
        same = here.run("plan", str(file))

    assert after["status"] == "done"
    assert made == {"voice": 1, "document": 3, "agent": 1}
    assert {step["action"] for step in same["steps"]} == {"keep"}


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


def test_a_run_that_is_killed_while_memories_are_indexed_goes_on_where_it_was(tmp_path: Path) -> None:
    """Each index is asked for once more at most, the agent comes when all of them are there, and there is one of each."""
    (tmp_path / "book.md").write_text("\n\n".join(f"On day {n} Dorothy baked {n + 2} loaves." for n in range(2000)))
    asked = ("--name", "Dorothy", "--audio", str(EXAMPLE.parent / "recording.mp3"), "--consent", "self", "--yes")
    with place(tmp_path) as here:
        here.fault("POST /v1/convai/knowledge-base/rag-index blackhole-after-commit")
        with here.start("provision", *asked, "--memories", str(tmp_path / "book.md")) as first:
            here.wait_for_fault(first)
            first.send_signal(signal.SIGKILL)
        after = here.run("provision", *asked, "--memories", str(tmp_path / "book.md"))
        made = here.count()

    assert after["status"] == "done"
    assert made == {"voice": 1, "document": len(after["documents"]), "agent": 1}
