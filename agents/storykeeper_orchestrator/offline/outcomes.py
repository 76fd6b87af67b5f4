"""What comes of a message, and whether a call is plain enough to be made: each word that might turn its meaning is known."""

import re
from itertools import pairwise
from typing import Any, NamedTuple

from .reading import DATA, Message, find, plainly, understandable


class Act(NamedTuple):
    """A call of a tool."""

    tool: str
    arguments: dict[str, Any]

    @property
    def whom(self) -> object:
        return next((self.arguments[key] for key in ("companion", "of", "name") if key in self.arguments), self.tool)


class Ask(NamedTuple):
    """Nothing is done before these are answered."""

    topics: tuple[str, ...]


class Answer(NamedTuple):
    """There is nothing to call; what kind of thing is said instead."""

    kind: str


Outcome = tuple[int, Act | Ask | Answer]
NOTHING, UNCLEAR = Answer("nothing"), Ask(("unclear",))
_NEXT = r"(?:\W|\d|(?:and|another|one|of|for|my|our|the|both|late|a)\b)*[NCR]_"
_OR = re.compile(r"\b[NCSTF]_* or (?:(?:my|our|the|late|from|R_*) )*[NCSTF]_|\b(?:one|companion) of (?:my )?R_* or ")
_AND = re.compile(r"(?:_|\b(?:[A-Z]|her|him|it|them)) and (?:then )?| and (?=(?:i|we|could|can|please|would|then)\b)")
_AWAITED = re.compile(r"\b(?:ask|wait|once|when|unless|before you)\b(?! you| possible)")
_TURNED = r"\b(?:actually|no|sorry|wait),? (?:no|sorry|wait)\b|[,.;] (?:or )?i mean\b|\? (?:no|not|never)\b|\bnot yet\b"
_IF = r"(?:^|[NCSTF]_+,? |[.!] |, )(?:only )?(?:if|once|unless|provided|as soon as|in case)\b(?! you| possible| that's| it's (?:possible|ok|okay|all|no|not))(?=[^,]*(?:$|[.,]))"
_TOLD = re.compile(  # what somebody did is told, not wished for
    r"(?:\b(?:i|we|they|s?he|it(?!')|someone|somebody|who)|[NR]_*)(?:'ve|'s| has| have| had)? (?:(?!need)\w+ed|made|built|gave)\b"
)
_SAID = r"\W*(?:(?:my|our|the) )?(?:[NRC]_*|s?he|they|everyone|people) (?:says?|said|thinks?|thought|reckons?|told|feels?|claims?)\b"
_CLAUSE = re.compile(r"[,;:=] | - | (?:but|because|since|as|so|until|before|after|while) ")


def call(tool: str, found: dict[str, Any]) -> Act | Ask:
    """A call with what was found for it, or a question for what it needs."""
    slots = {slot.lower(): slot.isupper() for slot in DATA["slots"].get(tool, "").split()}
    lacks = [s if s in DATA["asked"] else "which" for s in slots if slots[s] and not found.get(s)]
    return Ask(tuple(lacks)) if lacks else Act(tool, {slot: found[slot] for slot in slots if found.get(slot)})


def sure(message: Message, outcome: Outcome) -> Outcome:
    """A call that spends, changes or ends something, where all words of its clause are known; else a question."""
    at, act = outcome
    if not isinstance(act, Act) or act.tool.startswith(("get_", "list_", "check_", "inspect_")):
        return outcome
    if _OR.search(message.low):
        return at, Ask(("which",))
    a, b = next(((a, b) for a, b in message.sentences if at < b), (0, 0))
    cuts = [a, *(a + m.end() for m in _CLAUSE.finditer(message.low[a:b])), b]
    c, d = next((pair for pair in pairwise(cuts) if at < pair[1]), (0, 0))
    lead, of = _AND.split(message.low[c:at])[-1], message.low[at:d]
    lead = re.sub(
        r"\b(?:be|if you) (?:made|turned|built|created|done)\b" + r"|\b(?:make|turn) .*" * of.startswith("into"),
        "",
        lead,
    )
    torn = find("torn", message.low) or re.search(_TURNED, message.low[a:]) or re.search(_IF, message.low[a:b])
    if torn or (act.tool == "retire_companion" and _AWAITED.search(message.low[a:at])):
        return at, UNCLEAR
    if act.tool == "change_companion":
        free, lead = {"corrections", "wishes"} & {*act.arguments}, lead.replace("stop ", "")
        unsure = find("maybe", message.low[c : c + 12]) or re.match(_SAID, message.low[c:d])
        unsure = unsure or ("corrections" not in free and (find("not maybe tell", lead) or _TOLD.search(lead + of)))
        return (at, UNCLEAR) if unsure or not (free or understandable(message.low[c:d])) else outcome
    told = _TOLD.search(message.low[c:d]) and not re.search(r"\b(?:want|need|like|get)\b", message.low[c:d])
    if told and act.tool != "retire_companion":
        return at, UNCLEAR
    led = re.match(r"\w+ed\b|" + _NEXT, of) or plainly(lead)
    return outcome if led and understandable(message.low[c:d]) else (at, UNCLEAR)
