"""What a seed decides: who wants what, and what goes wrong where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

Thing = TypeVar("Thing")

KINDS = ("kill", "freeze", "jump", "fault", "late", "lie", "amnesia")
BEFORE = ("refused", "reset", "500", "503", "429", "429 7", "429 9999", "401", "403", "silence")
AFTER = ("reset after", "500 after", "503 after", "html", "truncated", "silence after", "slow")
LIES = ("400 after", "409 after", "429 after")


@dataclass(frozen=True)
class Strike:
    """One thing that went wrong. `number` is what it is left out by."""

    number: int
    kind: str
    where: str


@dataclass
class Story:
    """Each kind of disturbance has dice of its own, so that leaving one out changes little about the others.

    `without` names kinds, `skip` numbers of single disturbances: that is how a failing seed is made smaller.
    """

    seed: int
    without: frozenset[str] = frozenset()
    skip: frozenset[int] = frozenset()
    struck: list[Strike] = field(default_factory=list)
    calm: bool = False
    _dice: dict[str, Random] = field(default_factory=dict)
    _left: Counter[str] = field(default_factory=Counter)
    _chance: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dice = self.dice("weather")
        for kind in KINDS:
            self._left[kind] = dice.choice([0, 1, 1, 2, 3, 5]) * (3 if kind == "fault" else 1)
            self._chance[kind] = dice.choice([0.01, 0.03, 0.1, 0.3])
        self._chance["kill"] = dice.choice([0.005, 0.01, 0.03, 0.1])  # late ones, too
        self._chance["amnesia"] = 0.4  # there are few starts
        self.lag = dice.choice([0.0, 0.0, 2.0, 5.0])
        self.companions = dice.choice([1, 1, 2, 3])
        self.chairs = dice.choice([1, 2])
        self.server = dice.choice([False, True, True])

    @classmethod
    def quiet(cls) -> Story:
        """Nothing goes wrong."""
        return cls(0, calm=True)

    @property
    def misled(self) -> bool:
        """Whether nobody could see through a refusal: it was a lie, and lists didn't show yet what was made."""
        return self.lag > 0 and any(strike.kind == "lie" for strike in self.struck)

    def dice(self, kind: str) -> Random:
        return self._dice.setdefault(kind, Random(f"{self.seed} {kind}"))

    def strikes(self, kind: str, where: str) -> bool:
        """Whether this goes wrong here."""
        if self.calm or not self._left[kind] or self.dice(kind).random() >= self._chance[kind]:
            return False
        self._left[kind] -= 1
        number = len(self.struck)
        left_out = number in self.skip or kind in self.without
        self.struck.append(Strike(number, "-" if left_out else kind, where))
        return not left_out

    def pick(self, kind: str, of: Sequence[Thing]) -> Thing:
        return self.dice(f"which {kind}").choice(of)

    def between(self, kind: str, least: float, most: float) -> float:
        return self.dice(f"how {kind}").uniform(least, most)
