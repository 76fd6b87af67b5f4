"""The text of uploaded files: plain text, Markdown, HTML, Word and EPUB.

PDF files are accepted, but nothing here can read them: their documents hold a sentence that says so instead.
"""

from __future__ import annotations

import codecs
import io
import posixpath
import zipfile
import zlib
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import unquote

from . import markup

UNREAD = "[Sandbox: the text of this PDF file was not extracted.]"

_MOST = 16 * 1024 * 1024
_ENTRIES = 10_000
_BY_SUFFIX = {
    ".txt": "text", ".md": "markdown", ".html": "html", ".htm": "html", ".pdf": "pdf", ".docx": "word", ".epub": "epub"
}  # fmt: skip
_BY_TYPE = {
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "word",
    "application/epub+zip": "epub",
}
_ANY = {"", "application/octet-stream", "application/zip", "binary/octet-stream", "text/x-markdown"}


class Extract(NamedTuple):
    """A file's text; `missing` if it stands only for one that could not be had."""

    text: str
    missing: bool = False


class Unreadable(Exception):
    """A file that isn't what it says, or is too large when unpacked."""


def kind(name: str, content_type: str | None) -> str | None:
    """What sort of file it is, by its name and else by its type; None for what the service doesn't take."""
    declared = (content_type or "").partition(";")[0].strip().lower()
    if declared not in _ANY and declared not in _BY_TYPE:
        return None
    return _BY_SUFFIX.get(PurePath(name).suffix.lower()) or _BY_TYPE.get(declared)


def extract(data: bytes, kind: str) -> Extract:
    """The text of a file of that kind. It takes a moment, so call it in a thread."""
    if kind == "pdf":
        if b"%PDF" not in data[:1024]:
            raise Unreadable("it is not a PDF file")
        return Extract(UNREAD, missing=True)
    if kind in ("word", "epub"):
        return Extract(_unpacked(data, kind))
    return Extract(markup.readable(decoded(data)) if kind == "html" else decoded(data))


def decoded(data: bytes) -> str:
    """Text as UTF-8, or UTF-16 where a mark says so; what is neither shows as replacement characters."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def _unpacked(data: bytes, kind: str) -> str:
    # A directory of millions of empty entries would fill the memory before the first is read.
    if data.count(b"PK\x01\x02") > _ENTRIES:
        raise Unreadable("it has too many parts")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = _Parts(archive)
            return _word(parts) if kind == "word" else _epub(parts)
    except (
        zipfile.BadZipFile,
        zlib.error,
        LookupError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise Unreadable("it is damaged or of another kind") from error


class _Parts:
    """The parts of an archive, within one limit for all: a small file may unpack to a very large one."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._left = _MOST

    def read(self, name: str) -> str:
        # The two ways that these formats know; the others' errors are of kinds of their own.
        if self._archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable("it is packed in a foreign way")
        with self._archive.open(name) as part:
            data = part.read(self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise Unreadable(f"it unpacks to more than {_MOST} bytes")
        return decoded(data)


def _word(parts: _Parts) -> str:
    text: list[str] = []
    inside = False
    for part in markup.parts(parts.read("word/document.xml")):
        if isinstance(part, str):
            text += [part] if inside else []
        elif part.name == "w:t":
            inside = not part.closes and not part.empty
        elif part.name == "w:p" and (part.closes or part.empty):
            text.append("\n\n")
        elif part.name in ("w:br", "w:tab"):
            text.append("\n" if part.name == "w:br" else "\t")
    return markup.tidy("".join(text))


def _epub(parts: _Parts) -> str:
    package = _attributes(parts.read("META-INF/container.xml"), "rootfile")[0]["full-path"]
    content = parts.read(package)
    places = {item["id"]: item["href"] for item in _attributes(content, "item", "opf:item")}
    base = posixpath.dirname(package)
    order = [places[item["idref"]] for item in _attributes(content, "itemref", "opf:itemref")][:_ENTRIES]
    chapters = (parts.read(posixpath.normpath(posixpath.join(base, unquote(place)))) for place in order)
    return "\n\n".join(filter(None, map(markup.readable, chapters)))


def _attributes(content: str, *names: str) -> list[dict[str, str]]:
    tags = (part for part in markup.parts(content) if not isinstance(part, str))
    return [tag.attributes for tag in tags if tag.name in names and not tag.closes]
