"""What is said and understood in each language, from the files beside this one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from . import words

NAMES = ("en", "de", "es", "fr", "it", "pt", "zh")


@dataclass(frozen=True)
class Language:
    """A language: its sentences, its words without weight, its synonyms, its patterns of speech."""

    name: str
    sentences: Mapping[str, str]
    stop: frozenset[str]
    weak: frozenset[str]
    same: Mapping[str, frozenset[str]]
    first: frozenset[str]
    questions: tuple[str, ...]
    patterns: Mapping[str, str]

    def say(self, what: str, **values: str) -> str:
        """One of its sentences."""
        return self.sentences[what].format(**values)


@cache
def language(name: str) -> Language:
    """A language by its code, `pt-br` like `pt`; English where there is none."""
    found = name.lower().partition("-")[0]
    found = found if found in NAMES else "en"
    data = _data(found)
    groups = [frozenset(words.stem(word) for word in group) for group in data["same"]]
    return Language(
        name=found,
        sentences={key: text for key, text in data.items() if isinstance(text, str)},
        stop=frozenset(data["stop"].split()),
        weak=frozenset(words.stem(word) for word in data["weak"].split()),
        same={stem: group for group in groups for stem in group},
        first=frozenset(data["first"].split()),
        questions=tuple(data["questions"]),
        patterns={key: "|".join(value) for key, value in data.items() if key.startswith("is_")},
    )


def questions(name: str) -> tuple[str, ...]:
    """What anybody may ask, in a language."""
    return language(name).questions


@cache
def telling() -> dict[str, Any]:
    """The words by which English sentences are turned into the first person."""
    return _data("telling")


def _data(name: str) -> dict[str, Any]:
    file = resources.files(__package__ or "").joinpath("languages", f"{name}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def means(what: str, plain: str, tongue: Language | None = None, name: str = "") -> bool:
    """Whether plain words mean something, such as `is_farewell`: in one language, or in any."""
    tongues = [tongue] if tongue else [language(each) for each in NAMES]
    return any(_pattern(each.name, what, name).search(plain) for each in tongues)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _pattern(tongue: str, what: str, name: str) -> re.Pattern[str]:
    # `(?!)` matches nothing: without a name there is nobody to be taken for.
    text = language(tongue).patterns[what]
    return _compiled(text.replace("{name}", re.escape(words.plain(name)[:80]) or "(?!)"))
