"""Memories in the first person. English ones in the third are turned where that is sure, else said as written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .languages import Language
from .passages import Passage
from .person import Person
from .turning import Turning
from .words import words

_I = re.compile(r"\b(?:I|[Mm]y|me|mine|myself)\b")
_PRONOUN = re.compile(r"\b(?:[Ss]he|[Hh]e)\b")
_QUOTED = re.compile(r"[\"\u201c][^\"\u201c\u201d]*[\"\u201d]")


def tell(tongue: Language, person: Person, passage: Passage, said: range, best: int) -> str:
    """Some sentences of a passage, as the person tells them, or as they were written."""
    text = _joined(passage.sentences[said.start : said.stop])
    if tongue.name != "en":
        own = not tongue.first.isdisjoint({*words(text), *text})
        return text if own else tongue.say("remember", text=text)
    if _is_own(passage.source.text, person):
        return text
    turning = Turning(passage.source.text, person)
    turned = (turning.turn(passage.sentences, part) for part in _parts(said, best))
    sure = next((sentences for sentences in turned if sentences), None)
    if sure is None:
        return tongue.say("told", text=text)
    text = _joined(sure)
    return text if _I.search(_unquoted(text)) else tongue.say("remember", text=text)


def _parts(said: range, best: int) -> list[range]:
    """All of it, then ever less around the best sentence: less in the first person is better than all in the third."""
    best = best if best in said else said.start
    parts = [range(a, b) for a in range(said.start, best + 1) for b in range(best + 1, said.stop + 1)]
    return sorted(parts, key=len, reverse=True)


def _joined(sentences: Sequence[str]) -> str:
    # Chinese has no space between sentences.
    return re.sub(r"(?<=[\u3002\uff01\uff1f]) ", "", " ".join(sentences))


def _unquoted(text: str) -> str:
    return _QUOTED.sub(" ", text)


def _is_own(text: str, person: Person) -> bool:
    """Whether a document is told by the person: with more "I" than names and third persons."""
    outside = _unquoted(text)
    named = sum(len(re.findall(rf"\b{re.escape(name)}\b", outside)) for name in person.called)
    return len(_I.findall(outside)) > named + len(_PRONOUN.findall(outside))
