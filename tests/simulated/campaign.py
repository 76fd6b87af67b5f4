"""Many seeds of provisioning over the sandbox, in a time that nobody has to wait for; exit code 1 when one fails.

    python tests/simulated/campaign.py [--seeds 2000] [--first 0]       a table, and a trace of each seed that fails
    python tests/simulated/campaign.py --seed 85 [--skip 0,6,7]         one seed's trace, without some of its disturbances

Wrong variants of the same play the same seeds until they are caught, to prove that they would be.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulated.mutants import MUTANTS
from simulated.seeds import OURS, Verdict, play, smaller

MOST_TRACES, MOST_MUTANT_SEEDS = 3, 600


@dataclass
class Tally:
    """What came of all seeds."""

    seeds: int = 0
    companions: int = 0
    resources: int = 0
    posts: int = 0
    hours: float = 0
    struck: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        self.seeds += 1
        self.companions += verdict.companions
        self.resources += verdict.resources
        self.posts += verdict.posts
        self.hours += verdict.seconds / 3600
        self.struck += verdict.struck
        self.places += verdict.places
        if verdict.problems:
            self.failed.append(verdict.seed)


def one(seed: int, skip: Iterable[int] = ()) -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        return play(seed, Path(folder), OURS, skip=frozenset(skip))


def caught(name: str) -> tuple[str, int | None, str]:
    """The first seed in which a wrong variant is noticed, and how."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(MOST_MUTANT_SEEDS):
            verdict = play(seed, Path(folder), MUTANTS[name])
            if verdict.problems:
                return name, seed, verdict.problems[0]
    return name, None, "not noticed"


def show(verdict: Verdict, skip: frozenset[int]) -> None:
    """How a seed came to fail, and how to see it again."""
    numbers = ",".join(map(str, sorted(skip)))
    print("\n".join(verdict.trace))
    print(*(f"! {problem}" for problem in verdict.problems), sep="\n")
    print(f"again: python tests/simulated/campaign.py --seed {verdict.seed}" + (f" --skip {numbers}" if skip else ""))


def played(seeds: Iterable[int], processes: int) -> Iterator[Verdict]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool:
        yield from pool.imap_unordered(one, seeds, chunksize=10)


def campaign(seeds: range, processes: int) -> Tally:
    tally = Tally()
    for verdict in played(seeds, processes):
        tally.add(verdict)
        if verdict.problems and len(tally.failed) <= MOST_TRACES:
            print(f"seed {verdict.seed} fails; the smallest story in which it does:")
            show(*smaller(verdict, partial(one, verdict.seed)))
    return tally


def table(tally: Tally, seconds: float) -> None:
    print(f"{tally.seeds} seeds, {tally.companions} companions, {tally.hours:.0f} hours in {seconds:.0f} s")
    print(f"  struck by  {', '.join(f'{n} x {kind}' for kind, n in sorted(tally.struck.items()))}")
    for place, n in tally.places.most_common():
        print(f"    killed {n:5} x {place}")
    print(f"  made       {tally.resources} voices, documents and agents with {tally.posts} requests")
    print(f"  failed     {len(tally.failed)} seeds {tally.failed[:20] or ''}")


def proven(processes: int) -> bool:
    """Whether every wrong variant is caught."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        results = pool.map(caught, MUTANTS, chunksize=1)
    for name, seed, how in results:
        print(
            f"  wrong on purpose: {name:28} " + (f"caught at seed {seed}: {how}" if seed is not None else "NOT CAUGHT")
        )
    return all(seed is not None for _, seed, _ in results)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--skip", default="")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    if chosen.seed is not None:
        skip = frozenset(int(n) for n in chosen.skip.split(",") if n)
        verdict = one(chosen.seed, skip)
        show(verdict, skip)
        return bool(verdict.problems)
    start = time.monotonic()
    tally = campaign(range(chosen.first, chosen.first + chosen.seeds), chosen.processes)
    table(tally, time.monotonic() - start)
    return not proven(chosen.processes) or bool(tally.failed)


if __name__ == "__main__":
    sys.exit(main())
