"""What was said, in clauses that can be searched: folded, contractions written out, questions told from statements."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_APOSTROPHES = dict.fromkeys([0x2018, 0x2019, 0x02BC, 0x00B4, 0x60], "'")
_SENTENCE = re.compile(r"[^.!?。\n]+[.!?。\n]*")
_CLAUSE = re.compile(r"[,;:()\[\]\"\u201c\u201d\u201e\u00ab\u00bb\u3001\u2013\u2014\u300c\u300d]| - ")
_SHORT = re.compile(r"(?<!\w)([A-HJ-Z]|Mr|Mrs|Ms|Dr|St|Prof|Hr|Fr|Sr|Sra|Dra|Mme|Sig)\.(?=\s)")
_EAST = re.compile(r"\s*([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff])\s*")


@dataclass(frozen=True, slots=True)
class Clause:
    """`asked`: part of a question, which states nothing."""

    text: str
    asked: bool


def fold(text: str) -> str:
    """Without case, accents, hyphens, the dots of "Mr." and double spaces."""
    plain = _SHORT.sub(r"\1", unicodedata.normalize("NFKC", text).translate(_APOSTROPHES))
    bare = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c)).casefold()
    joined = re.sub(r"(?<=\w)[-\u2010\u2011](?=\w)", " ", bare)
    return re.sub(r"[^\S\n]+", " ", joined)


def spoken(text: str, words: Mapping[str, Any]) -> str:
    """Folded as a language is written: Chinese without any space."""
    return _EAST.sub(r"\1", fold(text)) if words["digits"] else fold(text)


def clauses(text: str, words: Mapping[str, Any]) -> list[Clause]:
    """The clauses of an answer. `words` is the language's table: what is `spelled` otherwise, `fillers`, what `breaks`
    a sentence, what `joins` on after a comma, and the `tags` that make a question of a statement."""
    said = spoken(text, words)
    for short, long in words["spelled"]:
        said = said.replace(short, long)
    for idle in words["fillers"]:
        said = re.sub(rf", ?(?:{idle}) ?,", " ", said)
    said = re.sub(rf", ?(?=(?:{words['joins']}))", " ", said)
    return [clause for sentence in _SENTENCE.findall(said) for clause in _parts(sentence, words)]


def _parts(sentence: str, words: Mapping[str, Any]) -> list[Clause]:
    pieces = [piece for part in _CLAUSE.split(sentence) for piece in re.split(whole(words["breaks"]), part)]
    plain = [text for piece in pieces if (text := " ".join(piece.strip(" .!?。\n\u00bf\u00a1*_").split()))]
    # "It was cold, wasn't it?" states that it was.
    asked = "?" in sentence and not (plain[1:] and re.fullmatch(words["tags"], plain[-1]))
    return [Clause(piece, asked) for piece in plain]


def whole(pattern: str) -> str:
    """A pattern that matches whole words only; Chinese has no spaces to tell them by."""
    return rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])"
