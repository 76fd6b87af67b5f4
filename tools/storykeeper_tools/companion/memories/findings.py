"""What a family should know about its memory book before a voice tells it: contradictions, gaps, private things."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from . import private
from .book import Book
from .claims import Claim, Listener, agree, by_id, listener, told
from .corrections import CORRECTION, Correction, understood
from .item import folded
from .phases import PHASES, gaps

Code = Literal["contradiction", "overruled", "gap", "undated", "sensitive", "pii", "orders", "unclear"]
LABELS = {
    "birth_year": "birth years",
    "birth_place": "birth places",
    "death_year": "years of death",
    "wedding_year": "wedding years",
    "mother": "names of the mother",
    "father": "names of the father",
    "spouse": "names of husband or wife",
    "siblings": "numbers of brothers and sisters",
    "children": "numbers of children",
}
"""The kinds of claims that can be true only one way, or, of a husband or wife, are asked about."""
UNTOLD = "nothing is told about "
UNCLEAR = "the companion is told it all the same, but the rehearsal can't check it"
_MOST, _MANY = 3, 8


@dataclass(frozen=True, slots=True)
class Finding:
    """`items` are ids of memories; `do` is what a family can do about it."""

    code: Code
    what: str
    do: str
    items: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}; {self.do}"


def findings(book: Book, heard: Listener | None = None) -> list[Finding]:
    """Everything that is worth a word, the gravest first. Deterministic, from rules alone: it doesn't find all."""
    if not book.entries:
        return []
    heard = heard or listener(book)
    claims = told(book, heard)
    corrections = [understood(line, heard) for line in book.corrections]
    return [
        *_contradictions(book, claims, corrections),
        *_overruled(book, claims, corrections),
        *_unclear(corrections),
        *_matching(book, "pii", lambda text: private.numbers(text, book.language)),
        *_matching(book, "sensitive", private.Matters(heard.names).told),
        *_orders(book),
        *_gaps(book, claims, corrections),
        *_undated(book),
    ]


def warnings(found: Sequence[Finding]) -> list[str]:
    """The findings in few sentences."""
    lines: list[str] = []
    for code in ("contradiction", "overruled"):
        own = [str(finding) for finding in found if finding.code == code]
        rest = len(own) - _MOST
        lines += [*own[:_MOST], *([f"{rest} more like that; storykeeper book shows all"] if rest > 0 else [])]
    for code in ("pii", "sensitive"):
        own = [finding for finding in found if finding.code == code]
        lines += [f"{'; '.join(finding.what for finding in own)}; {own[0].do}"] if own else []
    unclear = [finding.what for finding in found if finding.code == "unclear"]
    more = f" and {len(unclear) - _MOST} more" if len(unclear) > _MOST else ""
    lines += [f"{'; '.join(unclear[:_MOST])}{more}; {UNCLEAR}"] if unclear else []
    missing = [finding.what.removeprefix(UNTOLD) for finding in found if finding.code == "gap"]
    lines += [f"{UNTOLD}{', '.join(missing)}; storykeeper interview asks about it"] if missing else []
    return [*lines, *(str(finding) for finding in found if finding.code in {"orders", "undated"})]


def _contradictions(book: Book, claims: Sequence[Claim], corrections: Sequence[Correction]) -> Iterator[Finding]:
    settled = {claim.kind for correction in corrections for claim in correction.claims}
    for kind, label in LABELS.items():
        apart = _apart(kind, [claim for claim in claims if claim.kind == kind])
        if len(apart) > 1 and kind not in settled:
            said = " and ".join(_said(book, claim) for claim in apart)
            do = "say in a correction which is right" + (", or that there were both" if kind == "spouse" else "")
            yield Finding("contradiction", f"{_count(len(apart))} {label} are told: {said}", do, _items(apart))


def _overruled(book: Book, claims: Sequence[Claim], corrections: Sequence[Correction]) -> Iterator[Finding]:
    for correction in corrections:
        against = [
            claim
            for right in correction.claims
            for claim in claims
            if claim.kind == right.kind and not agree(right.kind, claim.value, right.value)
        ]
        hints = [] if correction.claims else _mentioning(book, correction)
        if against:
            said = " and ".join(_said(book, claim) for claim in _once(against))
            what = f"told otherwise, and overruled by “{correction.line}”: {said}"
            yield Finding("overruled", what, "the rehearsal checks that the correction is told", _items(against))
        elif hints:
            what = f"“{correction.line}” may overrule {', '.join(by_id(book)[id].item.where for id in hints[:_MOST])}"
            yield Finding("overruled", what, "see whether it does", tuple(hints))


def _unclear(corrections: Sequence[Correction]) -> Iterator[Finding]:
    for correction in corrections:
        if not correction.claims:
            yield Finding("unclear", f"“{correction.line}” isn't understood by the rules", UNCLEAR)


def _mentioning(book: Book, correction: Correction) -> list[str]:
    """Memories that tell what a correction denies, of the same thing as far as their words show it."""
    right, own = set(folded(correction.line).split()), set(folded(book.subject).split())
    denied = {word for value in correction.against for word in folded(value).split()}
    topic = {word for word in right - denied - own if len(word) > 3}
    found: list[str] = []
    for entry in book.entries:
        if any(value in entry.item.text for value in correction.against):
            words = set(folded(entry.item.text).split())
            found += [entry.id] if denied & words and topic & words else []
    return found


def _matching(book: Book, code: Literal["pii", "sensitive"], find: Callable[[str], list[str]]) -> Iterator[Finding]:
    kinds: dict[str, list[str]] = {}
    for entry in book.entries:
        for kind in find(entry.item.text):
            kinds.setdefault(kind, []).append(entry.id)
    for kind, ids in kinds.items():
        where = by_id(book)[ids[0]].item.where + (f" and {len(ids) - 1} more" if len(ids) > 1 else "")
        if code == "pii":
            yield Finding(code, f"{kind} stands in {where}", "take it out unless it has to be told", tuple(ids))
        else:
            what = f"{kind.replace('_', ' ')} of somebody else may be told in {where}"
            yield Finding(code, what, "ask them, or leave it out: they may be living", tuple(ids))


def _orders(book: Book) -> Iterator[Finding]:
    ids = tuple(entry.id for entry in book.entries if private.orders(entry.item.text))
    if ids:
        where = by_id(book)[ids[0]].item.where
        yield Finding("orders", f"{where} reads like orders to a machine", "it is kept as text and not followed", ids)


def _gaps(book: Book, claims: Sequence[Claim], corrections: Sequence[Correction]) -> Iterator[Finding]:
    said = [*(claim for correction in corrections for claim in correction.claims), *claims]
    born = next((int(claim.value) for claim in said if claim.kind == "birth_year"), 0)
    for phase in gaps(book.items, language=book.language, born=born):
        yield Finding("gap", UNTOLD + PHASES[phase], "storykeeper interview asks about it")


def _undated(book: Book) -> Iterator[Finding]:
    ids = tuple(entry.id for entry in book.entries if not entry.item.date)
    if 2 * len(ids) > len(book.entries):
        what = f"{len(ids)} of {len(book.entries)} memories have no date"
        yield Finding("undated", what, "a year in a sentence is enough", ids)


def _apart(kind: str, claims: Sequence[Claim]) -> list[Claim]:
    """One claim for each value that can't be true together with those before."""
    apart: list[Claim] = []
    for claim in claims:
        if len(apart) < _MANY and not any(agree(kind, claim.value, other.value) for other in apart):
            apart.append(claim)
    return apart


def _once(claims: Sequence[Claim]) -> list[Claim]:
    return list({claim.value: claim for claim in reversed(claims)}.values())[::-1][:_MANY]


def _said(book: Book, claim: Claim) -> str:
    if claim.item == CORRECTION:
        return claim.value
    entry = by_id(book)[claim.item]
    return f"{claim.value} ({'; '.join([entry.item.where, *entry.also])})"


def _items(claims: Sequence[Claim]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(claim.item for claim in claims))


def _count(number: int) -> str:
    return {2: "two", 3: "three"}.get(number, str(number))
