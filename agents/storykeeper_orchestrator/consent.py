"""What people say about consent, taken at their word and recorded in their words; never assumed."""

from __future__ import annotations

import re

from pydantic import BaseModel

from storykeeper_tools.companion.spec import ConsentKind
from storykeeper_tools.errors import NeedsConsent

# Words that make a sentence about consent something else: denied, hoped for, conditional, in the future, asked about.
DOUBT = re.compile(
    r"\?|\b(no|not|never|nor|neither|without|refus\w+|declin\w+|against|object\w*|withdr\w+|revok\w+|\w+n't|cannot|"
    r"if|unless|would|could|should|might|may|maybe|perhaps|probably|possibly|presumably|hop\w+|think|thought|believ\w+|"
    r"assum\w+|suppos\w+|guess\w*|sure|wish\w*|want\w*|ask\w*|once|when|until|soon|later|tomorrow|before|"
    r"going to|about to|yet|try\w*|pretend\w*|imagin\w*|unsure|unclear|(?<!her )(?<!his )(?<!their )(?<!the )will)\b",
    re.I,
)
HEIR = re.compile(r"\b(executor|executrix|heir|heiress)\b", re.I)
GUARDIAN = re.compile(r"\b(guardian|power of attorney|legal representative)\b", re.I)
_GIVES = r"(?:gave|gives?|given|granted|grants?)\s+(?:(?:me|us|my|her|his|their|full|written|explicit|clear)\s+)*(?:consent|permission)"
_AGREES = rf"(?:agree[sd]?|consent(?:s|ed)?|allow(?:s|ed)?|{_GIVES})"
_BETWEEN = r"(?:,?\s+(?i:and|has|have|had|also|already|gladly|happily|fully|kindly|clearly|freely|spoke|speaks|\w+self)|\s+[A-Z]\w+)*"
_YES = re.compile(rf"\b(?:yes|yeah|{_AGREES})\b", re.I)
_I_AGREE = re.compile(rf"\bI\b.*\b{_AGREES}\b", re.I)


class Given(BaseModel):
    """The arguments of `record_consent` that a person's words decide."""

    kind: ConsentKind
    granted_by: str
    statement: str


def theirs(sentence: str, name: str) -> bool:
    """Whether a sentence says that this very person has agreed: "She spoke English and gave me her consent"."""
    who = "|".join(filter(None, ["[Ss]he", "[Hh]e", "[Tt]hey", re.escape(name)]))
    return not DOUBT.search(sentence) and bool(re.search(rf"\b(?:{who})\b{_BETWEEN}\s+(?i:{_AGREES})\b", sentence))


def ours(sentence: str, office: re.Pattern[str]) -> bool:
    """Whether the speaker says both that they hold an office and that they agree: "I am her executor and agree"."""
    return not DOUBT.search(sentence) and bool(office.search(sentence)) and bool(_I_AGREE.search(sentence))


def stated(statement: str, kind: str, by: str) -> Given | None:
    """Consent that was stated with the wish, if it was stated whole; any doubt in it makes it none."""
    if not statement.strip() or not by.strip() or DOUBT.search(statement):
        return None
    if kind == "self":
        return Given(kind="self", granted_by=by, statement=statement)
    if kind == "guardian":
        return Given(kind="guardian", granted_by=by, statement=statement)
    return Given(kind="executor_or_heir", granted_by=by, statement=statement) if kind == "executor_or_heir" else None


def question(name: str, *, deceased: bool) -> str:
    if deceased:
        return f"Are you {name}'s executor or heir, and do you agree that {name}'s voice is cloned for a private companion?"
    return f"Has {name} agreed to this voice being cloned for a private companion? (A legal guardian says so in the answer.)"


def answered(question: str, answer: str, name: str, *, deceased: bool) -> Given:
    """The consent in an answer to our question. Raises NeedsConsent for a no, and for what isn't clearly a yes."""
    words = f"Asked: {question} Answered: {answer}"
    if DOUBT.search(answer) or not _YES.search(answer):
        raise NeedsConsent(f"cloning the voice of {name} wasn't clearly allowed")
    if deceased:
        return Given(kind="executor_or_heir", granted_by="the keeper", statement=words)
    if GUARDIAN.search(answer):
        return Given(kind="guardian", granted_by="the keeper", statement=words)
    return Given(kind="self", granted_by=name, statement=words)
