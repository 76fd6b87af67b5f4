"""What people say about consent, taken at their word and recorded in their words; never assumed."""

from __future__ import annotations

import re

from pydantic import BaseModel

from storykeeper_tools.companion.spec import ConsentKind
from storykeeper_tools.errors import NeedsConsent

NO = re.compile(r"\b(no|not|never|without|refused?|declined?|against|didn't|doesn't|don't|hasn't|haven't)\b", re.I)
HEIR = re.compile(r"\b(executor|executrix|heir|estate|next of kin|inherit(ed)?)\b", re.I)
GUARDIAN = re.compile(r"\b(guardian|power of attorney|legal representative)\b", re.I)
YES = re.compile(r"\b(yes|agree[sd]?|consent(s|ed)?|permission|allow(s|ed)?|gave|has given|wants? (this|it))\b", re.I)


class Given(BaseModel):
    """The arguments of `record_consent` that a person's words decide."""

    kind: ConsentKind
    granted_by: str
    statement: str


def stated(statement: str, kind: str, by: str) -> Given | None:
    """Consent that was stated with the wish, if it was stated whole; a denial in it makes it none."""
    if not statement.strip() or not by.strip() or NO.search(statement):
        return None
    if kind == "self":
        return Given(kind="self", granted_by=by, statement=statement)
    if kind == "guardian":
        return Given(kind="guardian", granted_by=by, statement=statement)
    return Given(kind="executor_or_heir", granted_by=by, statement=statement) if kind == "executor_or_heir" else None


def question(name: str, *, deceased: bool) -> str:
    if deceased:
        return f"Are you {name}'s executor or heir, and do you agree that {name}'s voice is cloned for a private companion?"
    return f"Has {name} agreed to having their voice cloned for a private companion, or are you their legal guardian and agree?"


def answered(question: str, answer: str, name: str, *, deceased: bool) -> Given:
    """The consent in an answer to our question. Raises NeedsConsent for a no, and for what isn't clearly a yes."""
    words = f"Asked: {question} Answered: {answer}"
    if NO.search(answer) or not (YES.search(answer) or HEIR.search(answer) or GUARDIAN.search(answer)):
        raise NeedsConsent(f"cloning the voice of {name} wasn't clearly allowed")
    if deceased:
        return Given(kind="executor_or_heir", granted_by="the keeper", statement=words)
    if GUARDIAN.search(answer):
        return Given(kind="guardian", granted_by="the keeper", statement=words)
    return Given(kind="self", granted_by=name, statement=words)
