"""The interview: questions about a life, those first whose answers the memories lack, and the file of the answers."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .language import named, table

HEADING = "## "


@dataclass(frozen=True, slots=True)
class Question:
    """`topic` is one of the codes of `PHASES`."""

    topic: str
    ask: str


def questions(gaps: Collection[str], *, name: str, language: str, themselves: bool = False) -> list[Question]:
    """Two open questions on each part of a life, those of `gaps` first; asked of the person, or of others who knew them.

    Raises BadInput for a language that has no file.
    """
    from .memories.phases import PHASES  # a start needn't wait for it

    asks: Mapping[str, Sequence[str]] = table(language, "interview")["you" if themselves else "of"]
    topics = sorted(PHASES, key=lambda topic: topic not in gaps)
    return [Question(topic, named(ask, name, language)) for topic in topics for ask in asks[topic]]


def opening(*, name: str, language: str, by: str, told_on: str) -> str:
    """How a file of answers begins: who told them is read back with every one of them."""
    said = {"about": name, "language": language, **({"contributor": by} if by else {}), "told_on": told_on}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in said.items()]
    return "\n".join(["---", *lines, "---", ""])


def told(text: str) -> Mapping[str, str]:
    """What the beginning of a file of answers says; nothing where it isn't one."""
    head, _, rest = text.partition("\n---\n")
    if not head.startswith("---\n") or not (rest or text.endswith("\n---\n")):
        return {}
    pairs = (line.partition(": ") for line in head.split("\n")[1:])
    return {key: _value(value) for key, _, value in pairs}


def answered(text: str) -> set[str]:
    """The questions that a file has answers to."""
    return {line.removeprefix(HEADING) for line in text.split("\n") if line.startswith(HEADING)}


def headed(question: Question) -> str:
    """What stands before an answer."""
    return f"\n{HEADING}{question.ask}\n\n"


def _value(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""
