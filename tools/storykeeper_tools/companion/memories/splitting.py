"""Where a long file's memories go on in another document: at boundaries that content chooses, not position.

Of all boundaries the one with the smallest hash divides a run that is too long, and so on with its halves. What is
written into one half moves nothing in the other. Boundaries of documents that exist are kept as long as one of the
two memories beside them is there, so that even a change at a boundary changes one document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

from .provenance import Entry, line

Run = Sequence[Entry]
Cut = tuple[str, str]
"""The ids of the memories before and after a boundary."""


def runs(entries: Run, longest: int, cuts: Sequence[Cut] = ()) -> list[Run]:
    """The entries in order, in runs of at most `longest` characters; one that is longer by itself is a run of its own."""
    bounds = [0, *_known(entries, cuts), len(entries)]
    sizes = [size(entry) for entry in entries]
    return [
        entries[start:end]
        for first, last in pairwise(bounds)
        if first < last
        for start, end in _fitting(entries, sizes, longest, first, last)
    ]


def size(entry: Entry) -> int:
    """Characters of a memory in a document, at most."""
    return len(line(entry)) + len(entry.item.text) + entry.item.text.count("!--") + 3


def pieces(text: str, longest: int) -> list[str]:
    """Parts of at most `longest` characters that join to the text; at blank lines or ends of sentences, if it has any."""
    parts: list[str] = []
    start = 0
    while len(text) - start > longest:
        end = _boundary(text, start, longest)
        parts.append(text[start:end])
        start = end
    return [*parts, text[start:]]


def _known(entries: Run, cuts: Sequence[Cut]) -> list[int]:
    places = {entry.id: n for n, entry in enumerate(entries)}
    found = {places[after] if after in places else places.get(before, -1) + 1 for before, after in cuts}
    return sorted(place for place in found if 0 < place < len(entries))


def _fitting(entries: Run, sizes: Sequence[int], longest: int, start: int, end: int) -> list[tuple[int, int]]:
    if end - start == 1 or sum(sizes[start:end]) <= longest:
        return [(start, end)]
    at = min(range(start + 1, end), key=lambda n: _weight(entries, sizes, longest, n))
    halves = (start, at), (at, end)
    return [part for half in halves for part in _fitting(entries, sizes, longest, *half)]


def _weight(entries: Run, sizes: Sequence[int], longest: int, n: int) -> tuple[int, str, str]:
    """The smallest is cut first: around what needs documents of its own, then at headings, then anywhere."""
    before, after = entries[n - 1], entries[n]
    if max(sizes[n - 1], sizes[n]) > longest:
        return 0, after.id, ""
    if after.item.title != before.item.title:
        return 1, _hash(after.item.title), after.id
    return 2, _hash(after.id), ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _boundary(text: str, start: int, longest: int) -> int:
    for mark in ("\n\n", "\n", ". ", "。", "! ", "? ", " "):
        found = text.rfind(mark, start, start + longest - len(mark) + 1)
        if found > start:
            return found + len(mark)
    return start + longest
