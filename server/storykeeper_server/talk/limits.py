"""How many talks may be begun: by one caller, and by all together, in any ten minutes."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .refusals import Refused

SECONDS = 600.0
_MOST_CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """More than a family ever needs, and far less than a bill that hurts."""

    caller: int = 30
    total: int = 120


@dataclass(slots=True)
class Gate:
    """Counts in the memory of one process. What is refused isn't counted, so that waiting always helps."""

    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    _all: deque[float] = field(default_factory=deque[float])
    _each: dict[str, deque[float]] = field(default_factory=dict[str, deque[float]])

    def admit(self, caller: str) -> None:
        """Raises Refused where the caller, or everybody together, has had their share."""
        now = self.clock()
        own = self._each.get(caller) or deque[float]()
        waits = [_wait(own, self.limits.caller, now), _wait(self._all, self.limits.total, now)]
        if any(waits):
            raise Refused("rate_limited", after=math.ceil(max(waits)), why="too many talks begun")
        if len(self._each) >= _MOST_CALLERS:
            self._forget(now)
        own.append(now)
        self._each[caller] = own
        self._all.append(now)

    def _forget(self, now: float) -> None:
        """Those that have begun nothing for ten minutes. There are never more left than the limit for all."""
        self._each = {caller: own for caller, own in self._each.items() if own and now - own[-1] < SECONDS}


def _wait(begun: deque[float], most: int, now: float) -> float:
    """Seconds until there is room for one more; 0 where there is."""
    while begun and now - begun[0] >= SECONDS:
        begun.popleft()
    return SECONDS - (now - begun[0]) if len(begun) >= most else 0.0
