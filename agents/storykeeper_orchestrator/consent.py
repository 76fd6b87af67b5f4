"""What people say about consent, taken at their word and recorded in their words; never assumed.

A sentence counts when every word of it is understood: who, a verb of agreeing, and nothing after it but what is agreed
to. Anything else, however friendly it sounds, leads to the question being asked.
"""

from __future__ import annotations

import re

from pydantic import BaseModel

from storykeeper_tools.companion.spec import ConsentKind
from storykeeper_tools.errors import NeedsConsent

KEEPER = "the keeper"
# Words that make a sentence about consent something else: denied, hoped for, conditional, in the future, asked about.
DOUBT = re.compile(
    r"\?|\b(no|not|nope|never|nobody|none|nothing|nor|neither|without|but|except|only|refus\w+|declin\w+|against|object\w*|"
    r"withdr\w+|revok\w+|chang\w+|\w+n't|cannot|if|unless|would|could|should|might|may|maybe|perhaps|probably|possibly|"
    r"presumably|hop\w+|think|thought|believ\w+|assum\w+|suppos\w+|guess\w*|sure|wish\w*|want\w*|ask\w*|once|when|until|"
    r"soon|later|tomorrow|before|going to|about to|yet|try\w*|pretend\w*|imagin\w*|unsure|unclear|"
    r"(?<!her )(?<!his )(?<!their )(?<!the )will)\b",
    re.I,
)
HEIR = re.compile(r"\b(executor|executrix|heir|heiress)\b", re.I)
GUARDIAN = re.compile(r"\b(guardian|legal representative)\b", re.I)
# Somebody else in the text may be the one who agreed: then it has to be asked.
OTHERS = re.compile(
    r"\b(they|mother|mum|mom|father|dad|grandmother|grandma|granny|nana|grandfather|grandpa|grandad|husband|wife|partner|"
    r"sisters?|brothers?|siblings?|aunt|uncle|friends?|sons?|daughters?|children|cousins?|teacher|family|doctor|nurse|"
    r"lawyer|neighbou?r|carer)\b",
    re.I,
)
SHE = frozenset(
    ["mother", "mum", "mom", "grandmother", "grandma", "granny", "nana", "wife", "sister", "aunt", "daughter"]
)
HE = frozenset(["father", "dad", "grandfather", "grandpa", "grandad", "husband", "brother", "uncle", "son"])

_GIVES = (
    r"(?:gave|gives?|given|granted|grants?)\s+(?:(?:me|us|my|her|his|their|full|written|explicit|clear)\s+)*"
    r"(?:consent|permission)"
)
_AGREES = rf"(?:agree[sd]?|consent(?:s|ed)?|{_GIVES})"
_THING = (
    r"(?:[\s,]+(?:to|for|with|that|it|this|her|his|the|my|a|an|own|voice|being|be|is|was|cloned|cloning|clone|copied|"
    r"copying|copy|companion|private|memory|having|made|making|happily|gladly|freely|already|fully|also|too|of|me|us|and|"
    r"in|writing|herself|himself))*[\s.!]*$"
)
_BETWEEN = (
    r"(?:,?\s+(?:(?i:and|has|have|also|already|gladly|happily|fully|kindly|clearly|freely|spoke|speaks|herself|himself)|"
    r"[A-Z]\w+))*"
)
_I = r"\bI(?:'m)?(?:[\s,]+(?:am|as|her|his|their|the|legal|executor|executrix|heir|heiress|guardian|and|have|also|do|hereby))*"
_I_AGREE = re.compile(rf"{_I}[\s,]+{_AGREES}{_THING}", re.I)
_YES = re.compile(r"\s*(?:yes|yeah|yep|y)\b[\s,.!]*", re.I)


class Given(BaseModel):
    """The arguments of `record_consent` that a person's words decide."""

    kind: ConsentKind
    granted_by: str
    statement: str


def theirs(sentence: str, name: str, relation: str = "") -> bool:
    """Whether a sentence says that this very person has agreed: "She spoke English and gave me her consent"."""
    who = "|".join(filter(None, [*pronouns(relation), re.escape(name)]))
    said = re.search(rf"^\W*(?:{who})\b{_BETWEEN}\s+(?i:{_AGREES}{_THING})", sentence)
    return said is not None and not DOUBT.search(sentence)


def pronouns(relation: str) -> list[str]:
    """How somebody of that relation may be spoken of."""
    return [p for p, others in (("[Ss]he", HE), ("[Hh]e", SHE)) if relation.lower() not in others]


def ours(sentence: str, office: re.Pattern[str]) -> bool:
    """Whether the speaker says both that they hold an office and that they agree: "I am her executor and agree"."""
    return not DOUBT.search(sentence) and bool(office.search(sentence)) and bool(_I_AGREE.search(sentence))


def found(text: str, name: str, *, relation: str, deceased: bool) -> Given | None:
    """The sentence of a text that gives consent, word for word; None where that isn't plainly said."""
    words = re.sub(r"\"[^\"]*\"|\S*[/.]\w\S*", " ", text)  # without what files are called
    alone = {other[0].lower() for other in OTHERS.finditer(words)} <= {relation.lower()}
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", text):
        for kind, holds in (
            ("executor_or_heir", deceased and ours(sentence, HEIR)),
            ("guardian", not deceased and ours(sentence, GUARDIAN)),
            ("self", not deceased and alone and theirs(sentence, name, relation)),
        ):
            if holds:
                by = name if kind == "self" else KEEPER
                return Given.model_validate({"kind": kind, "granted_by": by, "statement": sentence.strip()})
    return None


def question(name: str, files: str, *, deceased: bool) -> str:
    if deceased:
        return f"Are you {name}'s executor or heir, and do you agree that the voice in {files} is cloned for a private companion?"
    return (
        f"Has {name} agreed to the voice in {files} being cloned for a private companion? "
        "(A legal guardian says so in the answer.)"
    )


def again(question: str, *, deceased: bool) -> str:
    """The question once more, with the answers that are understood."""
    yes = '"I am the executor and agree"' if deceased else '"yes", "she agreed", "I am the legal guardian and agree"'
    return f"I must be sure of that. {question} Please answer with {yes}, or with no."


def denied(answer: str) -> bool:
    return DOUBT.search(answer) is not None or not answer.strip()


def answered(question: str, answer: str, name: str, *, deceased: bool) -> Given:
    """The consent in an answer to our question. Raises NeedsConsent for a no, and for what isn't clearly a yes."""
    words = f"Asked: {question} Answered: {answer}"
    yes = _YES.match(answer)
    rest = answer[yes.end() :] if yes else answer
    plain = yes is not None and not rest
    if not DOUBT.search(answer):
        if deceased and (plain or ours(answer, HEIR) or (yes and _holds(rest, HEIR))):
            return Given(kind="executor_or_heir", granted_by=KEEPER, statement=words)
        if not deceased and (ours(answer, GUARDIAN) or (yes and _holds(rest, GUARDIAN))):
            return Given(kind="guardian", granted_by=KEEPER, statement=words)
        if not deceased and (plain or theirs(rest, name)):
            return Given(kind="self", granted_by=name, statement=words)
    raise NeedsConsent(f"cloning the voice of {name} wasn't clearly allowed")


def _holds(words: str, office: re.Pattern[str]) -> bool:
    """ "I am her executor", and nothing more."""
    return bool(re.match(rf"I(?:'m| am)\s+(?:\w+\s+){{0,2}}{office.pattern}[\s.!]*$", words, re.I))
