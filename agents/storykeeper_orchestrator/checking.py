"""What is refused before anything is planned, whatever the model makes of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from storykeeper_tools.companion.spec import clean_name
from storykeeper_tools.errors import BadInput, NeedsAnswer

from .consent import DEATH, KIN, pronouns
from .requests import Change, Clone, Make

ADULT = 18
_WORDS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
_YOUNG = rf"(?:{'|'.join(map(str, range(ADULT - 1, 0, -1)))}|{_WORDS})"
_OLD = rf"{_YOUNG}(?:[\s-]+(?:years?|months?|yrs?)[\s-]+(?:old|of\s+age)|[\s-]?(?:yo|y/o))\b(?!'s)"
_SMALL = r"(?:little|small|young|baby|newborn|infant|toddler|teenage|underage)"
_CHILD = rf"(?:{_OLD}|{_SMALL}\s+(?:boy|girl|son|daughter|child|kid)\b(?!'s)|(?:toddler|newborn)\b(?!'s)|minor\b(?=\s*(?:[.,;!)]|and\b|so\b|$)))"


_Wanted = TypeVar("_Wanted", bound=Make | Change | Clone)


def checked(request: _Wanted, words: str, earlier: Sequence[str] = ()) -> _Wanted:
    """What is asked for, with a clean name, and of somebody who has died where the person's own words say so. Raises
    NeedsAnswer where a name or recordings are missing, and BadInput where these words say that it is a child's voice, or
    an earlier message in which this person is spoken of does."""
    if isinstance(request, Change):
        if request.recordings:  # an id is made of the name
            _refuse_child([words, *earlier], re.sub(r"-[0-9a-f]{4}$", "", request.companion).replace("-", " "))
        return request
    missing = [] if request.name.strip() else ["whose voice it is (their name)"]
    missing += [] if any(path.strip() for path in request.recordings) else ["the recordings: files or a folder"]
    if missing:
        raise NeedsAnswer(f"it wasn't said {' and '.join(missing)}", next="say it all again, with what is missing")
    _refuse_child([words, *earlier], request.name, request.relation)
    late = request.deceased or has_died(words, request.name, request.relation)
    try:
        return request.model_copy(update={"name": clean_name(request.name), "deceased": late})
    except ValueError as error:
        raise BadInput(f"name: {error}", next="say whose voice it is") from None


def _refuse_child(said: Sequence[str], name: str, relation: str = "") -> None:
    first = name.split(maxsplit=1)[0] if name.strip() else ""
    theirs = [words for words in said[1:] if re.search(rf"\b{re.escape(first)}\b", words, re.I)]
    if first and any(of_a_child(words, name, relation) for words in [*said[:1], *theirs]):
        raise BadInput(
            "Storykeeper doesn't clone the voice of a child", next="choose somebody who is 18 or older to be heard"
        )


def has_died(words: str, name: str, relation: str = "") -> bool:
    """Whether it is plainly said of this very person that they have died; somebody else's death isn't theirs."""
    if not DEATH.search(words):
        return False
    own = "|".join(re.escape(part) for part in (name, name.split(maxsplit=1)[0]))
    kin = rf"(?:{own}|(?:my|our)\s+{re.escape(relation)}(?:[\s,]+(?:{own}))?)" if relation else rf"(?:{own})"
    who = rf"(?:{kin}|{'|'.join(pronouns(relation))})"
    died = r"(?:died|dead|deceased|passed(?:\s+(?:away|on)|\s+in\b)|gone|buried)\b"
    said = (
        rf"\b(?:late|deceased|dead)\s+(?:\w+\s+)?(?:{own}|{re.escape(relation or name)})\b(?!'s)",
        rf"(?<!\w){who},?\s+(?:(?:who|that|has|had|is|was|just|sadly|recently)\s+)*{died}",
        rf"(?<!\w)(?:her|his|{kin}'s)\s+(?:death|funeral|grave|estate|widow\w*)\b",
        rf"\bburied\s+(?:her|him|{kin})\b",
        rf"(?<!\w){kin}\s*[,(]\s*\d{{4}}\s?[-\u2013]\s?\d{{4}}\b",
    )
    return any(re.search(pattern, words, re.I) for pattern in said)


def of_a_child(words: str, name: str, relation: str = "") -> bool:
    """Whether it is plainly said of this very person that they are under 18; what somebody was as a child isn't."""
    own = "|".join(re.escape(part) for part in (name, name.split(maxsplit=1)[0]))
    kin = rf"(?:my|our)\s+{re.escape(relation)}(?:\s+(?:{own}))?" if relation else own
    others = {other[0].lower() for other in KIN.finditer(words)} - {relation.lower()}
    alone = not others
    they = r"|^\W*s?he" if alone else ""  # else somebody else may be meant
    who = rf"(?:\b(?:{own}|{kin}){they})"
    # Nobody else can be meant by "the voice of my 8-year-old" either.
    only = alone or (
        len(others) == 1 and not re.search(rf"\b(?:my|our)\s+{re.escape(relation or name)}\b", words, re.I)
    )
    now = rf"(?:only\s+|just\s+|now\s+)*(?:(?:an?\s+)?{_CHILD}|{_YOUNG}(?=\s*(?:[.,;!)]|$)))"
    said = (
        rf"\b(?:my|our)\s+(?:\w+\s+)?{_CHILD}(?:[\s,]+\w+){{0,2}}?[\s,]+(?:{own})\b(?!'s)",
        rf"\b(?:my|our)\s+(?:kid|baby)[\s,]+(?:{own})\b(?!'s)",
        *([rf"\b(?:(?:companion|voice|clone)\s+of|clone)\s+(?:my|our|an?|the)\s+(?:\w+\s+)?{_CHILD}"] if only else []),
        rf"{who}(?:'s|,?\s+(?:who\s+)?is)\s+{now}",
        rf"{who}\s*[,(]\s*(?:aged?\s+)?{_YOUNG}(?:\s*[,).;!]|\s*$|\s+from\b)",
        rf"{who}\s+(?:turns|is\s+turning|will\s+be)\s+{_YOUNG}(?=\s*(?:[.,;!)]|next|this|in|on|soon|tomorrow|today|$))",
        rf"{who}(?:,?\s+who)?\s+(?:died|passed away)\s+when\s+s?he\s+was\s+(?:only\s+|just\s+)*{_YOUNG}\b(?!:)",
        rf"{who}\s+(?:died|passed away)\s+(?:at|aged)\s+(?:the age of\s+)?{_YOUNG}\b(?!:)",
    )
    sentences = re.split(r"(?<=[.!?])\s+|\n+", words)
    return any(_lately(s, who) or any(re.search(pattern, s, re.I) for pattern in said) for s in sentences)


def _lately(sentence: str, who: str) -> bool:
    """Whether somebody was born less than 18 years ago."""
    born = rf"{who}(?:,?\s+(?:who\s+)?(?:was|is))?\s+born\s+(?:in\s+|on\s+)?(?:\w+\s+){{0,3}}?(20\d\d)"
    return any(int(found[1]) > datetime.now(UTC).year - ADULT for found in re.finditer(born, sentence, re.I))
