"""Corrections: what the family says outright, which outranks every memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from .claims import Claim, Listener
from .item import folded
from .phrasing import Voice
from .wording import eastern, words

CORRECTION = "correction"
_ARTICLE = re.compile(r"(?:the|das|el|la|le|il|l['’]|o|a)\b ?", re.I)
_NE = re.compile(r"\bn(?:e |[’'](?=[aeé]))")


@dataclass(frozen=True, slots=True)
class Correction:
    """`claims` are what it says, `against` what it says isn't so: years and names. `kinds` are those of the claims that
    one without any may be about."""

    line: str
    claims: tuple[Claim, ...] = ()
    against: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()

    def doubts(self, kind: str, values: Sequence[str]) -> bool:
        """Whether one of some values may be what it says isn't so."""
        if any(_among(value, self.against) for value in values):
            return True
        return not self.claims and (kind in self.kinds or any(folded(v) in folded(self.line) for v in values))


def understood(line: str, listener: Listener) -> Correction:
    """A correction as the rules understand it; one that they don't has no claims, and still outranks the memories."""
    said, language = line.strip(), listener.language
    tries, wrong = _parted(said, language)
    sure = _doubtful(language).search(tries[0]) is None
    heard = (_heard(each, listener) for one in tries if sure for each in _completed(one, listener))
    claims = next((found for found in heard if found), ())
    right = {claim.value for claim in claims}
    against = tuple(value for value in _values(wrong, eastern(language)) if value not in right)
    return Correction(line, claims, against, frozenset(listener.kinds(line)))


def _parted(line: str, language: str) -> tuple[list[str], str]:
    """What a line may say is so, and what it says isn't: "not 1940 but 1941", or "1941, not 1940"."""
    turned = _but(language).search(line)
    if turned:
        before, wrong, right = (part.strip(" ,，") for part in turned.group("before", "wrong", "right"))
        gap, east = ("", True) if eastern(language) else (" ", False)
        before = _NE.sub("", before) if language == "fr" else before
        old, new = _values(wrong, east), _values(right, east)
        swapped = [f"{before}{gap}{wrong.replace(old[0], new[0])}"] if len(old) == len(new) == 1 else []
        plain = f"{before}{gap}{right.rstrip('.。')}"
        return [plain, *swapped, f"{plain}, {words(language, 'claims')['not_but'][2]}{gap}{wrong}"], wrong
    right, *wrongs = _not(language).split(line, maxsplit=1)
    return [right, *([line] if wrongs and right.strip() else [])], " ".join(wrongs)


def _completed(said: str, listener: Listener) -> Iterator[str]:
    """What is said of the person, whether it names them or leaves it to the reader: "born in 1941"."""
    subject, table = listener.subject, words(listener.language, "kin")
    said = re.sub(r"\s*[:：]\s*", f" {table['is'].split('|')[0]} ", said).rstrip(" ,.。，")
    first = said[:1].lower() + said[1:]
    yield from (said, f"{subject} {first}", f"{subject} was {first}", f"{subject}, {first}", f"{subject}{said}")
    gap = "" if eastern(listener.language) else " "
    yield from (f"{table['hers']}{gap}{one}" for one in (said, _ARTICLE.sub("", first, count=1)))


def _heard(said: str, listener: Listener) -> tuple[Claim, ...]:
    return tuple(listener.heard(said, Voice(True, True), CORRECTION))


@cache
def _not(language: str) -> re.Pattern[str]:
    return re.compile(words(language, "claims")["not"], re.I)


@cache
def _but(language: str) -> re.Pattern[str]:
    no, but, _ = words(language, "claims")["not_but"]
    return re.compile(rf"^(?P<before>.*?)(?:{no})(?P<wrong>[^.;]*?)[,，]?\s*(?:{but})(?P<right>.*)$", re.I)


@cache
def _doubtful(language: str) -> re.Pattern[str]:
    """Words with which somebody says that something isn't so, in other ways than the two that are understood."""
    edge = "" if eastern(language) else r"\b"
    return re.compile(rf"[?？]|{edge}(?:{words(language, 'claims')['doubtful']}){edge}", re.I)


def _among(value: str, others: Sequence[str]) -> bool:
    one = set(folded(value).split())
    return any(one & set(folded(other).split()) for other in others)


def _values(text: str, east: bool) -> list[str]:
    found = re.findall(r"(?:1[89]|20)\d\d|[A-ZÀ-ÖØ-Þ][\w-]+(?: [A-ZÀ-ÖØ-Þ][\w-]+)*", text)
    if east and not found:
        found = re.findall(r"[\u4e00-\u9fff]{2,8}", text)[:1]
    return list(dict.fromkeys(found))
