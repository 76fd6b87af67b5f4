"""A person at a real terminal is asked for what only a person can say."""

from __future__ import annotations

from pathlib import Path

import pytest

from terminals import ROOT, talk

pytestmark = pytest.mark.anyio
FILES = ["--name", "Dorothy", "--audio", str(ROOT / "examples" / "dorothy" / "recording.mp3")]
SENTENCE = "make a companion of my grandmother Dorothy from examples/dorothy"


async def test_consent_and_spending_are_asked_for(tmp_path: Path) -> None:
    """Two questions, two answers, one companion."""
    code, seen = await talk(tmp_path, ["provision", *FILES], {"Has Dorothy agreed": "yes", "Spend 1 voice slot": "y"})
    assert code == 0, seen
    assert "Dorothy's companion is done" in seen


async def test_an_heir_says_who_they_are(tmp_path: Path) -> None:
    """For someone who has died."""
    answers = {"Are you Dorothy's executor or heir": "y", "Your name:": "Ann", "Spend 1 voice slot": "y"}
    code, seen = await talk(tmp_path, ["provision", *FILES, "--deceased"], answers)
    assert code == 0, seen


async def test_a_no_ends_it(tmp_path: Path) -> None:
    """Nothing is made."""
    code, seen = await talk(tmp_path, ["provision", *FILES, "--yes"], {"Has Dorothy agreed": "no"})
    assert code == 3
    assert "needs_consent" in seen


async def test_the_orchestrator_asks_at_the_terminal_too(tmp_path: Path) -> None:
    """In a sentence that doesn't say it all."""
    answers = {"Has Dorothy agreed": "Yes, she agreed.", "Shall I go ahead": "yes"}
    code, seen = await talk(tmp_path, ["provision", SENTENCE], answers)
    assert code == 0, seen
    assert "Dorothy's companion is done" in seen
