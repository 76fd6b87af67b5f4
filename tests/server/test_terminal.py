"""A person at a real terminal is asked for what only a person can say."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from storykeeper_server.screen import Screen
from storykeeper_server.terminal import Terminal
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
    answers = {"Who will talk": "family", "Has Dorothy agreed": "Yes, she agreed.", "Shall I go ahead": "yes"}
    code, seen = await talk(tmp_path, ["provision", SENTENCE], answers)
    assert code == 0, seen
    assert "Dorothy's companion is done" in seen


async def test_what_is_shown_holds_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    """A model's and a tool's words may hold orders to a terminal: to its clipboard, its title, its screen, or to turn
    the letters around."""
    evil = "a\x1b]52;c;ZXZpbA==\x07b\x1b[2Jc\u202ed\u2066e\x9b1mf\rg\u200bh\tdöne\n"
    step = {"action": "create", "kind": "voice", "name": evil, "fields": [{"field": evil, "before": evil, "after": ""}]}
    screen, told = Screen(), io.StringIO()
    screen.say(evil)
    screen.write(evil, whole=False)
    screen.write(evil, whole=True)
    screen.progress(1, 2, evil)
    costs = {"voice_slots": 0, "voice_changes": 0}
    screen.plan(
        {"plan_id": evil, "companion": evil, "steps": [step], "cost": costs, "warnings": [evil], "questions": []}
    )
    terminal = Terminal(console=Console(file=told, soft_wrap=True))
    terminal.say(evil)
    await terminal.caller.report(1, 2, evil)
    seen = capsys.readouterr().out + told.getvalue()
    assert seen.count("döne") >= 9
    assert [sign for sign in seen if not (sign.isprintable() or sign in "\n\t")] == []
