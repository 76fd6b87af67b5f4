"""When to kill: moments that a seed chooses, and how each is seen to have come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Protocol

from kills.contestants import Boundaries, Boundary, Contestant
from kills.people import Wish
from kills.remote import CREATES, LISTS, Remote

HELD = "x1 seconds=3"  # for a worker that isn't the one to be killed, the request ends then
LATEST_SECONDS = 1.5


class Strike(Protocol):
    """`wish` is what somebody must be asking for, or the moment can't come."""

    @property
    def wish(self) -> Wish: ...

    @property
    def place(self) -> str: ...

    @property
    def rule(self) -> str:
        """A fault that the service is told beforehand, if any."""
        ...

    def arm(self, contestant: Contestant, remote: Remote) -> None:
        """Look how things stand before the workers go on."""
        ...

    def due(self, contestant: Contestant, remote: Remote) -> bool:
        """Whether the moment has come."""
        ...


@dataclass
class Held:
    """While a request is held back, or, once it is `answered`, while its answer trickles in."""

    wish: Wish
    place: str
    rule: str
    answered: bool = False

    def arm(self, contestant: Contestant, remote: Remote) -> None: ...

    def due(self, contestant: Contestant, remote: Remote) -> bool:
        struck = remote.struck()
        return struck is not None and (not self.answered or struck["status"] is not None)


@dataclass
class Written:
    """As soon as the record has `more` new entries of a kind."""

    wish: Wish
    boundary: Boundary
    more: int
    rule: str = ""
    _before: int = 0

    @property
    def place(self) -> str:
        return f"once '{' '.join(self.boundary)}' is written"

    def arm(self, contestant: Contestant, remote: Remote) -> None:
        self._before = self._count(contestant)

    def due(self, contestant: Contestant, remote: Remote) -> bool:
        return self._count(contestant) >= self._before + self.more

    def _count(self, contestant: Contestant) -> int:
        return Counter(boundary for _, boundary in contestant.entries())[self.boundary]


@dataclass
class Timed:
    """So many seconds after the first request, or after the workers are told to start."""

    wish: Wish
    after: float
    place: str = "at random"
    idle: bool = False
    rule: str = ""
    _since: float = 0

    def arm(self, contestant: Contestant, remote: Remote) -> None:
        self._since = time.monotonic() if self.idle else 0

    def due(self, contestant: Contestant, remote: Remote) -> bool:
        if not self._since and remote.requests():
            self._since = time.monotonic()
        return self._since > 0 and time.monotonic() >= self._since + self.after


def deck(wishes: Boundaries, dice: Random) -> list[Strike]:
    """Every moment there is, those at random several times, in an order that the dice choose."""
    cards: list[Strike] = [*making(dice)]
    if wishes.keys() > {"make"}:  # a naive saga neither looks nor changes anything
        cards += [*reading(), *changing(), *forgetting()]
    for wish, boundaries in wishes.items():
        cards += [Written(wish, boundary, dice.randint(1, 2)) for boundary in boundaries]
        cards += [Timed(wish, dice.uniform(0, LATEST_SECONDS)) for _ in range(5 if wish == "make" else 2)]
        cards += [Timed(wish, dice.uniform(0, LATEST_SECONDS), "at its start", idle=True)]
    # What is made first can be changed and forgotten later; of that there are few, so the record comes first.
    late = {"make": 0.0, "change": 0.4, "forget": 0.8}
    return sorted(cards, key=lambda card: dice.random() / (1 + isinstance(card, Written)) + late[card.wish])


def making(dice: Random) -> Iterator[Strike]:
    for kind, path in CREATES.items():
        held = f"{HELD} skip={dice.randrange(2)}"
        yield Held("make", f"before the {kind} is made", f"POST {path} blackhole {held}")
        yield Held("make", f"as the {kind} is made", f"POST {path} blackhole-after-commit {held}")
        yield Held("make", f"as the {kind} is answered", f"POST {path} slow {held}", answered=True)


def reading() -> Iterator[Strike]:
    for kind, path in LISTS.items():
        yield Held("make", f"as a doubtful {kind} is looked for", f"GET {path} blackhole {HELD}")
    yield Held("make", "as quota is checked", f"GET /v1/user/subscription blackhole {HELD}")
    yield Held("make", "as the agent is read back", f"GET {LISTS['agent']}/* blackhole {HELD}")


def changing() -> list[Strike]:
    return [
        Held("change", "before the agent is changed", f"PATCH {LISTS['agent']}/* blackhole {HELD}"),
        Held("change", "as the agent is changed", f"PATCH {LISTS['agent']}/* blackhole-after-commit {HELD}"),
        Held("change", "as a document is replaced", f"DELETE {LISTS['document']}/* blackhole-after-commit {HELD}"),
    ]


def forgetting() -> Iterator[Strike]:
    for kind, path in {**LISTS, "voice": "/v1/voices"}.items():
        yield Held("forget", f"before the {kind} is deleted", f"DELETE {path}/* blackhole {HELD}")
        yield Held("forget", f"as the {kind} is deleted", f"DELETE {path}/* blackhole-after-commit {HELD}")


def noise(dice: Random) -> list[str]:
    """What else goes wrong meanwhile, now less and now more: refusals, errors and resets before and after the effect,
    slow answers."""
    strength = dice.choice([0.5, 1, 1, 3])
    rules = {
        "* /v1/* 429 retry-after=1": 0.06,
        "POST * 500": 0.04,
        "POST * 500-after-commit": 0.05,
        "POST * reset": 0.04,
        "POST * reset-after-commit": 0.05,
        "PATCH * 500-after-commit": 0.1,
        "DELETE * 500-after-commit": 0.1,
        "DELETE * reset-after-commit": 0.05,
        "GET * 503": 0.03,
        "* * slow seconds=0.8": 0.05,
    }
    return [f"{rule} p={p * strength:.3f} seed={dice.randrange(10**6)}" for rule, p in rules.items()]
