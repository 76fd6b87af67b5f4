"""Memories on their way in: found, opened once, read into the memory book, and staged as the book's documents."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from ..companion.memories import book, documents
from ..companion.memories.documents import Document
from ..companion.memories.item import Item
from ..companion.memories.provenance import Entry
from ..companion.memories.reading.files import READABLE, read
from ..companion.memories.source import Found, Source
from ..companion.memories.tongue import told_in
from ..errors import BadInput, Conflict, NotFound
from ..files import Files, label, shown
from ..part import part
from .base import NOTHING, Base
from .blobs import Blobs, Staging
from .origins import Given, Known, again, bare, ends, named, origin
from .plan import StagedMemory
from .sounds import SUFFIXES as SOUNDS

LARGEST = 20 * 1024 * 1024
EPUB = "application/epub+zip"


@dataclass(frozen=True, slots=True)
class Collected:
    """The documents, the entries of the book that they hold, the names of what lay there and isn't read, and what was
    taken to be an earlier file, or another of its name."""

    memories: list[StagedMemory] = field(default_factory=list[StagedMemory])
    entries: list[Entry] = field(default_factory=list[Entry])
    left_out: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


@part
class Texts:
    files: Files
    source: Source | None = None

    def stage(
        self,
        staging: Staging,
        paths: Sequence[str],
        memory_id: str = "",
        *,
        language: str = "en",
        base: Base = NOTHING,
    ) -> Collected:
        """The book of what there is, of files and folders, and of what a source has under an id. A file that is given
        again takes the place of what came from it; raises BadInput for a memory to remove that isn't there."""
        stored = self._kept(memory_id) if memory_id else Found()
        before = _Before(staging, base)
        found, left_out = self._given(paths)
        given = [*(_given(raw.name, raw.data, raw.name, raw.name) for raw in stored.files), *found]
        known = before.known()
        same = again(given, known)
        given = named(given, [file.source for file in known], same)
        kept = before.without(same.values())
        told = [item for file in given for item in file.items]
        spoken = told_in((item.text for item in told), language)
        made = book.build(told, subject="", language=spoken, kept=kept)
        origins = _by_document(made.entries, before.origins | {file.source: file.origin for file in given})
        staged = [
            *(memory for memory in before.others if memory.origins.keys().isdisjoint(same.values())),
            *(
                _text(staging, document, origins[document.source])
                for document in documents.documents(made.entries, before.texts)
            ),
            *(_file(staging, file) for file in given if file.whole),
        ]
        memories = list({memory.sha256: memory for memory in staged}.values())
        notes = [*_replaced(before, made.entries), *_beside(given, known, same)]
        return Collected(memories, list(made.entries), [*stored.left_out, *left_out], notes)

    def text(self, staging: Staging, heading: str, text: str) -> list[StagedMemory]:
        """Stage a text that came as an argument, as it is."""
        return [_text(staging, document) for document in documents.plain(heading, text, "the text")]

    def read(self, paths: Sequence[str]) -> tuple[list[Item], list[str]]:
        """The items of files and folders, and the names of what isn't read."""
        found, left_out = self._given(paths)
        given = named(found)
        unread = [
            f"{shown(file.name)}: an EPUB is sent as it is, and isn't looked into" for file in given if file.whole
        ]
        return [item for file in given for item in file.items], [*left_out, *unread]

    def _kept(self, memory_id: str) -> Found:
        if self.source is None:
            raise BadInput(
                "there is no place that memories are kept in by an id",
                next="set STORYKEEPER_FIRESTORE to PROJECT/COLLECTION, or give the memories as files",
            )
        return self.source.read(memory_id)

    def _given(self, paths: Sequence[str]) -> tuple[list[Given], list[str]]:
        """Each file once, however often and by whatever path it is given."""
        found: dict[str, str] = {}
        left_out: list[str] = []
        for path in paths:
            inside = self._found(path)
            for file in inside:
                ending = PurePath(file).suffix.lower()
                if inside != [path] and ending not in {*READABLE, ".epub"}:
                    left_out += [] if ending in SOUNDS else [shown(file)]  # nobody takes a recording for a text
                else:
                    found.setdefault(self.files.place(file), os.path.normpath(file))
        return [_given(PurePath(path).name, self._read(path), place, path) for place, path in found.items()], left_out

    def _found(self, path: str) -> list[str]:
        """A file, or what a folder holds; a folder with a part called `memories` is meant by that part alone."""
        inside = self.files.within(path)
        own = os.path.join(path, "memories", "")
        return [p for p in inside if p.startswith(own)] or inside

    def _read(self, path: str) -> bytes:
        with self.files.open(path) as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise BadInput(f"{label(path)} is larger than 20 MB", next="split it into several files")
        return data


class _Before:
    """The book as it is so far, read back from its documents; what is no document of a book is one of the `others`."""

    def __init__(self, staging: Staging, base: Base) -> None:
        blobs = Blobs(staging.folder)
        said = {m.sha256: _decoded(blobs, m) for m in (*base.kept, *base.removed) if m.type == "text"}
        for memory in base.known:
            with suppress(NotFound, Conflict):  # of these nothing is needed
                said[memory.sha256] = _decoded(blobs, memory) if memory.type == "text" else ""
        own = {sha256: text for sha256, text in said.items() if documents.holds(text)}
        self.texts = list(own.values())
        self.others = [memory for memory in base.kept if memory.sha256 not in own]
        self.origins = {name: at for memory in (*base.kept, *base.removed) for name, at in memory.origins.items()}
        kept = documents.entries(*(own[m.sha256] for m in base.kept if m.sha256 in own))
        leaving = documents.entries(*(own[m.sha256] for m in base.removed if m.sha256 in own))
        if not {entry.id for entry in kept} >= set(base.items):
            raise BadInput("a memory to remove isn't there", next="get_companion with `about` shows their ids")
        gone = {entry.item.source for entry in leaving} - {entry.item.source for entry in kept}
        # What a document that goes shares with another file is that one's from now on.
        shared = [entry for e in leaving for entry in book.without([e], {e.item.source, *gone})]
        self.entries = [e for e in book.without(kept, gone) if e.id not in base.items] + shared

    def known(self) -> list[Known]:
        """The files that this came from, in their order."""
        told: dict[str, set[str]] = {name: set[str]() for memory in self.others for name in memory.origins}
        for entry in self.entries:
            for name in entry.sources:
                told.setdefault(name, set[str]()).add(book.words(entry.item))
        return [Known(name, self.origins.get(name, ""), texts) for name, texts in told.items()]

    def without(self, sources: Iterable[str]) -> list[Entry]:
        return book.without(self.entries, sources)


def _replaced(before: _Before, entries: Sequence[Entry]) -> Iterator[str]:
    """What isn't told any more, because the file that told it was given again."""
    told = {book.words(entry.item) for entry in entries}
    gone = Counter(entry.item.source for entry in before.entries if book.words(entry.item) not in told)
    for name, count in gone.items():
        yield f"{name} replaces {count} {'memory' if count == 1 else 'memories'} that came from it before"


def _beside(given: Sequence[Given], known: Sequence[Known], same: Collection[int]) -> Iterator[str]:
    """Files that merely have the name of an earlier one."""
    names = {bare(file.source) for file in known}
    for n, file in enumerate(given):
        if n not in same and bare(file.name) in names:
            yield f"an earlier {shown(file.name)} stays beside {file.source}, which tells other memories; remove the wrong one"


def _decoded(blobs: Blobs, memory: StagedMemory) -> str:
    return blobs.read(memory.sha256).decode("utf-8", "replace")


def _given(name: str, data: bytes, place: str, path: str) -> Given:
    given = Given(name, data, origin(place), ends(path))
    return given if given.whole else replace(given, items=read(name, data))


def _file(staging: Staging, given: Given) -> StagedMemory:
    """A book that ElevenLabs reads itself."""
    head = given.data[:128]
    if not (head.startswith(b"PK\x03\x04") and head[30:38] == b"mimetype" and EPUB.encode() in head):
        raise BadInput(f"'{shown(given.name)}' is not the EPUB file that its name says", next="save it again")
    return StagedMemory(
        sha256=staging.add(io.BytesIO(given.data)),
        title=documents.called(given.source),
        type="file",
        mime=EPUB,
        size=len(given.data),
        origins={given.source: given.origin},
    )


def _by_document(entries: Sequence[Entry], origins: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Where the files lay that a source's documents tell of: its own, and those that tell of it as well."""
    found: dict[str, dict[str, str]] = {}
    for entry in entries:
        found.setdefault(entry.item.source, {}).update(
            {name: origins[name] for name in entry.sources if name in origins}
        )
    return found


def _text(staging: Staging, document: Document, origins: Mapping[str, str] | None = None) -> StagedMemory:
    sha256 = staging.add(io.BytesIO(document.data))
    return StagedMemory(
        sha256=sha256,
        title=document.title,
        type="text",
        mime="text/plain",
        size=len(document.data),
        characters=len(document.text),
        origins=dict(origins or {}),
    )
