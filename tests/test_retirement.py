"""Forgetting in processes that are killed, and a pause as a visitor meets it."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from processes import PATIENCE, Place, place

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy" / "companion.yaml"
WORDS = (b"dorothy", b"cork", b"bakery")
DELETES = (
    "DELETE /v1/convai/agents/{agent_id} blackhole-after-commit",
    "DELETE /v1/convai/conversations/{conversation_id} blackhole",
    "DELETE /v1/convai/knowledge-base/{document_id} blackhole-after-commit",
    "DELETE /v1/voices/{voice_id} blackhole",
)


def talk(url: str) -> dict[str, Any]:
    """The first word of the service, when somebody opens a talk; raises ConnectionClosed where it refuses."""
    with connect(url, subprotocols=["convai"]) as socket:  # type: ignore[list-item]  # a plain word is one
        socket.send(json.dumps({"type": "conversation_initiation_client_data"}))
        return json.loads(socket.recv(timeout=PATIENCE))


def confirmed(here: Place, companion: str) -> str:
    """What the first call gives where nobody is at the terminal: exit code 3, and nothing deleted."""
    with here.start("retire", companion, "--forget", "--json") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, err
    return json.loads(out)["confirm"]


def told(home: Path) -> list[tuple[str, bytes]]:
    """Every personal word in any file of the state, by the file's name."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return [(path.name, word) for path in files for word in WORDS if word in path.read_bytes().lower()]


def killed(here: Place, process: subprocess.Popen[str]) -> None:
    here.wait_for_fault(process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    here.http.delete("/_sandbox/faults").raise_for_status()


def test_a_forgetting_that_is_killed_at_every_delete_leaves_nothing(tmp_path: Path) -> None:
    """Whether or not the delete got through; it goes on when it is said again, and nobody has to confirm again."""
    with place(tmp_path) as here:
        made = here.run("provision", str(EXAMPLE), "--yes")
        talk(made["signed_url"])
        confirm = ["--confirm", confirmed(here, made["companion"])]
        for delete in DELETES:
            here.fault(delete)
            with here.start("retire", made["companion"], "--forget", *confirm) as process:
                killed(here, process)
            confirm = []
        between = here.run("list")["companions"]
        after = here.run("retire", made["companion"], "--forget")
        again = here.run("retire", made["companion"], "--forget")
        intact = here.run("verify")
        counts = here.http.get("/_sandbox").json()["counts"]

    assert [row["status"] for row in between] == ["forgetting"]
    assert after["status"] == "forgotten"
    assert again["receipt"] == after["receipt"]
    kinds = [item["kind"] for item in after["receipt"]["items"]]
    assert sorted(kinds) == ["agent", "conversation", "document", "document", "document", "voice"]
    assert all(item["gone"] for item in after["receipt"]["items"])
    assert [counts[what] for what in ("agent", "conversation", "document", "voice")] == [0, 0, 0, 0]
    assert intact == {"intact": True, "faults": []}
    assert told(tmp_path) == []


def test_a_forgetting_that_everybody_left_goes_on_with_the_next_worker(tmp_path: Path) -> None:
    """Nobody says it again; of a run that was under way nothing is left either, at the service or in any file."""
    with place(tmp_path) as here:
        here.fault("POST /v1/voices/add blackhole-after-commit")
        with here.start("provision", str(EXAMPLE), "--yes") as making:
            killed(here, making)
        companion = here.run("list")["companions"][0]["companion"]
        confirm = confirmed(here, companion)
        here.fault(DELETES[-1])
        with here.start("retire", companion, "--forget", "--confirm", confirm) as first:
            killed(here, first)
        with here.start("worker") as worker:
            while here.run("list")["companions"]:
                assert worker.poll() is None, worker.communicate()
            done = here.run("retire", companion, "--forget")
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=PATIENCE)
        made = here.count()

    assert done["status"] == "forgotten"
    assert made == {"voice": 0, "document": 0, "agent": 0}
    assert told(tmp_path) == []


def test_nobody_gets_in_during_a_pause(tmp_path: Path) -> None:
    """Not even with a link that was given out before; afterwards it opens again."""
    with place(tmp_path) as here:
        made = here.run("provision", str(EXAMPLE), "--yes")
        paused = here.run("retire", "Dorothy", "--pause")
        with pytest.raises(ConnectionClosed) as refused:
            talk(made["signed_url"])
        resumed = here.run("retire", "Dorothy", "--resume")
        opened = talk(made["signed_url"])

    assert (paused["status"], resumed["status"]) == ("paused", "resumed")
    assert "limit" in str(refused.value)
    assert opened["type"] == "conversation_initiation_metadata"
