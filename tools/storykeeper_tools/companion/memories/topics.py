"""What a companion can tell about, to begin a talk from: short lines of its memories, by the parts of a life."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..language import table
from . import private
from .book import build
from .claims import listener
from .item import Item
from .phases import PHASES
from .reading.front import front
from .sentences import sentences
from .tongue import told_in
from .wording import occurring, starting, teller, words

MOST_TOPICS, MOST_LINES = 8, 3
SHORTEST, LONGEST = 24, 160
_SHORTEST_HAN = 8
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t].*$", re.M)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Topic:
    title: str
    lines: tuple[str, ...]


def topics(items: Sequence[Item], *, name: str, language: str, corrections: Sequence[str] = ()) -> list[Topic]:
    """Those first that most is told about. Private matters, numbers and what reads like orders are left out."""
    tongue = told_in((item.text for item in items), language)
    titles = table(language, "interview")["topics"]
    found: dict[str, list[str]] = {}
    for phase, line in _sorted(_lines(items, name, tongue, corrections), tongue):
        found.setdefault(phase, []).append(line)
    best = sorted(found, key=lambda phase: (-len(found[phase]), list(PHASES).index(phase)))[:MOST_TOPICS]
    return [Topic(titles[phase], tuple(found[phase][:MOST_LINES])) for phase in best]


def _lines(items: Sequence[Item], name: str, tongue: str, corrections: Sequence[str]) -> list[str]:
    """The first sentence of each memory that is short enough, and that a stranger may read."""
    heard = listener(build(items, subject=name, language=tongue, corrections=corrections))
    matters = private.Matters(heard.names)
    lines = (_opening(item.text, tongue) for item in items)
    return [
        line
        for line in dict.fromkeys(lines)
        if line and not (private.orders(line) or private.numbers(line, tongue) or matters.told(line))
    ]


def _opening(text: str, tongue: str) -> str:
    lines = text.split("\n")
    _, taken = front(lines)
    body = _HEADING.sub("", "\n".join(lines[taken:]))
    least = _SHORTEST_HAN if tongue == "zh" else SHORTEST
    whole = (one for one in sentences(body, tongue) if least <= len(one) <= LONGEST and one.count('"') % 2 == 0)
    return next((one for one in whole if not teller(one, tongue)), "")


def _sorted(lines: Sequence[str], tongue: str) -> Iterator[tuple[str, str]]:
    """Each line with the part of a life that it has most words of."""
    said = words(tongue, "phases")
    vocabulary = {word for line in lines for word in _WORD.findall(line.casefold())}
    stems = {phase: occurring(tongue, said[phase], vocabulary) for phase in PHASES}
    patterns = {phase: starting(tongue, own) for phase, own in stems.items() if own}
    for line in lines:
        counts = {phase: len(pattern.findall(line)) for phase, pattern in patterns.items()}
        if any(counts.values()):
            yield max(counts, key=lambda phase: counts[phase]), line
