"""One episode: people come one after another, workers are killed, others go on; at the end everything is counted."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from kills.auditing import Verdict, audit
from kills.contestants import Contestant
from kills.people import Person, Wish
from kills.remote import CREATES, KEYS, Remote, digest
from kills.strikes import Strike, Timed, noise

POLL_SECONDS, CHECK_SECONDS = 0.002, 0.1
END_SECONDS = 90
STRIKE_SECONDS = (6, 20)  # after which a moment that doesn't come isn't waited for any longer


@dataclass
class Tally:
    """`interrupted`: after which entry of its record a companion was when its worker was killed. `unheard`: what
    existed at a kill without being known. `again`: why somebody had to ask again. `trouble`: what a worker may
    never do, such as end by itself."""

    seed: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    wishes: Counter[str] = field(default_factory=Counter[str])
    kills: Counter[str] = field(default_factory=Counter[str])
    interrupted: Counter[str] = field(default_factory=Counter[str])
    unheard: int = 0
    again: list[str] = field(default_factory=list[str])
    created: Counter[str] = field(default_factory=Counter[str])
    deleted: int = 0
    posts: int = 0
    intents: int = 0
    trouble: list[str] = field(default_factory=list[str])
    seconds: float = 0


@dataclass
class Episode:
    contestant: Contestant
    remote: Remote
    folder: Path
    dice: Random
    people: list[Person]
    crew: int = 1
    stormy: bool = True
    tally: Tally = field(default_factory=Tally)
    _workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, "subprocess.Popen[bytes]"])
    _asked: dict[str, Wish] = field(default_factory=dict[str, "Wish"])
    _requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def run(self, strikes: Sequence[Strike]) -> Tally:
        began = time.monotonic()
        with self._ended():
            for strike in strikes:
                self.remote.arm([])
                if self._ask(strike.wish) or (self._asked and self.contestant.unfinished()):
                    self._insist()
                    self._attempt(strike)
            self._finish()
        self._count()
        self.tally.seconds = time.monotonic() - began
        return self.tally

    def _ask(self, wish: Wish) -> bool:
        """Ask for something for the next person for whom it can be done, if there is one."""
        if wish != "make" and not self._able(wish):
            self._finish()
        able = self._able(wish)
        if able:
            self._asked[able[0].name] = wish
            self.contestant.submit(wish, able[0])
        return bool(able)

    def _able(self, wish: Wish) -> list[Person]:
        """Those for whom it can be done now."""
        if wish == "make":
            return [p for p in self.people if p.name not in self._asked]
        before: set[Wish] = {"make"} if wish == "change" else {"make", "change"}
        people = self.people[::2] if wish == "forget" else self.people  # some shall be there at the end
        asked = [p for p in people if self._asked.get(p.name) in before]
        unfinished = self.contestant.unfinished() if asked else set[str]()
        return [p for p in asked if self.contestant.marker(p) not in unfinished]

    def _insist(self) -> None:
        self.tally.again += self.contestant.insist()

    def _attempt(self, strike: Strike) -> None:
        """Workers until the moment comes, or until there is nothing left to do."""
        self._collect()
        strike.arm(self.contestant, self.remote)
        weather = noise(self.dice) if self.stormy else []
        self.remote.arm([rule for rule in [strike.rule, *weather] if rule])
        self._fill()
        until = time.monotonic() + self.dice.choice(STRIKE_SECONDS)
        checked = time.monotonic()
        while not strike.due(self.contestant, self.remote):
            if time.monotonic() > checked + CHECK_SECONDS:
                checked = time.monotonic()
                self._heed()
                if not self.contestant.unfinished():
                    return
                if checked > until:
                    strike = Timed(strike.wish, 0, "while it waits for doubts to settle")
                    break
            time.sleep(POLL_SECONDS)
        self._kill(strike)

    def _kill(self, strike: Strike) -> None:
        """The worker that the strike has met; where that isn't seen, the one that asked last."""
        struck = self.remote.struck() if strike.rule else None
        asked = [struck] if struck else self.remote.requests()[-1:]
        keys = [request["key"] for request in asked if request["key"] in self._workers]
        worker = self._workers.pop(keys[0] if keys else next(iter(self._workers)))
        worker.kill()
        worker.wait()
        self.tally.kills[strike.place] += 1
        self.tally.unheard += max(0, self.remote.count() - len(self.contestant.made()))
        last = dict(self.contestant.entries())
        for marker in self.contestant.unfinished():
            self.tally.interrupted[" ".join(last.get(marker, ("nothing", "yet")))] += 1

    def _finish(self) -> None:
        """Without faults and kills, to the end."""
        self.remote.arm([])
        self._fill()
        until = time.monotonic() + END_SECONDS
        while self.contestant.unfinished() and time.monotonic() < until:
            self._insist()
            self._heed()
            time.sleep(CHECK_SECONDS)

    def _fill(self) -> None:
        for key in KEYS[: self.crew]:
            if digest(key) not in self._workers:
                self._workers[digest(key)] = self.contestant.work(key, self.folder / "workers.log")

    def _heed(self) -> None:
        """A worker that ends by itself is trouble, and is replaced."""
        for key, worker in list(self._workers.items()):
            if worker.poll() is not None:
                self.tally.trouble.append(f"a worker ended by itself with {worker.returncode}")
                del self._workers[key]
        self._fill()

    @contextmanager
    def _ended(self) -> Iterator[None]:
        """No process is left; those that are told to go, go well."""
        try:
            yield
        finally:
            for worker in self._workers.values():
                worker.send_signal(signal.SIGTERM)
            for worker in self._workers.values():
                worker.wait(30)

    def _collect(self) -> None:
        """What was asked, before the log begins anew."""
        self._requests += self.remote.requests()
        self.remote.forget()

    def _count(self) -> None:
        self.remote.turn(list_lag_seconds=0)
        self._collect()
        tally, requests = self.tally, self._requests
        tally.verdict = audit(self.contestant, self.remote)
        tally.wishes.update(self._asked.values())
        tally.created.update(thing.kind for thing in self.remote.things())
        tally.deleted = sum(r["method"] == "DELETE" and r["status"] == 200 for r in requests)
        tally.posts = sum(r["method"] == "POST" and r["path"] in CREATES.values() for r in requests)
        tally.intents = sum(event == "intend" for _, (event, _) in self.contestant.entries())
        log = (self.folder / "workers.log").read_text()
        tally.trouble += [line for line in log.splitlines() if "Traceback" in line or "tried again" in line]
