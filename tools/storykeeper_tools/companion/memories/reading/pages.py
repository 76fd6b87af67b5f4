"""Lines on pages as paragraphs: by the space between them, over page ends, without running page numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from ...language import offered, table

_ENDED = re.compile(r"[.!?:…。!?][\"'\u201d\u2019»)\]]*$")
_MARKER = re.compile(r"(?:[-\u2013•*▪◦]|\d{1,3}[.)])\s")
_WIDE = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff65]")
_PARTED = re.compile(r"\w-\w")
_NUMBER = re.compile(r"\d+")
_FURTHEST = 200  # that is a year, not a page after some others

Paragraph = tuple[int, str, bool]


class Line(NamedTuple):
    """`x` and `y` from the lower left, in points, as `size` is."""

    text: str
    x: float
    y: float
    size: float


class _Placed(NamedTuple):
    page: int
    line: Line


def paragraphs(pages: Sequence[Sequence[Line]]) -> list[Paragraph]:
    """Page, text and whether it is a heading; a word parted at a line's end is mended where it stands whole elsewhere."""
    lines = list(_unnumbered(pages))
    words = {word for each in lines for word in re.findall(r"\w+", each.line.text)}
    body = median([each.line.size for each in lines]) if lines else 0.0
    leading = _leading(lines)
    return [_paragraph(block, words, body) for block in _blocks(lines, leading)]


def _paragraph(block: Sequence[_Placed], words: set[str], body: float) -> Paragraph:
    text = "".join(_joined([each.line.text for each in block], words))
    large = all(each.line.size > 1.15 * body for each in block)
    return block[0].page, text, large and len(text) <= 120


def _blocks(lines: Sequence[_Placed], leading: float) -> Iterator[list[_Placed]]:
    block: list[_Placed] = []
    for each in lines:
        if block and _parted(block[-1], each, leading):
            yield block
            block = []
        block.append(each)
    if block:
        yield block


def _parted(before: _Placed, after: _Placed, leading: float) -> bool:
    """Whether a new paragraph begins: a wider gap, another size of letters, or an indent after a sentence's end."""
    (first, line), (second, next_line) = before, after
    ended = bool(_ENDED.search(line.text))
    if abs(line.size - next_line.size) > 0.1 * line.size:
        return True
    if first != second or next_line.y > line.y:
        return ended or not next_line.text[:1].islower()
    if line.y - next_line.y > 1.3 * leading:
        return True
    return ended and next_line.x - line.x > 0.7 * line.size


def _leading(lines: Sequence[_Placed]) -> float:
    """The usual distance from line to line; that of single lines is wider than their letters allow."""
    gaps = Counter(
        round(gap, 1)
        for (page, line), (next_page, next_line) in pairwise(lines)
        if page == next_page and line.size == next_line.size and 0 < (gap := line.y - next_line.y) < 2.2 * line.size
    )
    return max(gaps, key=lambda gap: (gaps[gap], -gap), default=0.0)


def _joined(lines: Sequence[str], words: set[str]) -> Iterator[str]:
    for line, more in pairwise(lines):
        if _MARKER.match(more):
            yield f"{line}\n"
        elif line.endswith("\u00ad") or (line.endswith("-") and _whole(line, more) in words):
            yield line[:-1]
        else:
            close = _PARTED.search(line[-2:] + more[:1]) or (_WIDE.match(line[-1:]) and _WIDE.match(more[:1]))
            yield line if close else f"{line} "
    yield lines[-1]


def _whole(line: str, more: str) -> str:
    before, after = re.search(r"\w+-$", line), re.match(r"\w+", more)
    return before[0][:-1] + after[0] if before and after else ""


def _unnumbered(pages: Sequence[Sequence[Line]]) -> Iterator[_Placed]:
    """Without first and last lines that are nothing but a page's number, on page after page."""
    offsets = Counter(offset for n, page in enumerate(pages, 1) for offset in {_offset(e, n) for e in _edges(page)})
    numbered = {offset for offset, times in offsets.items() if offset is not None and 2 <= times >= 0.6 * len(pages)}
    for n, page in enumerate(pages, 1):
        for line in page:
            if not (line in _edges(page) and _offset(line, n) in numbered):
                yield _Placed(n, line)


def _edges(page: Sequence[Line]) -> Sequence[Line]:
    return [*page[:1], *page[-1:]]


def _offset(line: Line, page: int) -> int | None:
    """How far the first number of a line is from the page's; None where it says more than a page's number does."""
    numbers, words = _NUMBER.findall(line.text), re.findall(r"[^\W\d_]+", line.text.casefold())
    if not 1 <= len(numbers) <= 2 or len(numbers[0]) > 4 or not _words().issuperset(words):
        return None
    offset = int(numbers[0]) - page
    return offset if abs(offset) <= _FURTHEST else None


@cache
def _words() -> frozenset[str]:
    return frozenset(word for code in offered() for word in table(code, "pages")["words"])
