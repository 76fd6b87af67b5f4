"""Whether an answer says a name, a place or a year; a year in figures or in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .marks import NOT, Marks
from .speech import Clause, fold, whole

_YEAR = re.compile(r"(1[89]|20)(\d\d)")
_FIGURES = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")
_ALONE = re.compile(r".*(?:\||(?: [^ |]+){3,} )")  # another clause, or three words, stand between it and the next
_BREAK = " | "


def say(marks: Marks, values: Sequence[str], said: Sequence[Clause]) -> str:
    """The first of some values that is stated and not denied; nothing where none is."""
    stated = _joined(said)
    return next((value for value in values if any(_told(marks, _pattern(marks, value), stated))), "")


def rival(marks: Marks, year: str, said: Sequence[Clause]) -> str:
    """Another year that is stated before the right one, or as its alternative: "in 1952, and to school in 1941"."""
    if not _YEAR.fullmatch(year):
        return ""
    stated = _joined(said)
    right = next(_told(marks, _pattern(marks, year), stated))
    others = (found for found in _told(marks, _FIGURES, stated) if found[0] != year)
    return next((found[0] for found in others if not _ALONE.match(stated[right.end() : found.end()])), "")


def names(marks: Marks, values: Sequence[str], clause: Clause) -> bool:
    """Whether a clause is nothing but one of the values, as in "Ah, Reykjavik..."."""
    return any(_pattern(marks, value).fullmatch(clause.text) for value in values)


def _joined(said: Sequence[Clause]) -> str:
    return _BREAK.join(clause.text for clause in said if not clause.asked)


def _told(marks: Marks, pattern: re.Pattern[str], stated: str) -> Iterator[re.Match[str]]:
    """Where something is stated and its clause doesn't deny it."""
    for found in pattern.finditer(stated):
        before = stated[: found.start()].rpartition(_BREAK)[2]
        if not marks.guarded(Clause(before, asked=False), len(before), (NOT,)):
            yield found


def _pattern(marks: Marks, value: str) -> re.Pattern[str]:
    """A value may itself be cut like an answer is, as "Cork, Ireland"."""
    plain = [re.escape(clause.text) for clause in marks.heard(value)]
    year = _YEAR.fullmatch(fold(value))
    forms = [whole(re.escape(_BREAK).join(plain)), *(_years(year[1], year[2], marks.words) if year else ())]
    return re.compile("|".join(forms) if plain else "(?!)")


def _years(century: str, rest: str, words: Mapping[str, Any]) -> Iterator[str]:
    """1941 as "nineteen forty one", "mil novecientos cuarenta y uno", "'41"; digit by digit where `digits` are signs."""
    if words["digits"]:
        yield "".join(words["digits"][int(digit)] for digit in century + rest)
        return
    small = [word.strip() for word in words["below_hundred"].split(",")]
    units = "|".join(fold(word.split()[-1]) for word in small[1:10])
    yield whole(f"'{rest}")
    for start in words["centuries"][century].split("|"):
        said = fold(f"{start}{small[int(rest)]}").strip()
        # "nineteen forty" isn't said by "nineteen forty one", nor "cuarenta" by "cuarenta y uno".
        yield whole(re.escape(said)) + rf"(?! (?:[a-z]{{1,3}} )?(?:{units})(?![a-z]))"
