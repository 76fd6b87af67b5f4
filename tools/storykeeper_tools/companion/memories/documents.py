"""The memory book as Markdown documents: every memory whole, under its line of provenance, and none of them cut.

A file's memories make one document, or several where they are longer than one may be. A memory that is corrected or
added changes the document that it stands in, and no other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath

from ...errors import BadInput
from . import provenance
from .item import Item
from .provenance import Entry
from .reading import blocks
from .splitting import Cut, Run, pieces, runs

LONGEST = 100_000
"""Characters of a document; an account of ElevenLabs may hold 300,000 of them for each agent without retrieval."""
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+)$", re.M)


@dataclass(frozen=True, slots=True)
class Document:
    """`source` is the file that its memories come from, and `title` is made of that alone: no memory says its name."""

    title: str
    source: str
    text: str

    @property
    def data(self) -> bytes:
        return self.text.encode("utf-8", "replace")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def documents(entries: Sequence[Entry], before: Sequence[str] = (), longest: int = LONGEST) -> list[Document]:
    """A book's documents. Where they go on from one to the next is as in those of `before`, as far as it can be."""
    sources: dict[str, list[Entry]] = {}
    for entry in entries:
        sources.setdefault(entry.item.source, []).append(entry)
    cuts = _cuts(before)
    return [document for source, own in sources.items() for document in _documents(source, own, cuts, longest)]


def parse(*texts: str) -> list[Item]:
    """The memories that documents hold, letter for letter; `at` counts them by source."""
    return [entry.item for entry in entries(*texts)]


def entries(*texts: str) -> list[Entry]:
    """The book's entries that documents hold. What was never written by a book is taken apart at its blank lines."""
    found: list[provenance.Read] = []
    for text in texts:
        known = provenance.read(text)
        found += known or [provenance.Read(provenance.entry(item)) for item in blocks.items(text, "memories.md")]
    return list(_placed(provenance.joined(found)))


def holds(text: str) -> bool:
    """Whether a text is a document of a book."""
    return bool(provenance.read(text))


def plain(heading: str, text: str, what: str, longest: int = LONGEST) -> list[Document]:
    """A text that is no book, as it is: one document, or as many as it takes, that join to it letter for letter."""
    if "\0" in text:
        raise BadInput(f"'{what}' is not text", next="give the text itself, as .md or .txt")
    if not text.strip():
        raise BadInput(f"'{what}' is empty", next="write something into it, or leave it out")
    return [Document(_part(title(heading), n), what, part) for n, part in enumerate(pieces(text, longest), 1)]


def title(words: str) -> str:
    """A document's title from a file's name: `the-bakery` is `The bakery`."""
    words = re.sub(r"[-_\s]+", " ", "".join(c for c in words if c.isprintable())).strip()
    return (words[:1].upper() + words[1:])[:80] or "Memories"


def called(source: str) -> str:
    """A document's title from the name that a file goes by: `2019/notes.md` is `2019, notes`."""
    return title(str(PurePath(source).with_suffix("")).replace("/", ", "))


def _documents(source: str, own: Run, cuts: Sequence[Cut], longest: int) -> Iterator[Document]:
    name = called(source)
    texts = [text for run in runs(own, longest, cuts) for text in _texts(run, longest)]
    for n, text in enumerate(texts, 1):
        yield Document(_part(name, n), source, text)


def _part(name: str, n: int) -> str:
    return name if n == 1 else f"{name} ({n})"


def _texts(run: Run, longest: int) -> list[str]:
    """A document's text; several where one memory alone is too long for it."""
    whole = "\n".join(provenance.written(entry, entry.item.text) for entry in run)
    if len(run) > 1 or len(whole) <= longest:
        return [whole]
    [entry] = run
    room = longest - len(provenance.line(entry, 999, 999)) - 2
    if "!--" in entry.item.text:
        room = room * 4 // 5  # what is guarded in it grows by a fourth at most
    parts = pieces(entry.item.text, max(1, room))
    return [provenance.written(entry, part, n, len(parts)) for n, part in enumerate(parts, 1)]


def _cuts(before: Sequence[str]) -> list[Cut]:
    """Where documents of one source follow each other."""
    known = [found for text in before if (found := provenance.read(text))]
    return [
        (first[-1].entry.id, second[0].entry.id)
        for first, second in pairwise(known)
        if first[-1].entry.item.source == second[0].entry.item.source
    ]


def _placed(entries: Iterator[Entry]) -> Iterator[Entry]:
    """With their places and the headings that they stand under."""
    seen: dict[str, int] = {}
    headings: dict[str, str] = {}
    for entry in entries:
        source = entry.item.source
        seen[source] = seen.get(source, 0) + 1
        for found in _HEADING.findall(entry.item.text):
            headings[source] = found.rstrip(" \t#")
        item = replace(entry.item, at=seen[source], unit="paragraph", title=headings.get(source, ""))
        yield replace(entry, item=item)
