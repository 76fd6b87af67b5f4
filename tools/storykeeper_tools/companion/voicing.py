"""How a clone is spoken: from the audience, the keeper's wishes, and what the spec says outright, in this order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

from .language import DEFAULT, table
from .spec import Audience, Voice, Wish


@dataclass(frozen=True, slots=True)
class Speech:
    """The service's settings: `stability` and `similarity_boost` from 0 to 1, `speed` 1 for that of the recordings."""

    stability: float = 0.75
    similarity_boost: float = 0.85
    speed: float = 0.9

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in asdict(self).items())


USUAL = Speech()
BASE: Mapping[Audience, Speech] = {
    "family": USUAL,
    "dementia_care": Speech(stability=0.8, speed=0.8),
    "bereavement": Speech(stability=0.8, speed=0.85),
}
# By the names of the word lists in the language files. A wish is a nudge: what it adds is heard, and stays natural.
SHIFTS: Mapping[str, Mapping[str, float]] = {
    "slow": {"speed": -0.08},
    "fast": {"speed": 0.1},
    "calm": {"stability": 0.08, "speed": -0.03},
    "soft": {"stability": 0.05, "speed": -0.02},
    "warm": {"stability": -0.05, "similarity_boost": 0.03},
    "lively": {"stability": -0.15, "speed": 0.03},
    "steady": {"stability": 0.1},
    "clear": {"stability": 0.05, "speed": -0.04},
}
LOWEST = Speech(stability=0.5, similarity_boost=0.75, speed=0.75)
HIGHEST = Speech(stability=0.95, similarity_boost=0.95, speed=1.1)
FASTEST_IN_CARE = 0.9
_BETWEEN = r"[^\w\s'\u2019-]+|\n"
_HAN = r"\u4e00-\u9fff"


def speech(spec: Wish) -> Speech:
    """The settings of a spec."""
    return resolve(spec.voice, spec.audience, spec.wishes, spec.language)


def resolve(voice: Voice, audience: Audience, wishes: str, language: str) -> Speech:
    """What is said outright counts as it is; wishes move the rest within what always sounds like the person."""
    wanted = asdict(BASE[audience])
    for word in heard(wishes, language):
        for name, shift in SHIFTS[word].items():
            wanted[name] += shift
    found = _bounded(Speech(**wanted), audience)
    said = {field.name: getattr(voice, field.name) for field in fields(Speech)}
    return replace(found, **{name: value for name, value in said.items() if value is not None})


def heard(wishes: str, language: str) -> list[str]:
    """Which of `SHIFTS` the wishes name, each once; "not too slow" names nothing. Wishes may be in English as well."""
    return max((_heard(wishes, tongue) for tongue in (language, DEFAULT)), key=len)


def _heard(wishes: str, language: str) -> list[str]:
    words, clauses = table(language, "wishes"), _clauses(wishes, table(language, "rehearsal")["breaks"])
    wanted = [clause for clause in clauses if not _denies(clause, words["not"])]
    return [word for word in SHIFTS if any(_begins(stem, clause) for stem in words[word] for clause in wanted)]


def _bounded(speech: Speech, audience: Audience) -> Speech:
    highest = replace(HIGHEST, speed=FASTEST_IN_CARE) if audience == "dementia_care" else HIGHEST
    low, high = asdict(LOWEST), asdict(highest)
    return Speech(**{name: round(min(high[name], max(low[name], v)), 2) for name, v in asdict(speech).items()})


def _clauses(wishes: str, breaks: str) -> list[str]:
    """ "Not slow but lively" are two."""
    return re.split(rf"{_BETWEEN}|(?<!\w)(?:{breaks})(?!\w)", wishes.casefold())


def _denies(clause: str, negations: Sequence[str]) -> bool:
    """Whether a word, or a Chinese character, of a clause takes something back: any of its words may be meant."""
    words = re.findall(rf"[{_HAN}]|[^\W{_HAN}]+(?:['\u2019]\w+)?", clause)
    return any(word.replace("\u2019", "'") in negations for word in words)


def _begins(stem: str, clause: str) -> bool:
    """Whether a word of a clause begins so."""
    return re.search(rf"(?:(?<!\w)|(?<=[{_HAN}])){re.escape(stem)}", clause) is not None
