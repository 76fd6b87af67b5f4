"""Memories that can be searched: BM25 over sentences, in the light of their paragraphs and headings."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from . import words
from .languages import Language
from .passages import Passage, passages
from .types import Source

_MOST_WORDS = 64
_HEADING = -1
_WITHIN, _EAST_WITHIN = 0.51, 0.34
_CONTEXT = 0.35
_ASIDE = 0.5
_SYNONYM = 0.7
_LINKING = frozenset(
    {"he", "she", "it", "they", "this", "that", "these", "those", "there", "then", "but", "and", "so", "his", "her"}
)
_LONGEST = 420


@dataclass(frozen=True)
class Hit:
    """A passage that fits, its sentences' scores and its own, and how much of what was asked it covers, from 0 to 1."""

    passage: Passage
    scores: tuple[float, ...]
    score: float
    coverage: float

    @property
    def best(self) -> int:
        """The first of the sentences that fit best."""
        return self.scores.index(max(self.scores))


@dataclass(frozen=True)
class Wanted:
    """A word that is asked for: its stem and those of its synonyms. A weak one is not missed where it doesn't occur."""

    own: str
    stems: frozenset[str]
    weak: bool


class Memory:
    """An agent's documents, read once. Searching costs in proportion to how often the asked words occur."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.passages = [passage for source in sources for passage in passages(source)]
        self._places: defaultdict[str, dict[int, list[int]]] = defaultdict(dict)
        for number, passage in enumerate(self.passages):
            for at, sentence in ((_HEADING, passage.heading), *enumerate(passage.sentences)):
                for term in words.terms(sentence):
                    self._places[term].setdefault(number, []).append(at)

    def find(self, asked: str, tongue: Language, about: frozenset[str] = frozenset()) -> list[Hit]:
        """What fits, best first, in the documents' order where equal; `about` are words for the person asked."""
        wanted = [self._known(each) for each in islice(_wanted(asked, tongue), _MOST_WORDS)]
        places = [self._at(each.stems) for each in wanted]
        weights = [self._weight(len(found)) for found in places]
        candidates = sorted({number for found in places for number in found})
        years = words.plain(asked).startswith(_WHEN)
        hits = [self._hit(number, wanted, places, weights, about, years) for number in candidates]
        enough = _EAST_WITHIN if any(words.is_east(stem) for each in wanted for stem in each.stems) else _WITHIN
        return sorted((hit for hit in hits if hit.coverage >= enough), key=lambda hit: -hit.score)

    def _known(self, wanted: Wanted) -> Wanted:
        # "naciste" is looked up as "nacis..." where no form of it occurs as such.
        if any(stem in self._places for stem in wanted.stems):
            return wanted
        longest = max(wanted.stems, key=len)
        start = longest[: max(5, len(longest) - 3)]
        near = [term for term in self._places if term.startswith(start) and len(term) - len(start) <= 3]
        return Wanted(near[0], frozenset(near), wanted.weak) if near and len(longest) >= 6 else wanted

    def _at(self, stems: frozenset[str]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for stem in stems & self._places.keys():
            for number, places in self._places[stem].items():
                found[number] = found.get(number, []) + places
        return found

    def _weight(self, having: int) -> float:
        return 1 + math.log(1 + (len(self.passages) - having + 0.5) / (having + 0.5))

    def _hit(
        self,
        number: int,
        wanted: Sequence[Wanted],
        places: Sequence[dict[int, list[int]]],
        weights: Sequence[float],
        about: frozenset[str],
        years: bool,
    ) -> Hit:
        passage = self.passages[number]
        scores = [0.0] * len(passage.sentences)
        covered = total = strong = 0.0
        for each, found, weight in zip(wanted, places, weights, strict=True):
            here = set(found.get(number, []))
            covered += weight * bool(here)
            total += weight * (bool(here) or not each.weak)
            strong += bool(here) and not each.weak
            for at in here - {_HEADING}:
                exact = at in self._places[each.own].get(number, ()) if each.own in self._places else False
                scores[at] += weight * _saturated(len(passage.sentences[at])) * (1 if exact else _SYNONYM)
        stems = frozenset[str]().union(*(each.stems for each in wanted))
        for at, sentence in enumerate(passage.sentences):
            scores[at] *= _bonus(sentence, stems, about, years) if scores[at] else 0
        fits = strong or all(each.weak for each in wanted)
        score = (max(scores) + _CONTEXT * covered) * (_ASIDE if passage.aside else 1)
        return Hit(passage, tuple(scores), score, covered / total if total and fits else 0.0)


def windows(hits: Sequence[Hit]) -> Iterator[tuple[Hit, range]]:
    """Two to four sentences at a time: the best ones of each passage, then what follows them there."""
    for hit in hits:
        said = _best(hit)
        yield hit, said
        while said.stop < len(hit.passage.sentences):
            said = _span(hit.passage.sentences, said.stop, said.stop)
            yield hit, said


def _best(hit: Hit) -> range:
    """Some neighbours with the best sentence among them: those that fit best too, and rather what follows it."""
    sentences = hit.passage.sentences
    best = hit.best
    linked = best > 0 and _opening(sentences[best]) in _LINKING
    spans = [_span(sentences, start, best) for start in range(max(0, best - 2), best + 1)]
    return max(
        spans, key=lambda span: (sum(hit.scores[span.start : span.stop]), span.start == best - linked, span.start)
    )


def _span(sentences: Sequence[str], start: int, best: int) -> range:
    stop = best + 1
    while stop < len(sentences) and stop - start < 3 and sum(map(len, sentences[start : stop + 1])) <= _LONGEST:
        stop += 1
    return range(start, stop)


_WHEN = (
    "when",
    "what year",
    "which year",
    "how old",
    "wann",
    "in welchem jahr",
    "cuando",
    "en que ano",
    "quand",
    "en quelle annee",
    "quando",
    "em que ano",
    "in che anno",
    "什么时候",
    "你什么时候",
    "你是什么时候",
    "哪一年",
)


def _wanted(asked: str, tongue: Language) -> Iterator[Wanted]:
    seen: set[str] = set()
    for word in words.words(asked):
        for term in _signs(word, tongue) if words.is_east(word) else [word]:
            stem = term if words.is_east(term) else words.stem(term)
            if (
                term not in tongue.stop
                and stem not in seen
                and not (len(stem) == 1 and stem.isascii() and not stem.isdigit())
            ):
                seen.add(stem)
                yield Wanted(stem, tongue.same.get(stem, frozenset({stem})), stem in tongue.weak)


def _signs(run: str, tongue: Language) -> list[str]:
    cuts = sorted((word for word in tongue.stop if words.is_east(word)), key=len, reverse=True)
    parts = re.split("|".join(map(re.escape, cuts)), run) if cuts else [run]
    return [term for part in parts for term in (words.pairs(part) if len(part) > 1 else part)]


def _saturated(length: int) -> float:
    # Okapi's k1 = 1.2 and b = 0.5 for a word that occurs once; sentences of a hundred characters are the usual ones.
    return 2.2 / (1 + 1.2 * (0.5 + 0.5 * length / 100))


def _bonus(sentence: str, stems: frozenset[str], about: frozenset[str], years: bool) -> float:
    """For a number where a time is asked for, and for what is said of the person asked: "my father", "Dorothy was born"."""
    said = words.words(sentence)
    near = any(words.stem(word) in stems and about & {*said[max(0, at - 2) : at]} for at, word in enumerate(said))
    bonus = 1.5 if near else 1.0
    return bonus * 1.25 if years and re.search(r"\d", sentence) else bonus


def _opening(sentence: str) -> str:
    return next(iter(words.words(sentence[:40])), "")
