"""Memories as knowledge documents: the texts as they are, split where they are too long, never cut."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from ...errors import BadInput

LONGEST = 100_000
TEXT_TYPES = frozenset({".md", ".markdown", ".txt"})
FILE_TYPES = {
    ".pdf": (b"%PDF-", "application/pdf"),
    ".docx": (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ".epub": (b"PK\x03\x04", "application/epub+zip"),
}
READABLE = TEXT_TYPES | set(FILE_TYPES)


@dataclass(frozen=True, slots=True)
class Memory:
    """One document to be: a text, or a file that ElevenLabs reads itself."""

    title: str
    type: Literal["text", "file"]
    data: bytes
    mime: str = "text/plain"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def read(path: str, data: bytes) -> list[Memory]:
    """The documents of one file. Raises BadInput for an empty, undecodable or unknown one."""
    name = PurePath("".join(c for c in PurePath(path).name if c.isprintable()))
    kind = name.suffix.lower()
    if kind in FILE_TYPES:
        magic, mime = FILE_TYPES[kind]
        if not data.startswith(magic):
            raise BadInput(f"'{name.name}' is not the {kind[1:].upper()} file that its name says")
        return [Memory(title(name.stem), "file", data, mime)]
    if kind not in TEXT_TYPES:
        raise BadInput(
            f"'{name.name}' is not a kind of memory that is read", next="give .md, .txt, .pdf, .docx or .epub"
        )
    text = decode(data, name.name)
    heading = re.match(r"\s*#\s+(.+)", text)
    return texts(title(heading[1] if heading else name.stem), text, name.name)


def texts(heading: str, text: str, what: str) -> list[Memory]:
    """One document, or as many as it takes; together they are the text, letter for letter."""
    if "\0" in text:
        raise BadInput(f"'{what}' is not text", next="give the text itself, as .md or .txt")
    if not text.strip():
        raise BadInput(f"'{what}' is empty", next="write something into it, or leave it out")
    parts = split(text)
    numbered = [heading] if len(parts) == 1 else [f"{heading} ({n} of {len(parts)})" for n in range(1, len(parts) + 1)]
    return [Memory(t, "text", part.encode()) for t, part in zip(numbered, parts, strict=True)]


def decode(data: bytes, what: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"'{what}' is not UTF-8 text", next="save it as UTF-8 and call again") from error
    return text


def split(text: str, longest: int = LONGEST) -> list[str]:
    """Parts of at most `longest` characters that join to the text; at blank lines where there are any."""
    parts: list[str] = []
    rest = text
    while len(rest) > longest:
        cut = _boundary(rest, longest)
        parts.append(rest[:cut])
        rest = rest[cut:]
    return [*parts, rest]


def _boundary(text: str, longest: int) -> int:
    window = text[:longest]
    for mark in ("\n\n", "\n", ". ", " "):
        found = window.rfind(mark)
        if found > 0:
            return found + len(mark)
    return longest


def title(words: str) -> str:
    """A document's title from its first heading, or from its file's name: `the-bakery` is `The bakery`."""
    words = re.sub(r"[-_\s]+", " ", "".join(c for c in words if c.isprintable())).strip()
    return (words[:1].upper() + words[1:])[:80] or "Memories"


def about(text: str, topic: str) -> list[str]:
    """The paragraphs that mention a topic, in order."""
    wanted = topic.casefold()
    return [p.strip() for p in re.split(r"\n\s*\n", text) if wanted in p.casefold()]
