"""What a file is, by its first bytes; its ending only tells one kind of text from another."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePath
from typing import Literal

from ....errors import BadInput

Kind = Literal["text", "html", "json", "pdf", "docx"]

ENDINGS: dict[str, Kind] = {
    ".md": "text",
    ".markdown": "text",
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".pdf": "pdf",
    ".docx": "docx",
}
GIVE = "give .md, .txt, .html, .pdf, .docx, .json or .epub"
_OTHERS = (
    (b"\xd0\xcf\x11\xe0", "is an old Word file, or one with a password", "save it as .docx without a password"),
    (b"{\\rtf", "is an RTF file", "save it as .docx or .txt"),
    (b"\x89PNG", "is a picture", "write down what it shows, as .md or .txt"),
    (b"\xff\xd8\xff", "is a picture", "write down what it shows, as .md or .txt"),
    (b"ID3", "is a sound file", "give it as a recording, and its words as .md or .txt"),
    (b"RIFF", "is a sound or video file", "give it as a recording, and its words as .md or .txt"),
    (b"OggS", "is a sound file", "give it as a recording, and its words as .md or .txt"),
    (b"\x1f\x8b", "is a compressed file", "unpack it and give what is inside"),
)
_PAGE = re.compile(rb"\s*(?:(?><!--.*?-->)\s*)*+(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)


def kind(name: str, data: bytes) -> Kind:
    """Raises BadInput for what isn't read, or isn't what its name says, telling what to do."""
    if not data.strip():
        raise BadInput(f"'{name}' is empty", next="write something into it, or leave it out")
    suffix = PurePath(name).suffix.lower()
    if data.lstrip()[:5] == b"%PDF-" or (suffix == ".pdf" and b"%PDF-" in data[:1024]):
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(name, data)
    for magic, what, next in _OTHERS:
        if data.startswith(magic) and (not magic.isalnum() or b"\0" in data):  # words start with letters too
            raise BadInput(f"'{name}' {what}", next=next)
    return _written(name, suffix, data)


def _written(name: str, suffix: str, data: bytes) -> Kind:
    """A kind of text: the ending's, but a web page is one under any name."""
    named = ENDINGS.get(suffix)
    if named is None:
        raise BadInput(f"'{name}' is not a kind of memory that is read", next=GIVE)
    if named in {"pdf", "docx"}:
        raise BadInput(f"'{name}' is not the {named.upper()} file that its name says", next="save it again, or " + GIVE)
    return "html" if named == "text" and _PAGE.match(data[:4096].removeprefix(b"\xef\xbb\xbf")) else named


def _zipped(name: str, data: bytes) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BadInput(f"'{name}' is a damaged or cut-off file", next="save or copy it again") from error
    if "word/document.xml" in inside and "[Content_Types].xml" in inside:
        return "docx"
    if "_chat.txt" in inside:
        raise BadInput(f"'{name}' is a chat export still packed", next="unpack it and give the _chat.txt inside")
    raise BadInput(
        f"'{name}' is an archive, not a document that is read", next="unpack it, or save the document as .docx or .pdf"
    )
