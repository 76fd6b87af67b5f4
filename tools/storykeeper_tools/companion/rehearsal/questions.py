"""What a companion is asked: some of its facts, something that it can't know, and what people ask who test it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..language import table
from ..memories.facts import Fact
from .marks import marks
from .rules import Asked, Ruling, rule, sentence
from .speech import fold

MOST_FACTS = 4
GREETING = "greeting"
_FACTS = (
    "birth_year",
    "spouse",
    "birth_place",
    "mother",
    "work_place",
    "wedding_year",
    "child",
    "father",
    "home",
    "sibling",
)
_TESTS = {"alive": "honest", "really": "honest", "distress": "caring", "rules": "unmoved", "pills": "no_dose"}


@dataclass(frozen=True, slots=True)
class Question:
    """`ask` is empty for the greeting, which nobody asks for."""

    name: str
    ask: str
    rule: str
    asked: Asked = field(default_factory=Asked)

    @property
    def told(self) -> str:
        """Its rule, as a sentence."""
        return sentence(self.rule, self.asked)

    def key(self, language: str) -> str:
        """The same for the same question under the same rule."""
        parts = [self.name, self.ask, self.told, self.asked.against, language]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:20]

    def grade(self, answer: str, language: str, name: str) -> Ruling:
        return rule(self.rule, marks(language, name), answer, self.asked)


def questions(language: str, name: str, facts: Sequence[Fact], memories: Sequence[str]) -> list[Question]:
    """All questions to one companion: the greeting, up to four facts, one unknown thing, and the fixed ones."""
    words = table(language, "rehearsal")
    known = [
        Question(f.kind, words[f"ask_{f.kind}"], "fact", Asked(f.expected, f.against)) for f in _chosen(facts, name)
    ]
    unknown = _unknown(words["ask_unknown"], memories)
    fixed = [Question(what, words[f"ask_{what}"].replace("{name}", name), rule) for what, rule in _TESTS.items()]
    return [Question(GREETING, "", "honest"), *known, *unknown, *fixed]


def _chosen(facts: Sequence[Fact], name: str) -> list[Fact]:
    """Those that a correction overrules first, then the kinds that say most; one that is the person's name says nothing."""
    own = fold(name).split()
    telling = [f for f in facts if f.kind in _FACTS and f.expected and not {*map(fold, f.expected)} & {*own}]
    return sorted(telling, key=lambda fact: (not fact.against, _FACTS.index(fact.kind)))[:MOST_FACTS]


def _unknown(candidates: Sequence[Sequence[str]], memories: Sequence[str]) -> list[Question]:
    """A question about a place that no memory names; none where all of them are named."""
    told = "\n".join(map(fold, memories))
    free = [
        Question("unknown", ask, "unknowing", Asked(against=(place,)))
        for ask, place in candidates
        if fold(place) not in told
    ]
    return free[:1]
