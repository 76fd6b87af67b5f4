"""What a book tells for certain of its person, for questions that have a right answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .book import Book, build
from .claims import Claim, agree, listener, told
from .corrections import Correction, understood
from .item import Item

KINDS = (
    "birth_year",
    "birth_place",
    "mother",
    "father",
    "spouse",
    "wedding_year",
    "child",
    "sibling",
    "work_place",
    "home",
)
_ALL = frozenset({"child", "sibling"})


@dataclass(frozen=True, slots=True)
class Fact:
    """Any of `expected` is right; `against` is told too, and wrong. `item` is a memory's id, or "correction"."""

    kind: str
    expected: tuple[str, ...]
    item: str
    against: tuple[str, ...] = ()


def facts(items: Sequence[Item], *, subject: str, corrections: Sequence[str] = (), language: str = "en") -> list[Fact]:
    """Facts that nothing in the memories contradicts, or that a correction settles; one of each kind at most. What a
    correction may mean that the rules don't understand is none."""
    return of(build(items, subject=subject, corrections=corrections, language=language))


def of(book: Book) -> list[Fact]:
    heard = listener(book)
    claims = told(book, heard)
    corrections = [understood(line, heard) for line in book.corrections]
    found = (_fact(kind, [c for c in claims if c.kind == kind], corrections) for kind in KINDS)
    return [fact for fact in found if fact]


def _fact(kind: str, claims: Sequence[Claim], corrections: Sequence[Correction]) -> Fact | None:
    # The last correction counts: it was added after the others.
    for n, correction in reversed([*enumerate(corrections, 1)]):
        right = next((claim for claim in correction.claims if claim.kind == kind), None)
        if right and any(later.doubts(kind, [right.value]) for later in corrections[n:]):
            return None
        if right:
            wrong = [c.value for c in claims if not agree(kind, c.value, right.value)]
            return Fact(kind, (right.value,), right.item, _unlike(kind, right.value, [*wrong, *correction.against]))
    if not claims or any(correction.doubts(kind, [c.value for c in claims]) for correction in corrections):
        return None
    first = claims[0]
    if kind in _ALL:
        return Fact(kind, tuple(dict.fromkeys(claim.value for claim in claims)), first.item)
    if all(agree(kind, first.value, claim.value) for claim in claims):
        return Fact(kind, tuple(dict.fromkeys(claim.value for claim in claims)), first.item)
    return None


def _unlike(kind: str, right: str, values: Sequence[str]) -> tuple[str, ...]:
    alike = [value for value in values if value.isdigit() == right.isdigit()]
    return tuple(dict.fromkeys(value for value in alike if not agree(kind, value, right)))
