"""Memories as files that can be read in again, from the documents that they became."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from ..companion.memories import documents
from ..companion.memories.item import Item
from .archived import safe, unlike

_PLAIN = frozenset([".md", ".markdown", ".txt"])  # in which a memory says of itself all that is known of it


def retold(texts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Files by their names, from documents by their titles: one for each file that the memories came from. What was
    dated or told in another kind of file becomes records that say so."""
    told = list(texts)
    book = [text for _, text in told if documents.holds(text)]
    sources: dict[str, list[Item]] = {}
    for item in documents.parse(*book) if book else []:
        sources.setdefault(item.source, []).append(item)
    others = [(safe(title, ".md"), text) for title, text in told if not documents.holds(text)]
    files: dict[str, str] = {}
    for name, text in [*(_file(source, items) for source, items in sources.items()), *others]:
        files[unlike(name, files)] = text
    return files


def _file(source: str, items: Sequence[Item]) -> tuple[str, str]:
    name = "/".join(map(safe, PurePath(source).parts)) or "memories.md"
    if PurePath(name).suffix in _PLAIN:
        return name, "\n\n".join(item.text.strip("\n") for item in items) + "\n"
    records = [dict(_said(item)) for item in items]
    ending = "" if name.endswith(".json") else ".json"
    return name + ending, json.dumps(records, ensure_ascii=False, indent=1) + "\n"


def _said(item: Item) -> Iterator[tuple[str, str | list[str]]]:
    yield "text", item.text
    if item.date:
        yield "date", item.date
    if item.contributor:
        yield "contributor", item.contributor
    for name, values in (("people", item.people), ("places", item.places)):
        if values:
            yield name, list(values)
