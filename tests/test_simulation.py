"""A few of the seeds of `make campaign`, and proof that whoever watches them would notice what is wrong."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from simulated.mutants import MUTANTS
from simulated.seeds import play, smaller

RARE = {"intents don't grow old", "others' intents don't count"}  # these take a hundred seeds, as `make campaign` has


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_there_is_one_of_each_and_all_of_it_is_known(seed: int, tmp_path: Path) -> None:
    """Faults, crashes at any moment, processes that freeze and thaw, clocks that jump, people who change their minds."""
    verdict = play(seed, tmp_path)
    assert verdict.problems == [], "\n".join(verdict.trace)


def test_a_seed_is_the_same_story_each_time(tmp_path: Path) -> None:
    """Else nobody could look at a failure again."""
    first, second = (play(7, tmp_path / name) for name in ("first", "second"))
    assert first.trace == second.trace
    assert first.struck.total() > 0


@pytest.mark.parametrize("name", sorted(MUTANTS.keys() - RARE))
def test_provisioning_with_one_thing_wrong_is_caught(name: str, tmp_path: Path) -> None:
    """Within a few seeds."""
    assert any(play(seed, tmp_path, MUTANTS[name]).problems for seed in range(60))


def test_a_failing_seed_is_made_smaller(tmp_path: Path) -> None:
    """What is left of its disturbances is what it takes to fail."""
    again = partial(play, 1, tmp_path, MUTANTS["nothing settles"])
    whole = again()
    verdict, skip = smaller(whole, lambda skip: again(skip=skip))
    assert verdict.problems
    assert len(verdict.numbers) < len(whole.numbers)
    assert skip
