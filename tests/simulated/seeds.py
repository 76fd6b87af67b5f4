"""One seed from its number to its verdict, and a failing one made small."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simulated.process import Parts
from simulated.story import Story
from simulated.virtual import run
from simulated.world import Escaped, World


@dataclass
class Verdict:
    """What came of a seed. `struck` counts what went wrong, by kind, and `places` where processes died."""

    seed: int
    problems: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    numbers: list[int] = field(default_factory=list)
    companions: int = 0
    resources: int = 0
    posts: int = 0
    seconds: float = 0


OURS = Parts()


def play(
    seed: int,
    folder: Path,
    parts: Parts = OURS,
    *,
    without: frozenset[str] = frozenset(),
    skip: frozenset[int] = frozenset(),
) -> Verdict:
    """Play a seed. The same seed is the same story, whatever else the machine does."""
    verdict = Verdict(seed)
    story = Story(seed, without, skip)
    escaped = Escaped()
    log = logging.getLogger("storykeeper_tools")
    log.addHandler(escaped)

    async def main() -> None:
        world = World(story, folder, parts)
        try:
            await world.play()
        finally:
            verdict.problems = world.auditor.problems + escaped.heard
            verdict.trace = world.trace
            verdict.companions = story.companions
            verdict.resources = sum(map(len, world.auditor.remote().values()))
            verdict.posts = world.auditor.posts.total()
            verdict.seconds = world.loop.time()
            world.close()

    try:
        run(main, seed)
    except Exception as error:  # whatever it is, the seed that leads to it is worth more than its traceback
        verdict.problems.append(f"{type(error).__name__}: {error}")
    finally:
        log.removeHandler(escaped)
    verdict.struck = Counter(strike.kind for strike in story.struck if strike.kind != "-")
    verdict.places = Counter(_place(strike.where) for strike in story.struck if strike.kind == "kill")
    verdict.numbers = [strike.number for strike in story.struck if strike.kind != "-"]
    return verdict


def _place(where: str) -> str:
    """Where a process died, whatever it is called and whatever it was about."""
    return re.sub(r" /\S+| '[^']*'", "", where.partition(" ")[2])


def smaller(verdict: Verdict, again: Callable[[frozenset[int]], Verdict]) -> tuple[Verdict, frozenset[int]]:
    """Leave out one disturbance after the other for as long as it still fails."""
    skip: frozenset[int] = frozenset()
    tried: set[int] = set()
    while left := [n for n in verdict.numbers if n not in tried]:
        tried.add(left[-1])
        other = again(skip | {left[-1]})
        if other.problems:
            verdict, skip = other, skip | {left[-1]}
    return verdict, skip
