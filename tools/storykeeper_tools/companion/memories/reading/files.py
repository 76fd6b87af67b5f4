"""One file read into items, whatever it is."""

from __future__ import annotations

from ....errors import BadInput
from ..item import Item
from . import blocks, chats, records
from .encoding import decode, plain
from .isolation import Parsed, parsed
from .sniffing import ENDINGS, kind

READABLE = frozenset(ENDINGS)
MOST = 50_000


def read(name: str, data: bytes) -> list[Item]:
    """In the order of the file, nothing of its text left out. Takes seconds for a large PDF, DOCX or HTML file.

    `name` may be shown. Raises BadInput for an empty, damaged, locked, too large or unknown file, telling what to do.
    """
    name = "".join(c for c in name if c.isprintable())
    items = _items(name, data)
    if len(items) > MOST:
        raise BadInput(f"'{name}' holds {len(items):,} memories; at most {MOST:,} are read", next="split it up")
    return items


def _items(name: str, data: bytes) -> list[Item]:
    found = kind(name, data)
    if found == "text":
        text = decode(name, data)
        return chats.items(text, name) or blocks.items(text, name)
    if found == "json":
        return records.items(decode(name, data), name)
    return _parsed(name, found, parsed(found, name, data))


def _parsed(name: str, found: str, read: Parsed) -> list[Item]:
    if found == "pdf":
        return _paged(name, read)
    text = plain(name, read.parts[0].text)
    return blocks.items(text, name, unit="paragraph" if found == "docx" else "line", title=read.title)


def _paged(name: str, read: Parsed) -> list[Item]:
    """A heading stands at the start of the paragraph that follows it."""
    items: list[Item] = []
    title, above, page = "", list[str](), 0
    for part in read.parts:
        page = page if above else part.at
        if part.heading:
            title = part.text
            above.append(part.text)
            continue
        items.append(Item("\n\n".join([*above, part.text]), name, page, "page", title))
        above = []
    if above:
        items.append(Item("\n\n".join(above), name, page, "page", title))
    return items
