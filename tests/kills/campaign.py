"""Workers killed at every moment that matters, while the service fails: is anything lost, doubled or left behind?

    PYTHONPATH=tests python -m kills.campaign [--kills 80] [--seed N] [--only sqlite|postgres|naive] [--jobs 4]

Each episode has a sandbox, a folder and a seed of its own. People ask for companions, have them changed and forgotten;
workers see to it and are killed with SIGKILL, others go on. Then an auditor compares what there is with what was
written down. The naive saga goes through the same, and must fail. `--seed` plays one episode again: the same kills and
faults, though never at quite the same moments.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random

import postgres
from kills.contestants import Boundaries, Contestant, Naive
from kills.episode import Episode, Tally
from kills.keeper import Keeper
from kills.people import person
from kills.remote import sandbox
from kills.reporting import kills, sound, table, untried
from kills.strikes import Strike, deck

LAGS = (0.0, 0.5, 1.0, 1.5)  # seconds after which new things are listed; Storykeeper allows for two in a sandbox
FIRST, MOST_EPISODES = 1000, 30


@dataclass(frozen=True)
class Task:
    """One episode. `database` is the URL of an empty one; without, a SQLite file. `places`: only these kills.
    `stormy`: whether requests fail by chance, too."""

    who: str
    seed: int
    database: str = ""
    companions: int = 6
    places: tuple[str, ...] = ()
    stormy: bool = True


def contestant(task: Task, folder: Path, url: str) -> Contestant:
    return Naive(folder, url) if task.who == "naive" else Keeper(folder, url, task.database)


def chosen(cards: list[Strike], places: Sequence[str]) -> list[Strike]:
    """Those of the places, in their order; without any, all."""
    return [card for place in places for card in cards if card.place == place] or cards


def play(task: Task) -> Tally:
    """An episode; the folder of one that isn't sound is left to be looked at."""
    folder = Path(tempfile.mkdtemp(prefix=f"kills-{task.seed}-"))
    people = [person(folder, n) for n in range(task.companions)]
    dice = Random(task.seed)
    # On SQLite one works and the other waits; in every other episode there is no other.
    several = task.who != "naive" and (task.database or task.seed % 2)
    with sandbox(dice.choice(LAGS)) as remote:
        crew = 2 if several else 1
        with closing(contestant(task, folder, remote.url)) as who:
            strikes = chosen(deck(who.boundaries, dice), task.places)
            tally = Episode(who, remote, folder, dice, people, crew, task.stormy).run(strikes)
    tally.seed = task.seed
    if sound([tally]) or task.who == "naive":
        shutil.rmtree(folder)
    else:
        print(f"{task.who}, seed {task.seed}: {tally.verdict} {tally.trouble}, see {folder}", flush=True)
    return tally


@dataclass
class Campaign:
    """Episodes until there were kills enough, and after every entry of the record."""

    who: str
    bar: int
    jobs: int
    server: postgres.Server | None = None

    @property
    def boundaries(self) -> Boundaries:
        return contestant(Task(self.who, 0), Path(), "").boundaries

    def run(self) -> bool:
        """Whether it came out as it must."""
        began = time.monotonic()
        tallies = self._played()
        print(table(self.who, tallies, self.boundaries, time.monotonic() - began), end="\n\n", flush=True)
        bad = sum(tally.verdict.duplicates + tally.verdict.orphans for tally in tallies)
        right = bad > 0 if self.who == "naive" else sound(tallies)
        return right and kills(tallies) >= self.bar and not untried(tallies, self.boundaries)

    def _played(self) -> list[Tally]:
        tallies: list[Tally] = []
        seeds = iter(range(FIRST, FIRST + MOST_EPISODES))
        with ProcessPoolExecutor(self.jobs, mp_context=get_context("spawn")) as pool:
            going = {pool.submit(play, task) for task in self._next(seeds, self.jobs)}
            while going:
                done = next(as_completed(going))
                going.remove(done)
                tallies.append(done.result())
                if not self._enough(tallies, len(going)):
                    # Kills enough, and an entry that nobody was interrupted after: rare ones are met sooner by several.
                    more = self._next(seeds, 1 if going else self.jobs)
                    going |= {pool.submit(play, task) for task in more}
        return tallies

    def _next(self, seeds: Iterator[int], number: int) -> list[Task]:
        chosen = [seed for _, seed in zip(range(number), seeds, strict=False)]
        return [Task(self.who, seed, self.server.database() if self.server else "") for seed in chosen]

    def _enough(self, tallies: list[Tally], going: int) -> bool:
        """Whether those under way will do, going by what an episode has brought so far."""
        if untried(tallies, self.boundaries) and not going:
            return False
        return kills(tallies) + going * kills(tallies) // len(tallies) >= self.bar


def main() -> int:
    arguments = parsed()
    held = True
    for who in ("sqlite", "postgres", "naive"):
        if arguments.only not in (None, who):
            continue
        with ExitStack() as stack:
            server = stack.enter_context(postgres.postgres()) if who == "postgres" else None
            if arguments.seed is None:
                held &= Campaign(who, arguments.kills, arguments.jobs, server).run()
            else:
                held &= repeated(Task(who, arguments.seed, server.database() if server else ""))
    print("held" if held else "NOT held")
    return 0 if held else 1


def repeated(task: Task) -> bool:
    tally = play(task)
    print(table(task.who, [tally], {}, tally.seconds), end="\n\n")
    return sound([tally])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=80, help="at least so many for each database (default: 80)")
    parser.add_argument("--seed", type=int, help="only this episode")
    parser.add_argument("--only", choices=["sqlite", "postgres", "naive"])
    parser.add_argument("--jobs", type=int, default=4, help="episodes at a time, which mostly wait (default: 4)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
