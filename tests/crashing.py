"""The orchestrator killed at a moment of making a companion, and what becomes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import Place

ROOT = Path(__file__).parent.parent
WISH = "Make a companion of my grandmother Dorothy from examples/dorothy. She gave me her consent."


@dataclass(frozen=True)
class Moment:
    """Where it is struck: after these pauses were answered, at the request that `fault` leaves without an answer, or,
    where there is none, at the pause that follows."""

    answered: tuple[str, ...] = ()
    fault: str = ""


MOMENTS = {
    "planning": Moment(fault="GET /v1/user/subscription blackhole"),
    "asking who it is for": Moment(),
    "waiting for the go-ahead": Moment(("visitors",)),
    "cloning the voice": Moment(("visitors", "confirm"), "POST /v1/voices/add blackhole-after-commit"),
    "making the agent": Moment(("visitors", "confirm"), "POST /v1/convai/agents/create blackhole-after-commit"),
    "rehearsing": Moment(("visitors", "confirm"), "POST /v1/convai/agents/{agent_id}/simulate-conversation blackhole"),
}
ANSWERS = {"visitors": "family", "confirm": "yes"}
ONE = {"voice": 1, "document": 3, "agent": 1}


@dataclass
class Driven:
    """A program with the orchestrator in it."""

    process: subprocess.Popen[str]
    told: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, session: str, **asked: object) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"session": session, **asked}) + "\n")
        self.process.stdin.flush()

    def turn(self) -> list[dict[str, Any]]:
        """What happens until the end of it."""
        assert self.process.stdout
        since = len(self.told)
        while "over" not in (self.told[-1] if self.told[since:] else {}):
            line = self.process.stdout.readline()
            assert line, self.process.communicate()
            self.told.append(json.loads(line))
        return self.told[since:]

    def killed(self) -> str:
        """By SIGKILL; the id of what it was at, out of what it had told."""
        assert self.process.stdout
        self.process.kill()
        self.told += [json.loads(line) for line in self.process.stdout if line.endswith("\n")]
        return next(line["invocation"] for line in reversed(self.told) if "invocation" in line)


@contextmanager
def driven(here: Place) -> Iterator[Driven]:
    command = [sys.executable, str(ROOT / "tests" / "driven.py"), str(here.home.parent / "sessions.sqlite")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=here.env, cwd=ROOT, text=True, **pipes) as process:
        try:
            yield Driven(process)
        finally:
            process.kill()


def crash(here: Place, moment: Moment) -> dict[str, Any]:
    """Make a companion until that moment, and kill the program there; by what it can be gone on with."""
    if moment.fault:
        here.fault(moment.fault)
    with driven(here) as first:
        first.tell("s", say=WISH)
        for kind in moment.answered:
            answer(first, paused(first.turn()), kind)
        if moment.fault:
            here.wait_for_fault(first.process)
            return {"resume": first.killed()}
        open = paused(first.turn())
        first.killed()
        return {"answer": ANSWERS[open.partition(" ")[0]], "to": open}


def resumed(program: Driven, onward: dict[str, Any]) -> dict[str, Any]:
    """In the same session: its pause is answered, or its invocation gone on with; the outcome."""
    program.tell("s", **onward)
    return finished(program, "s")


def said_again(program: Driven) -> dict[str, Any]:
    """In another session."""
    program.tell("again", say=WISH)
    return finished(program, "again")


def finished(program: Driven, session: str) -> dict[str, Any]:
    """The outcome, once whatever is asked before it was answered."""
    while pause := paused(happened := program.turn()):
        answer(program, pause, pause.partition(" ")[0], session)
    return next((line["outcome"] for line in happened if "outcome" in line), {})


def paused(happened: list[dict[str, Any]]) -> str:
    return next((line["pause"] for line in reversed(happened) if "pause" in line), "")


def answer(program: Driven, pause: str, kind: str, session: str = "s") -> None:
    assert pause.startswith(kind), program.told
    program.tell(session, answer=ANSWERS[kind], to=pause)
