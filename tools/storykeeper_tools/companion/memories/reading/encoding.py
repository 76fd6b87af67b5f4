"""The characters of a text file: UTF-8, or UTF-16 and UTF-32 with the mark that says so."""

from __future__ import annotations

import codecs
import re

from ....errors import BadInput

_MARKED = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def decode(name: str, data: bytes) -> str:
    """The text, its lines ended by a line feed alone. Raises BadInput `[encoding]`, saying how to save it."""
    mark, encoding = next(((m, e) for m, e in _MARKED if data.startswith(m)), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise BadInput(
            f"'{name}' is not UTF-8 text [encoding]", next="in its editor, choose Save As with encoding UTF-8"
        ) from error
    return plain(name, text)


def plain(name: str, text: str) -> str:
    """A text with one kind of line end. Raises BadInput where it holds what no text holds, or nothing."""
    if "\0" in text:
        raise BadInput(f"'{name}' is not text [encoding]", next="give the text itself, saved as UTF-8 .md or .txt")
    if not text.strip():
        raise BadInput(f"'{name}' is empty", next="write something into it, or leave it out")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def writable(text: str) -> str:
    """With a mark in the place of what no text file can hold: half a character, or NUL."""
    return _UNWRITABLE.sub("\ufffd", text)
