"""Who will talk to a companion, as people say it."""

from __future__ import annotations

from storykeeper_tools.companion.language import table
from storykeeper_tools.companion.spec import Audience

from .answers import clauses, found_in

_KINDS: tuple[tuple[Audience, str], ...] = (
    ("dementia_care", "dementia"),
    ("bereavement", "grief"),
    ("family", "family"),
)


def audience(answer: str, language: str) -> Audience | None:
    """What an answer means in its language or in English; None where it doesn't say."""
    for kind, _ in _KINDS:
        if answer.strip().lower() == kind:
            return kind
    return _heard(answer, language) or _heard(answer, "en")


def _heard(answer: str, language: str) -> Audience | None:
    """Somebody who is named with a no isn't meant: then it is for the others."""
    heard = table(language, "heard")
    told = [(clause, found_in(clause, heard["negation"])) for clause in clauses(answer, language)]
    for kind, words in _KINDS:
        if any(found_in(clause, heard[words]) for clause, no in told if not no):
            return kind
    others = heard["dementia"] + heard["grief"]
    return "family" if any(found_in(clause, others) for clause, no in told if no) else None
