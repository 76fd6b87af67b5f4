"""The words of a language by which memories are understood: the tables `[book.…]` of its file, as patterns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from ..language import table

NAME = (
    r"(?P<name>[A-ZÀ-ÖØ-ÞŁŠŽČ](?:[’'][A-ZÀ-ÖØ-Þ])?[\w-]++"
    r"(?: (?:(?:de|da|do|dos|di|del|della|van|von|der|den|la|le) ){0,2}(?:Mac|Mc|O['’])?[A-ZÀ-ÖØ-ÞŁŠŽČ][\w-]++){0,2})(?!['’]s\b)"
)
HAN_NAME = r"(?P<name>[\u4e00-\u9fff]{2,3}?)(?=[，。,、；;！（(]|$)"
HAN_PLACE = r"(?P<place>[\u4e00-\u9fff]{2,8}?)(?=[，。,、；;！的（(]|$|出生|工作)"
_WORD = re.compile(r"[\s'’-]")
YEAR = r"(?P<year>(?:1[89]|20)\d\d)"


def words(language: str, part: str) -> dict[str, Any]:
    """A table of `[book]`: `dates`, `kin`, `claims`, `phases` or `sensitive`."""
    return table(language, "book")[part]


def eastern(language: str) -> bool:
    """Whether words aren't set apart."""
    return language == "zh"


@cache
def starting(language: str, stems: tuple[str, ...]) -> re.Pattern[str]:
    """Finds words that begin with one of the stems; short ones count as whole words only."""
    if not stems:
        return re.compile(r"(?!)")
    if eastern(language):
        return re.compile("|".join(map(re.escape, stems)))
    long = [re.escape(stem) for stem in stems if len(stem) > 3]
    short = [re.escape(stem) + r"(?:s|e|en|er)?\b" for stem in stems if len(stem) <= 3]
    return re.compile(rf"\b(?:{'|'.join([*long, *short])})", re.I)


def occurring(language: str, stems: Iterable[str], said: Collection[str]) -> tuple[str, ...]:
    """The stems with which one of some words begins: looking for the others would take time for nothing."""
    if eastern(language):
        return tuple(stems)
    return tuple(stem for stem in stems if any(word.startswith(_WORD.split(stem)[0]) for word in said))


@cache
def whole(language: str, found: tuple[str, ...]) -> re.Pattern[str]:
    """Finds one of some words, with a common ending."""
    if eastern(language):
        return re.compile("|".join(map(re.escape, found)))
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, found))})(?:s|n|e|es|nen)?\b", re.I)


@cache
def not_names(language: str) -> frozenset[str]:
    """Capitalised words that are nobody's name, months and the words for kin among them."""
    months = [name for month in words(language, "dates")["months"] for name in month.split("|")]
    kin = words(language, "kin")
    relations = [word for kind in ("mother", "father", "spouse", "others", "titles") for word in kin[kind]]
    said = words(language, "claims")["not_names"].split("|")
    return frozenset(word.casefold() for word in [*months, *relations, *said])


def name(match: re.Match[str], language: str) -> str:
    """The name that a pattern found, or nothing where it is another capitalised word."""
    found = match["name"].strip()
    first = re.split(r"[ '’]", found)[0]
    return "" if first.casefold() in not_names(language) else found


@cache
def kin(language: str) -> str:
    """A pattern of the words for somebody of a family, or near it."""
    said = words(language, "kin")
    kinds = ("mother", "father", "spouse", "sibling", "child", "others", "more")
    found = sorted({word for kind in kinds for word in said[kind]}, key=len, reverse=True)
    if eastern(language):
        return f"(?:{'|'.join(found)})"
    return rf"(?<!\w)(?i:{'|'.join(found)})(?:s|n|e|en|es|nen)?(?!\w)"


def teller(text: str, language: str) -> str:
    """Who tells a text, where it says so."""
    for pattern in _tellers(language):
        for found in pattern.finditer(text):
            if said := name(found, language):
                return said
    return ""


@cache
def _tellers(language: str) -> Sequence[re.Pattern[str]]:
    patterns: Sequence[str] = words(language, "claims")["told_by"]
    named = HAN_NAME if eastern(language) else NAME
    relation = r"(?:[\w'’]+ ){0,2}" if not eastern(language) else ""
    return [re.compile(_lenient(p).replace("{name}", relation + named)) for p in patterns]


def _lenient(pattern: str) -> str:
    """With a capital at its head, too."""
    return f"(?i:{pattern.partition('{name}')[0]})" + "{name}" + pattern.partition("{name}")[2]
