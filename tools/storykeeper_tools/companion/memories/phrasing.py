"""The claims' patterns of a language filled in for one person: `{who} was born … {year}` for Dorothy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .names import PLACE
from .wording import HAN_NAME, HAN_PLACE, NAME, YEAR, eastern, words

_NEVER = "(?!)"


class Voice(NamedTuple):
    """Whether "I" is the person, and whether "she" is."""

    own: bool
    meant: bool


@dataclass(frozen=True)
class Phrasing:
    """`{who}`, `{both}`, `{my}`, `{of}` and `{i}` are the person, and in the group `who`; `…` are some words."""

    subject: str
    language: str

    def pattern(self, pattern: str, voice: Voice) -> re.Pattern[str]:
        for key, value in {**self._people(voice), **self._values}.items():
            pattern = pattern.replace(key, value)
        return re.compile(_gaps(pattern, 20 if eastern(self.language) else 100))

    @cached_property
    def subject_said(self) -> str:
        """The full name, or the first with another surname than somebody else's."""
        first, *rest = self.subject.split() or [self.subject]
        if eastern(self.language):
            return f"(?:{re.escape(self.subject)}|{re.escape(first)})"
        surname = "(?! [A-ZÀ-Þ])" if rest else r"(?: [A-ZÀ-Þ][\w-]+)?"
        return f"(?:{re.escape(self.subject)}|{re.escape(first)}{surname})"

    @cached_property
    def _values(self) -> dict[str, str]:
        east, several = eastern(self.language), words(self.language, "claims")["several"]
        return {
            "{year}": YEAR + r"(?!\d)",
            "{name}": HAN_NAME if east else NAME,
            "{place}": HAN_PLACE if east else PLACE,
            "{n}": rf"(?P<n>\d{{1,2}}|{several})",
        }

    def _people(self, voice: Voice) -> dict[str, str]:
        said, edge, my = words(self.language, "claims"), "" if eastern(self.language) else r"\b", self._my(voice)
        own, they, we = ([cased(said[key])] for key in ("me", "they", "we"))
        one = f"(?:{'|'.join([self.subject_said, *own * voice.own, *they * voice.meant])})"
        return {
            "{who}": f"{edge}(?P<who>{one})",
            "{both}": f"{edge}(?P<who>{'|'.join([one + self._spouse, *we * voice.own])})",
            "{my}": f"{edge}(?P<who>{'|'.join(my)})" if my else _NEVER,
            "{of}": f"(?P<who>{self._genitive})",
            "{i}": f"{edge}(?P<who>)" if voice.own else _NEVER,
        }

    @cached_property
    def _spouse(self) -> str:
        joined = words(self.language, "claims")["and"]
        return (
            rf"(?:(?:{joined})[\u4e00-\u9fff]{{2,3}})?"
            if eastern(self.language)
            else rf"(?: (?:{joined}) [A-ZÀ-Þ]\w+)?"
        )

    @cached_property
    def _genitive(self) -> str:
        return words(self.language, "kin")["of"].replace("{subject}", self.subject_said)

    def _my(self, voice: Voice) -> list[str]:
        """What stands before a relation; in the Romance languages the name stands after it."""
        kin = words(self.language, "kin")
        before = [self._genitive] if self.language in {"en", "de", "zh"} else []
        return [cased(kin["own"])] * voice.own + [cased(kin["their"])] * voice.meant + before


def cased(alternatives: str) -> str:
    """Alternatives with a small or a capital letter at their head."""
    return f"(?:{'|'.join(f'(?i:{a[:1]}){a[1:]}' if a[:1].isalpha() else a for a in alternatives.split('|'))})"


def _gaps(pattern: str, longest: int) -> str:
    marks = ("(?:… )?", "(?:§ )??"), (" … ?", " (?:§ ?)?"), (" … ", " (?:§ )?"), ("…?", "§"), ("…", "§")
    for mark, meant in marks:
        pattern = pattern.replace(mark, meant)
    return pattern.replace("§", rf"(?:[^.;:!?。！？；]|(?<=\d)\.|(?<=\b[A-Z])\.){{0,{longest}}}?")
