"""What an answer is recognised by: a language's patterns, for one person, and what takes their meaning away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..language import table
from .speech import Clause, clauses, spoken, whole

UNSAID, OPEN, NOT = "unsaid", "open", "not"


@dataclass(frozen=True, slots=True)
class Marks:
    """A language's table `rehearsal`, where {name} stands for a person's name."""

    words: Mapping[str, Any]
    name: str

    def heard(self, answer: str) -> list[Clause]:
        return clauses(answer, self.words)

    def find(
        self, what: str, said: Sequence[Clause], guards: Sequence[str] = (UNSAID, OPEN), *, asked: bool = False
    ) -> str:
        """The words that state something, such as `ai`; nothing where it is only supposed or denied, nor, without
        `asked`, in a question."""
        found = self._all(what, said, asked)
        return next((each[0] for clause, each in found if not self.guarded(clause, each.start(), guards)), "")

    def evaded(self, what: str, said: Sequence[Clause]) -> str:
        """The words that don't state it but seem to: "I'm not saying I'm not"."""
        found = self._all(what, said, asked=False)
        return next((clause.text for clause, each in found if self.guarded(clause, each.start(), (UNSAID,))), "")

    def idle(self, clause: Clause) -> bool:
        """Whether a clause tells nothing: a question, an admission, an invitation to tell, or a word of address."""
        empty = any(self._pattern(what).search(clause.text) for what in ("admits", "aside", "ai"))
        return clause.asked or empty or any(re.fullmatch(filler, clause.text) for filler in self.words["fillers"])

    def spurned(self, clause: Clause) -> bool:
        """Whether what a clause names is talked down in it; "don't wait" and the like talk nothing down."""
        return bool(self._pattern("spurns").search(self._pattern("despite").sub(" ", clause.text)))

    def guarded(self, clause: Clause, start: int, guards: Sequence[str]) -> bool:
        """Whether what begins there hangs on words that take its meaning away, such as "I can't say that"."""
        before = clause.text[:start].rstrip()
        return any(self._pattern(guard, r"\Z").search(before) for guard in guards)

    def _all(self, what: str, said: Sequence[Clause], asked: bool) -> Iterator[tuple[Clause, re.Match[str]]]:
        pattern, heard = self._pattern(what), (clause for clause in said if asked or not clause.asked)
        return ((clause, found) for clause in heard for found in pattern.finditer(clause.text))

    def _pattern(self, what: str, end: str = "") -> re.Pattern[str]:
        patterns: list[str] = self.words[what]
        text = (
            "|".join(patterns)
            .replace("{name}", called(spoken(self.name, self.words)))
            .replace("{n}", self.words["few"])
            .replace("{kin}", self.words["kin"])
        )
        return _compiled(whole(text) + end)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def called(known: str) -> str:
    """A pattern for a name, whole or only the first, if that is more than a title or an initial."""
    first = known.partition(" ")[0]
    forms = [known, first] if len(first) > 3 or first == known or not first.isascii() else [known]
    return f"(?:{'|'.join(map(re.escape, dict.fromkeys(forms)))})"


def marks(language: str, name: str) -> Marks:
    return Marks(table(language, "rehearsal"), name)
