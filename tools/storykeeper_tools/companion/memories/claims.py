"""What the memories say of their person that can be compared: years, places, names, numbers.

A sentence counts where its subject is sure: the person's name, "I" where it is said that the person tells, or "she"
where the person was the last one spoken of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from .book import Book
from .item import folded
from .names import Names, learn
from .phrasing import Phrasing, Voice, cased
from .provenance import Entry
from .sentences import sentences
from .wording import eastern, kin, name, not_names, words

YEARS = ("birth_year", "death_year", "wedding_year")
PLACES = ("birth_place", "work_place", "home")
PEOPLE = ("mother", "father", "spouse", "sibling", "child")
NUMBERS = ("siblings", "children")
KINDS = (*YEARS, *PLACES, *PEOPLE, *NUMBERS)
_MOST = 8
_CAPITAL = re.compile(r"(?<![\w'’])[A-ZÀ-ÖØ-ÞŁŠŽČ]\w+")


class Claim(NamedTuple):
    """`item` is the id of the memory that says it, or "correction"."""

    kind: str
    value: str
    item: str


@dataclass(frozen=True)
class Listener:
    """Hears claims about one person in one language."""

    subject: str
    language: str
    names: Names

    @cached_property
    def _phrasing(self) -> Phrasing:
        return Phrasing(self.subject, self.language)

    @cached_property
    def _patterns(self) -> dict[Voice, list[tuple[str, re.Pattern[str]]]]:
        voices = [Voice(own, meant) for own in (False, True) for meant in (False, True)]
        return {voice: list(self._compiled(voice)) for voice in voices}

    def _compiled(self, voice: Voice) -> Iterator[tuple[str, re.Pattern[str]]]:
        said, relations = words(self.language, "claims"), words(self.language, "kin")
        for kind in (*YEARS, *PLACES, "spouse", *NUMBERS):
            for pattern in said[kind]:
                yield kind, self._phrasing.pattern(pattern, voice)
        for kind in PEOPLE:
            relation = f"(?:{'|'.join(relations[kind])})"
            for pattern in relations["named"]:
                yield kind, self._phrasing.pattern(pattern.replace("{kin}", relation), voice)

    def kinds(self, text: str, among: Iterable[str] = KINDS) -> set[str]:
        """The kinds of claims that a text may make, by single words: most say nothing, and are not looked at twice."""
        lower = text.lower()
        return {kind for kind in among if any(sign in lower for sign in self._signs[kind])}

    def heard(self, sentence: str, voice: Voice, item: str, among: Iterable[str] = KINDS) -> Iterator[Claim]:
        """What a sentence claims, each kind once."""
        possible = self.kinds(sentence, among)
        if not possible:
            return
        seen: set[str] = set()
        # A verb that "I" hides in may open the sentence: "Nací en 1941".
        opened = sentence[:1].lower() + sentence[1:]
        for kind, pattern in self._patterns[voice]:
            if kind not in possible or kind in seen:
                continue
            match = pattern.search(sentence) or (pattern.search(opened) if voice.own and self._hides else None)
            value = self._value(kind, match) if match and self._sure(kind, match, sentence, voice) else ""
            if value:
                seen.add(kind)
                yield Claim(kind, value, item)

    @cached_property
    def _signs(self) -> dict[str, list[str]]:
        """Parts of words of which a text has one at least, to claim something of a kind."""
        said, relatives = words(self.language, "claims")["signs"], words(self.language, "kin")
        relations = {kind: [word.lower() for word in relatives[kind]] for kind in ("mother", "father", "spouse")}
        signs = {kind: sign.split("|") for kind, sign in said.items()}
        return {kind: [*signs.get(kind, []), *relations.get(kind, [])] for kind in KINDS}

    def _sure(self, kind: str, match: re.Match[str], sentence: str, voice: Voice) -> bool:
        """Nobody else between the person and what is said, nor before "she"; and "I" isn't a quotation's."""
        start, end = match.span(_group(kind))
        who, whose = match.span("who")
        between = sentence[whose:start] + sentence[end : match.end()] if whose <= start else sentence[end:who]
        if self._breaks.search(between):
            return False
        if kind in {*YEARS, *PLACES} and kind != "wedding_year" and self.names.people_in(between):
            return False
        if kind not in PEOPLE and eastern(self.language) and self._somebodys(kind, between):
            return False
        before = sentence[: match.start()]
        if re.search(self._phrasing.subject_said, match["who"]):
            return self._alone(before, voice) and not (match.start() == who and self._another(before))
        return not re.search(r"[\"“„«]", before) and (
            self._own.fullmatch(match["who"]) is not None or not self._others(before, voice)
        )

    def _somebodys(self, kind: str, between: str) -> bool:
        """ "王芳的母亲" is her mother, whom the rest is about."""
        said = between.replace("丈夫", "").replace("妻子", "") if kind == "wedding_year" else between
        return re.match("的(?!出生|生)", between) is not None or re.search(kin(self.language), said) is not None

    def _alone(self, before: str, voice: Voice) -> bool:
        """Not "the mother of" the person, nor "her sister" of that name."""
        return self._whose.search(self._without(before, voice)) is None

    def _another(self, before: str) -> bool:
        """Whether the name is somebody else's second: "Mary Dorothy"."""
        last = self.names.strangers(before)[-1:]
        return bool(last) and re.search(rf"{re.escape(last[0])}['’\w-]*\s+$", before) is not None

    @cached_property
    def _whose(self) -> re.Pattern[str]:
        said = words(self.language, "kin")
        if eastern(self.language):
            return re.compile(f"{kin(self.language)}$")
        return re.compile(rf"(?:\b(?i:{said['before']})\s+|{kin(self.language)},?\s+)$")

    @cached_property
    def _meant(self) -> re.Pattern[str]:
        """ "My mother", just before or after the name."""
        said = words(self.language, "kin")
        of, own = cased(said["own"]), kin(self.language)
        if eastern(self.language):
            return re.compile(f"{of}的?{own}(?={self.subject}|$)|{self.subject}(?:{said['is']}){of}的?{own}")
        name = self._phrasing.subject_said
        return re.compile(rf"\b{of} {own}(?=,? {name}|,?\s+$)|{name}(?:,| (?:{said['is']})(?: [oa])?) {of} {own}")

    def _others(self, before: str, voice: Voice) -> list[str]:
        """Words that may be whom "she" means: names, and words for kin."""
        known = {*not_names(self.language), *self.names.subject, *self.names.plain}
        named = [word for word in _CAPITAL.findall(before) if word.casefold() not in known]
        return [*named, *re.findall(kin(self.language), self._without(before, voice))]

    def kin_in(self, sentence: str, voice: Voice) -> bool:
        """Whether a sentence speaks of somebody else by a word for kin."""
        return re.search(kin(self.language), self._without(sentence, voice)) is not None

    def _without(self, text: str, voice: Voice) -> str:
        """Without the words for kin that mean the person: "my mother", where a child tells."""
        return text if voice.own else self._meant.sub("", text)

    @cached_property
    def _hides(self) -> bool:
        return any("{i}" in pattern for pattern in words(self.language, "claims")["birth_year"])

    @cached_property
    def named(self) -> re.Pattern[str]:
        """Finds the person's name, or a part of it."""
        parts = [self.subject] if eastern(self.language) else self.subject.split()
        return re.compile("|".join(map(re.escape, parts)), re.I)

    @cached_property
    def hers(self) -> re.Pattern[str]:
        """Finds "her" at the head of a sentence."""
        return re.compile(rf"(?:{cased(words(self.language, 'kin')['their'])})(?!\w)")

    @cached_property
    def _own(self) -> re.Pattern[str]:
        said, own = words(self.language, "claims"), words(self.language, "kin")["own"]
        return re.compile(rf"(?:|{cased(said['me'])}|{cased(said['we'])}|{cased(own)})")

    @cached_property
    def _breaks(self) -> re.Pattern[str]:
        said = words(self.language, "claims")
        if eastern(self.language):
            return re.compile(said["breaks"])
        return re.compile(rf"\b(?:{'|'.join(said[key] for key in ('breaks', 'me', 'we', 'they'))})\b", re.I)

    def _value(self, kind: str, match: re.Match[str]) -> str:
        if kind in YEARS:
            return match["year"]
        if kind in NUMBERS:
            return _number(match["n"], words(self.language, "claims")["several"].split("|"))
        if kind in PLACES:
            first = match["place"].split()[0].casefold()
            refused = {*not_names(self.language), *words(self.language, "claims")["not_places"].split("|")}
            return "" if first in refused or match["place"] in self.names.people else match["place"]
        return name(match, self.language)


def listener(book: Book) -> Listener:
    return Listener(book.subject, book.language, learn(book.items, subject=book.subject, language=book.language))


def told(book: Book, listener: Listener) -> list[Claim]:
    """All claims of a book's memories, in order."""
    focus: dict[str, _Focus] = {}
    found: list[Claim] = []
    for entry in book.entries:
        source, own = entry.item.source, _same(entry.item.contributor, book.subject)
        kinds = listener.kinds(entry.item.text)
        for sentence in sentences(entry.item.text, book.language):
            before = focus.get(source, _Focus.NOBODY)
            hers = before is not _Focus.NOBODY and listener.hers.match(sentence) is not None
            voice = Voice(own, hers or before is _Focus.PERSON)
            found += listener.heard(sentence, voice, entry.id, kinds)
            if before is not _Focus.NOBODY or listener.named.search(sentence):
                focus[source] = _focused(sentence, listener, before, hers, listener.kin_in(sentence, voice))
    wide = _around(book, found)
    return [claim for claim in found if claim.kind != "birth_place" or claim.value not in wide]


class _Focus(Enum):
    """Whom "she" means in what comes next: the person, perhaps somebody of whom "her mother" told, or nobody sure."""

    NOBODY = 0
    THEIRS = 1
    PERSON = 2


def _focused(sentence: str, listener: Listener, before: _Focus, hers: bool, kin: bool) -> _Focus:
    if hers:
        return _Focus.THEIRS if kin else before
    if kin or listener.names.strangers(sentence):
        return _Focus.NOBODY
    if eastern(listener.language):
        return _Focus.PERSON if listener.subject in sentence else before
    said = {match.casefold() for match in _CAPITAL.findall(sentence)}
    return _Focus.PERSON if said & listener.names.subject else before


def _around(book: Book, claims: Sequence[Claim]) -> set[str]:
    """Birth places that some memory puts around another of them: the Ireland of "Cork, Ireland"."""
    places = list(dict.fromkeys(claim.value for claim in claims if claim.kind == "birth_place"))[:_MOST]
    east, texts = eastern(book.language), [item.text for item in book.items]
    return {
        around
        for place in places
        for around in places
        if place != around and any(map(re.compile(_inside(place, around, east)).search, texts))
    }


def _inside(place: str, around: str, east: bool) -> str:
    one, other = re.escape(place), re.escape(around)
    return f"{other}[省市县]?{one}" if east else rf"\b{one}(?:,(?: [^,.;\n]{{1,30}},)?| \(|,? in) {{0,1}}{other}\b"


def _same(contributor: str, subject: str) -> bool:
    # Of several writers it isn't known who said what.
    return "," not in contributor and folded(contributor).split()[:1] == folded(subject).split()[:1]


def _group(kind: str) -> str:
    """The part of a pattern that holds the value."""
    if kind in YEARS:
        return "year"
    if kind in PLACES:
        return "place"
    return "n" if kind in NUMBERS else "name"


def _number(said: str, several: Sequence[str]) -> str:
    return said if said.isdigit() else str(several.index(said) + 1)


def agree(kind: str, one: str, other: str) -> bool:
    """Whether two values may both be true: "Kathleen" and "Kathleen Murphy" may."""
    if kind in {*YEARS, *NUMBERS}:
        return one == other
    first, second = set(folded(one).split()), set(folded(other).split())
    return first <= second or second <= first


def by_id(book: Book) -> dict[str, Entry]:
    return {entry.id: entry for entry in book.entries}
