"""Markdown and plain text as items: one for each block between blank lines, with the headings that stand above it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..item import Item, Unit
from .front import front
from .stated import Stated

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|\Z)")
_UNDERLINE = re.compile(r" {0,3}(=+|-{3,})[ \t]*\Z")
_FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`]*\Z)|~{3,})")
_MARKER = re.compile(r" {0,3}(?:[-*+•]|\d{1,9}[.)])[ \t]")
_INDENTED = re.compile(r"(?: {2,}|\t)\S")
_UNWRAPPED = 150  # a line on paper has fewer characters


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines `start` to `end` (not included) of a text; `level` is a heading's, 0 for all else."""

    start: int
    end: int
    level: int = 0
    heading: str = ""


_Told = tuple[str, list[tuple[int, _Block]]]


def items(text: str, source: str, *, unit: Unit = "line", title: str = "") -> list[Item]:
    """Texts letter for letter, but for blank lines between items and blanks at their ends; never cut.

    `title` is that of items above the first heading. In the unit "paragraph" blocks are counted, else lines.
    """
    lines = text.split("\n")
    said, taken = front(lines)
    blocks = list(_joined(lines, list(_blocks(lines, taken))))
    blocks = [*_opened(blocks, taken)] if taken else blocks
    return [_item(lines, parts, source, unit, nearest, said) for nearest, parts in _told(blocks, said.title or title)]


def _told(blocks: Sequence[_Block], nearest: str) -> Iterator[_Told]:
    """Headings with the block that follows them; alone where none does before a heading as high as they are."""
    parts: list[tuple[int, _Block]] = []
    for n, block in enumerate(blocks, 1):
        if parts and block.level and block.level <= parts[-1][1].level:
            yield nearest, parts
            parts = []
        nearest = block.heading or nearest
        parts.append((n, block))
        if not block.level:
            yield nearest, parts
            parts = []
    if parts:
        yield nearest, parts


def _opened(blocks: Sequence[_Block], taken: int) -> Iterator[_Block]:
    """The front matter stays at the head of the first block, or is all there is."""
    if not blocks:
        yield _Block(0, taken)
    for n, block in enumerate(blocks):
        yield _Block(0, block.end, block.level, block.heading) if n == 0 else block


def _item(
    lines: Sequence[str], parts: Sequence[tuple[int, _Block]], source: str, unit: Unit, title: str, said: Stated
) -> Item:
    (n, first), (_, last) = parts[0], parts[-1]
    return Item(
        text="\n".join(lines[first.start : last.end]).rstrip(),
        source=source,
        at=n if unit == "paragraph" else first.start + 1,
        unit=unit,
        title=title,
        date=said.date,
        contributor=said.contributor,
        people=said.people,
        places=said.places,
    )


def _blocks(lines: Sequence[str], start: int) -> Iterator[_Block]:
    """Headings, fences that close, and runs of lines that aren't blank."""
    unclosed: dict[str, int] = {}
    begun, n = start, start
    while n < len(lines):
        line = lines[n]
        end = n + 1
        if not line.strip():
            yield from _run(lines, begun, n)
        elif (found := _HEADING.match(line)) is not None:
            yield from _run(lines, begun, n)
            yield _Block(n, end, len(found[1]), _plain(line[found.end() :]))
        elif begun == n and end < len(lines) and (under := _UNDERLINE.match(lines[end])) and _short(line):
            end += 1
            yield _Block(n, end, 1 if under[1][0] == "=" else 2, _plain(line))
        elif (closed := _closed(lines, n, unclosed)) is not None:
            n = closed + 1
            continue
        else:
            n = end
            continue
        begun = n = end
    yield from _run(lines, begun, n)


def _run(lines: Sequence[str], start: int, end: int) -> Iterator[_Block]:
    """A paragraph, list, table or fence; where lines were never wrapped, each is a paragraph."""
    run = lines[start:end]
    if len(run) > 1 and sum(map(len, run)) > _UNWRAPPED * len(run) and not any(map(_bound, run)):
        yield from (_Block(n, n + 1) for n in range(start, end))
    elif end > start:
        yield _Block(start, end)


def _joined(lines: Sequence[str], blocks: Sequence[_Block]) -> Iterator[_Block]:
    """What is indented below a point of a list belongs to that point."""
    last: _Block | None = None
    for block in blocks:
        if last and not block.level and _MARKER.match(lines[last.start]) and _INDENTED.match(lines[block.start]):
            last = _Block(last.start, block.end)
            continue
        if last:
            yield last
        last = block
    if last:
        yield last


def _closed(lines: Sequence[str], start: int, unclosed: dict[str, int]) -> int | None:
    """Where the fence that opens here ends; a row of tildes that nothing closes is an ornament."""
    found = _FENCE.match(lines[start])
    if found is None or len(found[1]) >= unclosed.get(found[1][0], len(found[1]) + 1):
        return None
    for n in range(start + 1, len(lines)):
        bare = lines[n].strip()
        if len(bare) >= len(found[1]) and bare == found[1][0] * len(bare):
            return n
    unclosed[found[1][0]] = len(found[1])
    return None


def _bound(line: str) -> bool:
    """Lines that mean something only together with those beside them."""
    return bool(_FENCE.match(line) or _MARKER.match(line) or _INDENTED.match(line) or "|" in line)


def _short(line: str) -> bool:
    return len(line) <= 100 and not _MARKER.match(line) and "|" not in line


def _plain(heading: str) -> str:
    """A heading's words, without the marks of emphasis around them."""
    return " ".join(heading.strip("#*_` \t").split())[:200]
