"""`storykeeper apply`: many companions from their files, as real processes against a sandbox over HTTP."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

import canary
import sounds
from judged import build, served
from storykeeper_server.sandbox.state import State

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "dorothy"
PATIENCE = 120
CLONE, AGENT = "/v1/voices/add", "/v1/convai/agents/create"


@dataclass
class Place:
    """A sandbox that outlives whoever uses it, and a folder of companions with a home beside it."""

    http: httpx.Client
    root: Path

    def companion(self, n: int, more: str = "", consent: bool = True) -> Path:
        """The file of one, with a recording and memories of its own."""
        folder = self.root / "family" / f"person-{n}"
        folder.mkdir(parents=True)
        (folder / "voice.wav").write_bytes(sounds.titled(f"Person {n}"))
        (folder / "notes.md").write_text(f"I was born in 19{n:02}.")
        text = f"subject:\n  name: Person {n}\nrecordings: [voice.wav]\nmemories: [notes.md]\n{more}"
        text += f"consent: {{kind: self, granted_by: Person {n}}}\n" if consent else ""
        (folder / "companion.yaml").write_text(text)
        return folder / "companion.yaml"

    @property
    def env(self) -> dict[str, str]:
        names = ("PATH", "HOME", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        url = str(self.http.base_url).rstrip("/")
        ours = {"STORYKEEPER_HOME": str(self.root / "home"), "STORYKEEPER_ELEVENLABS_URL": url}
        return {**kept, **ours, "ELEVENLABS_API_KEY": canary.KEY}

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "storykeeper_server", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.root, env={**self.env, **more}, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        )  # fmt: skip

    def apply(self, *arguments: str, **more: str) -> tuple[int, list[dict[str, Any]], str]:
        """What `apply --json` of all companions ends with: its exit code, its events, and what it told people."""
        with self.start("apply", "family", "--json", *arguments, **more) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, [json.loads(line) for line in out.splitlines()], err

    def fault(self, path: str, kind: str) -> None:
        rule = {"method": "POST", "path": path, "kind": kind, "times": 1}
        self.http.delete("/_sandbox/faults").raise_for_status()
        self.http.post("/_sandbox/faults", json=rule).raise_for_status()

    def wait_for_fault(self, process: subprocess.Popen[str]) -> None:
        while not self.http.get("/_sandbox/faults").json()["faults"][0]["fired"]:
            assert process.poll() is None, process.communicate()

    def count(self) -> dict[str, int]:
        counts = self.http.get("/_sandbox").json()["counts"]
        return {kind: counts[kind] for kind in ("voice", "document", "agent")}

    def requests(self) -> list[dict[str, Any]]:
        return self.http.get("/_sandbox/requests").json()["requests"]


@contextmanager
def place(root: Path, plan: str = "creator") -> Iterator[Place]:
    with served(build(State(None), plan=plan)) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
        yield Place(http, root)


def of_each(n: int) -> dict[str, int]:
    return {"voice": n, "document": n, "agent": n}


def test_many_are_made_together_and_made_again_nothing_is_written(tmp_path: Path) -> None:
    """Each tells of itself from the plan to the end; the second time all is as it should be already."""
    with place(tmp_path) as here:
        files = [str(here.companion(n).relative_to(tmp_path)) for n in range(5)]
        code, events, err = here.apply("--yes")
        made = here.count()
        here.http.delete("/_sandbox/requests")
        again, later, _ = here.apply()
        written = [entry for entry in here.requests() if entry["method"] != "GET"]

    assert (code, made) == (0, of_each(5)), err
    for file in files:
        told = [event["event"] for event in events if event.get("file") == file]
        assert list(dict.fromkeys(told)) == ["planned", "started", "progress", "done"]
    assert (events[-1]["event"], events[-1]["exit_code"], events[-1]["counts"]) == ("summary", 0, {"done": 5})
    assert "Spend 5 voice slots and 5 of this month's voice changes? yes (--yes)" in err
    assert (again, written) == (0, [])
    assert Counter(event["event"] for event in later) == {"planned": 5, "done": 5, "summary": 1}
    assert all(event["unchanged"] for event in later if event["event"] == "done")


def test_interrupted_twice_it_ends_with_one_of_each(tmp_path: Path) -> None:
    """By Ctrl-C, which says what becomes of the rest, and by a kill; each in the middle of a request."""
    with place(tmp_path) as here:
        for n in range(3):
            here.companion(n)
        here.fault(CLONE, "blackhole-after-commit")
        with here.start("apply", "family", "--yes") as first:
            here.wait_for_fault(first)
            first.send_signal(signal.SIGINT)
            _, told = first.communicate(timeout=PATIENCE)
        here.fault(AGENT, "blackhole-after-commit")
        with here.start("apply", "family", "--yes") as second:
            here.wait_for_fault(second)
            second.send_signal(signal.SIGKILL)
        code, events, err = here.apply("--yes")
        made = here.count()
        creates = Counter(e["path"] for e in here.requests() if e["method"] == "POST" and e["path"] in {CLONE, AGENT})

    assert first.returncode == 130, told
    assert "paused, since no Storykeeper of this workspace is open" in told
    assert "apply again to go on, or start `storykeeper worker`" in told
    assert "Traceback" not in told
    assert (code, made) == (0, of_each(3)), err
    assert events[-1]["counts"] == {"done": 3}
    assert creates == {CLONE: 3, AGENT: 3}


def test_one_that_is_parked_does_not_stop_the_others(tmp_path: Path) -> None:
    """Two voice slots for three companions: that is said before anything is spent, and the third waits."""
    with place(tmp_path, plan="starter") as here:
        for n in range(3):
            here.companion(n)
        recording = (EXAMPLE / "recording.mp3").read_bytes()
        for n in range(8):
            sent = here.http.post(
                CLONE, data={"name": f"V{n}"}, files={"files": recording}, headers={"xi-api-key": "sandbox"}
            )
            sent.raise_for_status()
        code, events, err = here.apply("--yes")

    assert code == 5, err
    assert "Of the 3 voice slots that this needs, 2 are free: 1 companion will be parked until there are more." in err
    assert events[-1]["counts"] == {"done": 2, "parked": 1}
    [parked] = [event for event in events if event["event"] == "parked"]
    assert (parked["reason"], parked["again_at"], parked["error"]["code"]) == ("slots", None, "voice_slots_full")


def test_one_without_consent_blocks_only_itself(tmp_path: Path) -> None:
    """Exit code 3, and how to go on; nobody is asked in a batch, and --yes never stands for consent."""
    with place(tmp_path) as here:
        here.companion(1)
        here.companion(2, consent=False)
        code, events, err = here.apply("--yes")
        made = here.count()

    assert (code, made) == (3, of_each(1)), err
    assert events[-1]["counts"] == {"done": 1, "refused": 1}
    [refused] = [event for event in events if event["event"] == "refused"]
    assert (refused["name"], refused["error"]["code"]) == ("Person 2", "needs_consent")
    assert "has no consent block" in err


@pytest.mark.parametrize("spoil", ["a value", "a recording"])
def test_nothing_starts_while_a_file_is_wrong(tmp_path: Path, spoil: str) -> None:
    """All that is wrong with all of them is told, with its place; a recording that is none is as bad as a typing error."""
    with place(tmp_path) as here:
        here.companion(1)
        for n in (2, 3):
            file = here.companion(n, "voice: {speed: 9}\n" if spoil == "a value" else "")
            if spoil == "a recording":
                (file.parent / "voice.wav").write_text("I am a text.")
        code, events, err = here.apply("--yes")
        sent = [entry for entry in here.requests() if entry["method"] != "GET"]

    assert (code, sent) == (4, []), err
    assert [event["event"] for event in events] == ["invalid", "invalid", "summary"]
    assert [event["file"] for event in events[:2]] == [f"family/person-{n}/companion.yaml" for n in (2, 3)]
    assert [event["line"] for event in events[:2]] == ([5, 5] if spoil == "a value" else [None, None])
    assert (events[-1]["exit_code"], events[-1]["error"]["code"]) == (4, "bad_input")
    if spoil == "a value":
        assert "family/person-2/companion.yaml, line 5: voice.speed: Input should be less than or equal to 1.2\n" in err


@pytest.mark.parametrize("new", [None, 0, 1])
def test_two_of_one_name_have_to_be_told_apart(tmp_path: Path, new: int | None) -> None:
    """Neither takes the other's place: one of them says that it is `new`, whichever it is."""
    with place(tmp_path) as here:
        for n in range(2):
            file = here.companion(n, "companion: new\n" if n == new else "")
            file.write_text(file.read_text().replace(f"Person {n}", "Dorothy"))
        code, events, err = here.apply("--yes")
        made = here.count()

    told = [event["event"] for event in events]
    if new is None:
        assert (code, made, told) == (4, of_each(0), ["invalid", "summary"]), err
        assert "which_companion" in err
    else:
        assert (code, made, told.count("done")) == (0, of_each(2), 2), err


def test_spending_is_confirmed_once_for_all(tmp_path: Path) -> None:
    """Without a terminal nobody does."""
    with place(tmp_path) as here:
        here.companion(1)
        here.companion(2)
        code, events, _ = here.apply()
        made = here.count()

    assert (code, made) == (3, of_each(0))
    assert events[-1]["error"]["code"] == "needs_confirm"


def test_a_change_is_confirmed_though_nothing_is_spent(tmp_path: Path) -> None:
    """Without a yes the agent stays as it was."""
    with place(tmp_path) as here:
        file = here.companion(1)
        here.apply("--yes")
        file.write_text(file.read_text() + "voice: {speed: 1.1}\n")
        code, events, _ = here.apply()
        agents = here.http.get("/v1/convai/agents", headers={"xi-api-key": "sandbox"}).json()["agents"]
        agent = here.http.get(f"/v1/convai/agents/{agents[0]['agent_id']}", headers={"xi-api-key": "sandbox"}).json()
        agreed, *_ = here.apply("--yes")

    assert (code, events[-1]["error"]["code"]) == (3, "needs_confirm")
    assert agent["conversation_config"]["tts"]["speed"] == 0.9
    assert agreed == 0


def test_what_nobody_waits_for_is_carried_by_whoever_is_there(tmp_path: Path) -> None:
    """--no-wait says whether anybody is; a worker that comes later does it all."""
    with place(tmp_path) as here:
        here.companion(1)
        alone, events, err = here.apply("--yes", "--no-wait")
        made = here.count()
        with here.start("worker") as worker:
            while here.count()["agent"] != 1:
                assert worker.poll() is None, worker.communicate()
            here.companion(2)
            attended, _, told = here.apply("--yes", "--no-wait")
            code, _, _ = here.apply("--yes")
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=PATIENCE)
        both = here.count()

    assert (alone, made, events[-1]["counts"]) == (7, of_each(0), {"queued": 1})
    assert "since no Storykeeper of this workspace is open" in err
    assert attended == 7
    assert "another Storykeeper of this workspace goes on with it" in told
    assert (code, both) == (0, of_each(2))


def test_who_stops_reading_the_events_stops_nothing(tmp_path: Path) -> None:
    """As `| head -1` does."""
    with place(tmp_path) as here:
        here.companion(1)
        with here.start("apply", "family", "--json", "--yes") as process:
            assert process.stdout
            assert process.stderr
            assert json.loads(process.stdout.readline())["event"] == "planned"
            process.stdout.close()
            told = process.stderr.read()
            code = process.wait(PATIENCE)
        made = here.count()

    assert (code, made) == (0, of_each(1)), told
    assert "Broken pipe" not in told


def test_a_terminal_shows_a_table_and_asks_once(tmp_path: Path) -> None:
    """Of all companions, with how far each is."""
    with place(tmp_path) as here:
        for n in range(3):
            here.companion(n)
        leader, follower = pty.openpty()
        command = [sys.executable, "-m", "storykeeper_server", "apply", "family"]
        environ = {**here.env, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
        with subprocess.Popen(
            command, cwd=tmp_path, env=environ, stdin=follower, stdout=follower, stderr=follower
        ) as process:
            os.close(follower)
            seen = seen_at(leader, {"Spend 3 voice slots": "y"})
            process.wait(PATIENCE)
        os.close(leader)

    assert process.returncode == 0, seen
    last = seen.rpartition("companion ")[2]
    assert Counter(word for line in last.splitlines() for word in line.split()[1:2] if word == "done") == {"done": 3}
    assert "3 done" in last


def seen_at(terminal: int, answers: dict[str, str]) -> str:
    """All that a program shows until it ends; each question is answered as it comes."""
    seen, left = "", dict(answers)
    watchdog = threading.Timer(PATIENCE, os.close, [terminal])
    watchdog.start()
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other end was closed
            break
        seen += chunk.decode(errors="replace")
        for question in [question for question in left if question in seen]:
            os.write(terminal, f"{left.pop(question)}\n".encode())
    watchdog.cancel()
    return seen


def test_the_schema_fits_the_example(tmp_path: Path) -> None:
    """As an editor would use it."""
    with place(tmp_path) as here, here.start("apply", "--schema") as process:
        out, _ = process.communicate(timeout=PATIENCE)
    schema = json.loads(out)
    example = yaml.safe_load((EXAMPLE / "companion.yaml").read_text())
    jsonschema.Draft202012Validator(schema).validate(example)
    with pytest.raises(jsonschema.ValidationError, match="wish"):
        jsonschema.Draft202012Validator(schema).validate(example | {"wish": "warm"})


def test_without_files_it_is_a_usage_error(tmp_path: Path) -> None:
    """With what is missing."""
    with place(tmp_path) as here, here.start("apply", "--yes") as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "give a companion.yaml" in err
