"""Which parts of a life are told of, by words and by the years of the memories."""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import dates
from .item import Item
from .reading.front import front
from .wording import occurring, starting, words

PHASES = {
    "childhood": "childhood",
    "parents": "parents, brothers and sisters",
    "school": "school",
    "work": "work",
    "love": "love",
    "children": "children",
    "home": "home",
    "friends": "friends",
    "joys": "joys",
    "hard_times": "hard times",
    "beliefs": "beliefs and traditions",
    "food": "food",
    "sayings": "songs and sayings",
    "later_life": "later life",
}
"""Each with what it is called in a sentence."""
_WORD = re.compile(r"[^\W\d_]+")
_QUESTION = re.compile(r"^ {0,3}#{1,6}[ \t][^\n]*[?？].*$", re.M)
_AGES = {"childhood": (0, 12), "later_life": (65, 130)}


def gaps(items: Sequence[Item], *, language: str, born: int = 0) -> list[str]:
    """The codes of `PHASES` that no memory is about; all of them where there are none. `born` is a year, if known."""
    said = words(language, "phases")
    texts = [_told(item.text) for item in items]
    vocabulary = {word for text in texts for word in _WORD.findall(text.casefold())}
    stems = {phase: occurring(language, said[phase], vocabulary) for phase in PHASES}
    return [
        phase
        for phase, own in stems.items()
        if not any(map(starting(language, own).search, texts)) and not _lived(items, phase, born)
    ]


def _told(text: str) -> str:
    """Without what a file says about itself, and the questions above answers: who can't answer one tells nothing."""
    lines = text.split("\n")
    _, taken = front(lines)
    return _QUESTION.sub("", "\n".join(lines[taken:]))


def _lived(items: Sequence[Item], phase: str, born: int) -> bool:
    if not born or phase not in _AGES:
        return False
    youngest, oldest = _AGES[phase]
    spans = [dates.years(item.date) for item in items if item.date]
    return any(youngest <= first - born and last - born <= oldest for first, last in spans)
