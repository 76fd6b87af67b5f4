"""Texts taken apart into sentences, in time that grows with their length only."""

from __future__ import annotations

import re

_LONGEST = 1000
_PARAGRAPH = re.compile(r"\n\s*\n")
_MARKS = "#>*- \t"
_SHORT = r"(?<!\b[A-Z]\.)(?<!\bMr\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMrs\.)"
_ORDINAL = r"(?<!\b\d\.)(?<!\b\d\d\.)"
_END = re.compile(rf"(?<=[.!?…]){_SHORT}[\"”’»)*_]{{0,3}}\s+|(?<=[。！？])")
_GERMAN = re.compile(_END.pattern.replace(_SHORT, _SHORT + _ORDINAL))


def sentences(text: str, language: str = "en") -> list[str]:
    """Without line breaks and marks of headings and lists; in German a day's number ("3. März") ends none. What goes on
    for a thousand characters is cut."""
    end = _GERMAN if language == "de" else _END
    lines = (" ".join(line.strip(_MARKS) for line in part.split("\n")) for part in _PARAGRAPH.split(text))
    whole = (sentence.strip() for line in lines for sentence in end.split(line))
    return [one[at : at + _LONGEST] for one in whole for at in range(0, len(one), _LONGEST)]
