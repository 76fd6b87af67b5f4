"""A few of the kills of `make campaign`, so that every change meets them."""

from __future__ import annotations

from kills.campaign import Task, play
from kills.reporting import sound

PLACES = (
    "as the voice is answered",
    "as the agent is made",
    "as the agent is changed",
    "once 'delete agent' is written",
)


def test_nothing_is_lost_or_doubled_by_kills(database_url: str | None) -> None:
    """Workers die while things are made, changed and forgotten, and when it is written down; others go on."""
    tally = play(Task("sqlite", 1, database_url or "", companions=2, places=PLACES, stormy=False))
    assert tally.kills.total() == len(PLACES)
    assert sound([tally]), tally


def test_the_campaign_finds_what_a_naive_saga_doubles() -> None:
    """It posts again what it has no record of: so the kills are real, and the auditor isn't blind."""
    tally = play(Task("naive", 4, companions=4))
    assert tally.verdict.duplicates > 0
    assert tally.verdict.orphans > 0
