"""What people say about consent, taken at their word and recorded in their words; never assumed.

With the wish it counts only as the last sentence of it, in one of a few plain forms. Anything else, however friendly it
sounds, leads to the question being asked.
"""

from __future__ import annotations

import re

from pydantic import BaseModel

from storykeeper_tools.companion.spec import ConsentKind
from storykeeper_tools.errors import NeedsConsent

from . import answers
from .wording import say

KEEPER = "the keeper"
# fmt: off
SHE = frozenset([
    "mother", "mum", "mom", "grandmother", "grandma", "gran", "granny", "nan", "nana", "wife", "sister", "aunt",
    "daughter", "niece", "girlfriend",
])
HE = frozenset([
    "father", "dad", "grandfather", "grandpa", "grandad", "husband", "brother", "uncle", "son", "nephew", "boyfriend",
])
# fmt: on
KIN = re.compile(
    rf"\b(?:they|{'|'.join(sorted(SHE | HE))}|partner|sibling|friend|child|children|cousin|teacher|family|doctor|nurse|"
    r"lawyer|neighbou?r|carer)s?\b",
    re.I,
)
# Words of somebody who has died, and of a consent, a lie or a story: next to a consent they may make it something else.
DEATH = re.compile(
    r"\b(?:died|dead|death|dies|dying|deceased|late|passed|funeral|buried|grave|widow\w*|estate|\d{4}\s?[-\u2013]\s?\d{4})\b",
    re.I,
)
_ODD = re.compile(
    r":|\b(?:agree\w*|consent\w*|permi\w+|allow\w*|refus\w+|declin\w+|withdr\w+|revok\w+|object\w*|said|says?|lie[sd]?|lying|"
    r"kidding|jok\w+|jk|fake\w*|forg(?:e|ed|ery)|false|pretend\w*|story|suppos\w+|imagin\w+|allegedly)\b",
    re.I,
)
# How a sentence about one person begins; another word there may be the name of somebody else.
_STARTS = re.compile(
    r"Make|Create|Build|Clone|Please|Can|Could|Would|I|We|She|He|It|Use|My|Our|This|Change|Add|Give|Hi|Hello|Hey"
)
_THINGS = r"(?:voice|voicemails?|recordings?|tapes?|notes?|letters?|memories|files?|folder)"
_TO = r"(?: to (?:this|it|(?:her|his) voice being cloned|the cloning(?: of (?:her|his) voice)?))?"
_GIVES = r"(?:gave|has given) (?:me|us) (?:her|his) (?:full )?(?:written )?consent"
_AGREED = rf"(?:(?:spoke|speaks) [A-Z]\w+ and )?(?:(?:has )?(?:agreed|consented)|{_GIVES}){_TO}"
_LONGEST = 600  # characters of an answer; a consent is said in fewer


class Given(BaseModel):
    """The arguments of `record_consent` that a person's words decide."""

    kind: ConsentKind
    granted_by: str
    statement: str


def found(text: str, name: str, *, relation: str, deceased: bool) -> Given | None:
    """The sentence of a text that gives consent, word for word; None where that isn't plainly said, at its end, of the
    only person it speaks of."""
    *before, said = _sentences(text.strip())
    told = [_bare(sentence) for sentence in before]
    if any(_ODD.search(words) or (not deceased and DEATH.search(words)) for words in told):
        return None
    kind = _form(said, name, relation, alone=bool(told) and _alone(told, name, relation), deceased=deceased)
    if kind is None:
        return None
    return Given(kind=kind, granted_by=name if kind == "self" else KEEPER, statement=said)


def _form(said: str, name: str, relation: str, *, alone: bool, deceased: bool) -> ConsentKind | None:
    """What a whole sentence says, in one of the forms that count. "She" is somebody only where nobody else is spoken of."""
    called = "|".join(map(re.escape, _called(name)))
    who = f"{called}|{'|'.join(pronouns(relation))}|[Mm]y {re.escape(relation or name)}" if alone else called
    whose = rf"(?:(?:{called})'s|her|his|the|my {re.escape(relation or name)}'s)" if alone else rf"(?:{called})'s"
    office = "(?:executor|executrix|heir|heiress)" if deceased else "(?:legal )?guardian"
    if re.fullmatch(rf"(?:I am|I'm) {whose} {office} and (?:I )?(?:agree|consent){_TO}[.!]?", said):
        return "executor_or_heir" if deceased else "guardian"
    own = not deceased and re.fullmatch(rf"(?:{who}) {_AGREED}[.!]?", said)
    return "self" if own else None


def _alone(told: list[str], name: str, relation: str) -> bool:
    """Whether sentences speak of one person only, and the last of them of that very one."""
    text, own = "\n".join(told), {*name.split(), *_called(name)}
    kin = {other[0].lower() for other in KIN.finditer(text)} <= {relation.lower()}
    theirs = set(re.findall(rf"\b(?:[Mm]y|[Oo]ur) (?!{_THINGS}\b)(?:late )?(\w+)", text)) <= {relation, *own}
    starts = {words.split()[0].strip(",!") for words in told if words.split()}
    odd = {word for word in starts - own if not _STARTS.fullmatch(word)}
    names = set(re.findall(r"(?<=[^.!?\s] )[A-Z]\w+", re.sub(r"\b(?:spoke|speaks?|in) [A-Z]\w+", "", text)))
    meant = re.search(
        rf"(?<!\w)(?:{'|'.join(map(re.escape, [*_called(name), relation or name]))})(?!\w)", told[-1], re.I
    )
    return bool(meant) and kin and theirs and not odd and names <= own


def _called(name: str) -> list[str]:
    """Somebody's name, and their first name."""
    return list(dict.fromkeys([name, name.split(maxsplit=1)[0]])) if name.strip() else [name]


def pronouns(relation: str) -> list[str]:
    """How somebody of that relation may be spoken of."""
    return [p for p, others in (("She", HE), ("He", SHE)) if relation.lower() not in others]


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", text)]


def _bare(sentence: str) -> str:
    """Without what files are called."""
    return re.sub(r"\"[^\"]*\"|\S*[/.\\]\w\S*", " ", sentence)


def question(name: str, files: str, *, deceased: bool, language: str = "en") -> str:
    return say(language, "dead" if deceased else "living", name=name, files=files)


def again(question: str, *, deceased: bool, language: str = "en") -> str:
    """The question once more, with answers that are understood."""
    return say(language, "again_dead" if deceased else "again_living", question=question)


def denied(answer: str, language: str = "en", *, deceased: bool = False) -> bool:
    """Whether an answer is a no. What somebody who died would have wanted isn't one: it is asked once more."""
    if not answer.strip() or answers.taken_back(answer, language):
        return True
    return not deceased and any(answers.doubted(answer, code) for code in {"en", language})


def answered(question: str, answer: str, name: str, *, deceased: bool, relation: str = "") -> Given:
    """The consent in an answer to our question. Raises NeedsConsent for a no, and for what isn't clearly a yes."""
    words = f"Asked: {question} Answered: {answer}"
    other = {"He", "She"} - set(pronouns(relation))
    meant = None
    if len(answer) <= _LONGEST and not any(re.search(rf"\b{who}\b", answer, re.I) for who in other):
        meant = answers.meant(answer, name, deceased=deceased)
    if deceased and meant in {"yes", "heir"}:
        return Given(kind="executor_or_heir", granted_by=KEEPER, statement=words)
    if not deceased and meant == "guardian":
        return Given(kind="guardian", granted_by=KEEPER, statement=words)
    if not deceased and meant in {"yes", "self"}:
        return Given(kind="self", granted_by=name, statement=words)
    raise NeedsConsent(f"cloning the voice of {name} wasn't clearly allowed")
