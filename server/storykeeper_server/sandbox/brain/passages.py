"""Documents cut into passages: paragraphs under their headings, without Markdown's marks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .types import Source
from .words import sentences

_MOST_SENTENCES = 12
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"(?:[-*+]|\d{1,3}[.)])\s+")
_ASIDE = re.compile(r"([*_])(?![*_\s]).*\1$")
_RULE = re.compile(r"[-=*_ ]{3,}$")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_MARKS = (
    (re.compile(r"!\[[^\]]{0,500}\]\([^)]{0,2000}\)|<[^<>]{1,300}>"), ""),
    (re.compile(r"\[([^\]]{1,500})\]\([^)]{0,2000}\)"), r"\1"),
    (re.compile(r"\*+|`+|(?<!\w)_+|_+(?!\w)"), ""),
)


@dataclass(frozen=True)
class Passage:
    """Some sentences of one document and the headings above them."""

    source: Source
    number: int
    heading: str
    sentences: tuple[str, ...]
    aside: bool = False
    """Whether it is set in italics as a whole, as a note about the document is."""

    @property
    def id(self) -> str:
        """The same for the same place of the same document."""
        return hashlib.sha256(f"{self.source.id} {self.number}".encode()).hexdigest()[:20]


def passages(source: Source) -> list[Passage]:
    """A document's passages, in order."""
    found: list[Passage] = []
    for heading, lines, aside in _paragraphs(_COMMENT.sub("", source.text)):
        said = [sentence for item in lines for sentence in sentences(item)]
        for start in range(0, len(said), _MOST_SENTENCES):
            part = tuple(said[start : start + _MOST_SENTENCES])
            found.append(Passage(source, len(found), f"{source.name} {heading}".strip(), part, aside))
    return found


def _paragraphs(text: str) -> Iterator[tuple[str, list[str], bool]]:
    trail: dict[int, str] = {}
    lines: list[str] = []
    for line in (*text.splitlines(), ""):
        bare = line.strip().lstrip("> ")
        heading = _HEADING.match(bare)
        if lines and (heading or not bare or _RULE.match(bare)):
            yield " ".join(trail.values()), [_clean(each) for each in lines], _ASIDE.match(" ".join(lines)) is not None
            lines = []
        if heading:
            level = len(heading[1])
            trail = {at: words for at, words in trail.items() if at < level} | {level: _clean(heading[2])}
        elif bare and not _RULE.match(bare):
            _add(lines, bare)


def _add(lines: list[str], line: str) -> None:
    item = _ITEM.match(line)
    if item or not lines:
        lines.append(line[item.end() :] if item else line)
    else:
        lines[-1] += f" {line}"


def _clean(line: str) -> str:
    for mark, instead in _MARKS:
        line = mark.sub(instead, line)
    return line.strip()
