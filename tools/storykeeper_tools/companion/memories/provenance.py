"""The line before each memory of a document: its id, date, teller and source, as an HTML comment that nobody sees.

    <!-- m-1a2b3c4d5e · 1941 · told by Niamh · childhood-in-cork.md -->

No line numbers: they would change whenever something is written above. A memory's own text can't pass for such a
line, nor hide what follows it: where `<!--` stands in it, a backslash is put into that and taken out again on reading.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .item import Item

_LINE = re.compile(r"^<!-- (?P<id>m-[0-9a-f]{10})(?P<said>(?: · [^\n]*)?) · (?P<source>[^\n·]*) -->$", re.M)
_OPENING, _ESCAPED = re.compile(r"<(\\*)!--"), re.compile(r"<\\(\\*)!--")
_DATE = re.compile(r"\d{4}(?:-\d\d){0,2}(?:/\d{4}(?:-\d\d){0,2})?\Z")
_PART = re.compile(r"part (\d+) of (\d+)\Z")
LONGEST = 120
"""Characters of a value, such as a file's name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A memory of the book, with its id, and the other files that tell it too."""

    id: str
    item: Item
    also: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.item.source, *self.also)


@dataclass(frozen=True, slots=True)
class Read:
    """An entry as it was read back; of one that is longer than a document, part `number` of `parts`."""

    entry: Entry
    number: int = 1
    parts: int = 1


def entry(item: Item, also: tuple[str, ...] = ()) -> Entry:
    return Entry(item.id, item, also)


def written(entry: Entry, text: str, number: int = 1, parts: int = 1) -> str:
    """A memory, or a part of one, as it stands in a document: the line, the text, and a line break."""
    return f"{line(entry, number, parts)}\n{_OPENING.sub(_guarded, text)}\n"


def line(entry: Entry, number: int = 1, parts: int = 1) -> str:
    item = entry.item
    said = [
        item.date,
        _labelled("told by", clean(item.contributor)),
        _labelled("with", _listed(item.people)),
        _labelled("in", _listed(item.places)),
        _labelled("key", clean(item.key)),
        _labelled("also", " | ".join(map(source, entry.also))),
        f"part {number} of {parts}" if parts > 1 else "",
    ]
    return f"<!-- {' · '.join([entry.id, *filter(None, said), source(item.source)])} -->"


def read(document: str) -> list[Read]:
    """The memories of a document, in order; none where it has no such lines."""
    found = list(_LINE.finditer(document))
    ends = [*(match.start() - 2 for match in found[1:]), *([len(document) - 1] if found else [])]
    return [_read(match, document[match.end() + 1 : end]) for match, end in zip(found, ends, strict=True)]


def joined(pieces: Sequence[Read]) -> Iterator[Entry]:
    """Entries, those that go over several documents made whole again."""
    whole: Read | None = None
    for piece in pieces:
        if whole and piece.entry.id == whole.entry.id and piece.number == whole.number + 1:
            text = whole.entry.item.text + piece.entry.item.text
            whole = replace(piece, entry=replace(whole.entry, item=replace(whole.entry.item, text=text)))
        else:
            if whole:
                yield whole.entry
            whole = piece
    if whole:
        yield whole.entry


def is_id(text: str) -> bool:
    """Whether a text is the id of a memory."""
    return re.fullmatch(r"m-[0-9a-f]{10}", text) is not None


def clean(value: str) -> str:
    """A value that can't end its comment, its part of the line, or the line."""
    composed = unicodedata.normalize("NFC", value).replace("·", "-")
    kept = "".join(c if c.isprintable() else " " for c in composed if c not in "<>")
    return " ".join(re.sub(r"-{2,}", "-", kept).split())[:LONGEST].strip()


def source(name: str) -> str:
    """A file's name as it stands in a line, where ` | ` is between several."""
    return clean(name.replace("|", "-")) or "memories"


def _labelled(label: str, value: str) -> str:
    return f"{label} {value}" if value else ""


def _listed(values: Sequence[str]) -> str:
    return ", ".join(filter(None, (clean(value.replace(",", " ")) for value in values)))


def _guarded(match: re.Match[str]) -> str:
    return rf"<\{match[1]}!--"


def _bare(match: re.Match[str]) -> str:
    return f"<{match[1]}!--"


def _read(match: re.Match[str], body: str) -> Read:
    said = [part for part in match["said"].split(" · ") if part]
    part = next((found for value in said if (found := _PART.match(value))), None)
    item = Item(
        _ESCAPED.sub(_bare, body),
        match["source"],
        date=next((value for value in said if _DATE.match(value)), ""),
        contributor=_value(said, "told by"),
        people=_values(said, "with"),
        places=_values(said, "in"),
        key=_value(said, "key"),
    )
    entry = Entry(match["id"], item, tuple(filter(None, _value(said, "also").split(" | "))))
    return Read(entry, int(part[1]), int(part[2])) if part else Read(entry)


def _value(said: Sequence[str], label: str) -> str:
    return next((value.removeprefix(f"{label} ") for value in said if value.startswith(f"{label} ")), "")


def _values(said: Sequence[str], label: str) -> tuple[str, ...]:
    return tuple(filter(None, _value(said, label).split(", ")))
