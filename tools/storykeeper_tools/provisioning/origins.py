"""Which file is which: one that is given again takes the place of what came from it, and no two go by one name."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from ..companion.memories.book import words
from ..companion.memories.item import Item
from ..companion.memories.provenance import LONGEST, source

_NUMBER = re.compile(r" \(\d+\)(?=(?:\.[^.]*)?\Z)")


@dataclass(frozen=True, slots=True)
class Given:
    """A file that is given: `name` is its own, `origin` that of the place where it lies, and `ends` are the names that
    it may go by, the shortest first. Of an EPUB no items are known."""

    name: str
    data: bytes
    origin: str
    ends: Sequence[str]
    items: Sequence[Item] = ()

    @property
    def whole(self) -> bool:
        """Whether ElevenLabs reads it itself."""
        return PurePath(self.name).suffix.lower() == ".epub"

    def called(self, name: str) -> Given:
        """With the name that it goes by as the source of its items."""
        return replace(self, ends=[name], items=[replace(item, source=name) for item in self.items])

    @property
    def source(self) -> str:
        return self.ends[0]


@dataclass(frozen=True, slots=True)
class Known:
    """A file that was read before: what it goes by, where it lay, if that is known, and what it told."""

    source: str
    origin: str = ""
    told: set[str] = field(default_factory=set[str])


def origin(place: str) -> str:
    """A place's own, which doesn't say where it is."""
    return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def ends(path: str) -> list[str]:
    """`notes.md`, `2019/notes.md`, and so on: whole names, as far as a line of provenance has room for them."""
    parts = [_part(part) for part in PurePath(path).parts if part not in {"/", ".."}] or ["_"]
    joined = ("/".join(parts[-n:])[-LONGEST:].lstrip("/ ") for n in range(1, len(parts) + 1))
    return list(dict.fromkeys(map(source, joined)))


def again(given: Sequence[Given], known: Sequence[Known]) -> dict[int, str]:
    """By their numbers those that were read before, and what they go by: the file of the same place, or one of the
    same name most of whose memories are told again. What merely has the same name is another file."""
    places = {file.origin: file.source for file in known if file.origin}
    found = {n: places[file.origin] for n, file in enumerate(given) if file.origin in places}
    for n, file in enumerate(given):
        alike = [other for other in known if bare(other.source) == bare(file.ends[0])] if n not in found else []
        told = {words(item) for item in file.items} if alike else set[str]()
        shares = {other.source: _share(other, told) for other in alike if other.source not in found.values()}
        best = max(shares, key=shares.__getitem__, default="")
        if best and shares[best] > 0.5:
            found[n] = best
    return found


def named(given: Sequence[Given], known: Collection[str] = (), same: dict[int, str] | None = None) -> list[Given]:
    """Each under a name of its own: the `same` as before, or as much of its path as tells it from all others."""
    before = same or {}
    taken = {*known, *before.values()}
    count = Counter(end for file in given for end in file.ends)
    found: list[Given] = []
    for n, file in enumerate(given):
        name = before.get(n) or next(name for name in _names(file, count) if name not in taken)
        taken.add(name)
        found.append(file.called(name))
    return found


def _names(file: Given, count: Counter[str]) -> Iterator[str]:
    yield from (end for end in file.ends if count[end] == 1)
    yield file.ends[-1]
    stem, ending = os.path.splitext(file.ends[0])
    for n in range(2, 10**6):
        number = f" ({n})"
        yield stem[: LONGEST - len(number) - len(ending)] + number + ending


def _part(part: str) -> str:
    """A name that is too long keeps its head and its end, which tells what kind of file it is."""
    name = part if len(part) <= LONGEST - 20 else f"{part[:50]}…{part[-40:]}"
    clean = source(name)
    return "_" if clean in {".", ".."} else clean


def bare(name: str) -> str:
    """A file's own name, which others may have too."""
    return _NUMBER.sub("", PurePath(name).name).casefold()


def _share(known: Known, told: set[str]) -> float:
    """How much of what a file told is told again."""
    return len(known.told & told) / len(known.told) if known.told else 0.0
