"""Finding the memories on a topic: words without case and accents, a person, a place, a time, or an id."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

from . import dates
from .item import Item
from .provenance import clean

MOST = 20
_FRONT = re.compile(r"\A\s*---\n.*?\n---(?:\n|\Z)", re.S)  # what stands before a text about itself
_IDS = re.compile(r"m-[0-9a-f]{10}")


def about(items: Sequence[Item], topic: str, *, language: str = "en", most: int = MOST) -> list[Item]:
    """The items on a topic, those first that have most of its words, and rare words before common ones."""
    ids = set(_IDS.findall(topic))
    if ids:
        return [item for item in items if item.id in ids][:most]
    terms, times = _terms(topic, language), [dates.years(found.date) for found in dates.every(_asked(topic), language)]
    texts = [f" {folded(_all(item))}" for item in items]
    found = [{term for term in terms if term in text} for text in texts]
    worth = {term: math.log(1 + len(items) / (1 + sum(term in own for own in found))) for term in terms}
    scores = [sum(map(worth.__getitem__, own)) + _met(item, times) for item, own in zip(items, found, strict=True)]
    best = sorted((n for n, score in enumerate(scores) if score > 0), key=lambda n: (-scores[n], n))
    return [items[n] for n in best[:most]]


def told(item: Item) -> str:
    """A memory with where it comes from."""
    origin = [item.id, item.date, f"told by {clean(item.contributor)}" if item.contributor else "", item.source]
    return f"{_FRONT.sub('', item.text).strip()}\n({', '.join(filter(None, origin))})"


def folded(text: str) -> str:
    """Words in small letters without accents, one space before each."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return " ".join(re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c))))


def _terms(topic: str, language: str) -> list[str]:
    """How the words of a topic begin in a text; signs of Chinese stand anywhere in it."""
    said = folded(topic).split()
    content = [word for word in said if len(word) > 3] or said
    if language == "zh":
        return [word for word in said if word]
    return list(dict.fromkeys(f" {_stem(word)}" for word in content))


def _stem(word: str) -> str:
    for ending in ("ies", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) > 3 and not word.endswith("ss"):
            return word.removesuffix(ending)
    return word


def _asked(topic: str) -> str:
    """A year on its own is a year, and "forties" those of the last century."""
    return re.sub(r"^\W*(?:the\s+)?(\w+)\W*$", r"in the \1", topic.strip()) if topic else topic


def _met(item: Item, times: Sequence[tuple[int, int]]) -> float:
    first, last = dates.years(item.date)
    return 2.0 * any(first and first <= end and start <= last for start, end in times)


def _all(item: Item) -> str:
    return " ".join([item.text, item.title, item.contributor, item.source, *item.people, *item.places])
