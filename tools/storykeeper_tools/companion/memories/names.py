"""The people and places that a book names: learnt where they are named as such, and known again elsewhere.

Rules, and careful ones: a name that is missed costs little, one that is none would be told as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from .item import Item
from .wording import HAN_NAME, HAN_PLACE, NAME, eastern, not_names, words
from .wording import name as named

_CAPITAL = re.compile(r"(?<![\w'’])[A-ZÀ-ÖØ-ÞŁŠŽČ][\w-]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_MOST = 1000
PLACE = NAME.replace("<name>", "<place>")


@dataclass(frozen=True, slots=True)
class Names:
    """`people` and `places` as they are written; `plain` are the words that the book also writes in small letters, and
    `words` all that it has, in small letters."""

    language: str
    subject: frozenset[str]
    people: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    _known: frozenset[str] = field(init=False, repr=False, default=frozenset())
    _first: dict[str, list[str]] = field(init=False, repr=False, default_factory=dict[str, list[str]])

    def __post_init__(self) -> None:
        placed = {word.casefold() for place in self.places for word in place.split()}
        object.__setattr__(self, "_known", not_names(self.language) | self.subject | self.plain | placed)
        for name in sorted(self.people | self.places):
            self._first.setdefault(name.split()[0], []).append(name)

    def people_in(self, text: str) -> list[str]:
        """Known people that a text names, in order; the person of the book aside."""
        return self._in(text, self.people)

    def places_in(self, text: str) -> list[str]:
        return self._in(text, self.places)

    def _in(self, text: str, known: frozenset[str]) -> list[str]:
        if eastern(self.language):
            return sorted((name for name in sorted(known)[:_MOST] if name in text), key=text.index)
        begun = dict.fromkeys(name for word in _CAPITAL.findall(text) for name in self._first.get(word, ()))
        return [name for name in begun if name in known and _standing(name, text)]

    def strangers(self, sentence: str) -> list[str]:
        """Capitalised words that may be somebody else: not the person of the book, no place, no common word."""
        return [
            match[0]
            for match in _CAPITAL.finditer(sentence)
            if match[0].casefold() not in self._known
            and not _ARTICLE.search(sentence[max(0, match.start() - 6) : match.start()])
        ]


_ARTICLE = re.compile(
    r"\b(?:the|a|an|el|la|los|las|un|una|il|lo|le|i|gli|o|a|os|as|um|uma|les|des|in|at|on|en|em|à|nach|aus)\s$", re.I
)


def learn(items: Iterable[Item], *, subject: str, language: str) -> Names:
    """The names in some memories, and those that their sources state."""
    everything = list(items)
    people: set[str] = set()
    places: set[str] = set()
    said: set[str] = set()
    for item in everything:
        people |= {*item.people, *_named(item.text, _people(language), language)}
        places |= {*item.places, *_named(item.text, _places(language), language)}
        said |= set(_WORD.findall(item.text))
    own = frozenset(subject.casefold().split())
    others = frozenset(name for name in people if name.casefold().split()[:1] != [subject.casefold().split()[0]])
    firsts = {word for name in others for word in name.split()}
    elsewhere = frozenset(place for place in places if place.split()[0] not in firsts)
    plain, everything_said = frozenset(filter(str.islower, said)), frozenset(map(str.casefold, said))
    return Names(language, own, others, elsewhere, plain, everything_said)


def _standing(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _named(text: str, patterns: Sequence[re.Pattern[str]], language: str) -> set[str]:
    return {said for pattern in patterns for match in pattern.finditer(text) if (said := _name(match, language))}


def _name(match: re.Match[str], language: str) -> str:
    if "place" not in match.re.groupindex:
        return named(match, language)
    words_ = match["place"].split()
    refused = not_names(language) | set(words(language, "claims")["not_places"].split("|"))
    return "" if words_[0].casefold() in refused or match["place"].casefold() in refused else match["place"]


@cache
def _people(language: str) -> Sequence[re.Pattern[str]]:
    kin = words(language, "kin")
    relations = [word for kind in ("mother", "father", "spouse", "sibling", "child", "others") for word in kin[kind]]
    any_kin = f"(?:{'|'.join(relations)})"
    if eastern(language):
        return [re.compile(rf"{any_kin}(?:名叫|叫|名字是|的名字是|的名字叫){HAN_NAME}")]
    called = r"(?:(?i:called|named|hieß|heißt|namens|se llamaba|s['’]appelait|si chiamava|chamava-se|se chamava)) "
    patterns = [rf"\b{any_kin},? {called}{NAME}"]
    if language == "de":  # "meine Frau Anna", but also "meine Frau Brot backte"
        titles = rf"(?<!eine )(?<!ihre )\b(?:{'|'.join(kin['titles'])})"
    else:
        titles = rf"\b(?i:{'|'.join(kin['titles'])})"
    patterns.append(rf"{titles}\.? {NAME}")
    if language != "de":  # its nouns are capitalised, so that what follows needn't be a name
        patterns.append(rf"\b(?i:{kin['own']}|{kin['their']}) {any_kin},? {NAME}")
        patterns.append(rf"\b(?:{'|'.join(word.capitalize() for word in kin['others'])}) {NAME}")
    return [re.compile(pattern) for pattern in patterns]


@cache
def _places(language: str) -> Sequence[re.Pattern[str]]:
    after = words(language, "claims")["places_after"]
    if eastern(language):
        return [re.compile(rf"(?:住在|出生在|出生于|来到|搬到){HAN_PLACE}")]
    return [re.compile(rf"\b(?:{after}) {PLACE}")] if after else []
