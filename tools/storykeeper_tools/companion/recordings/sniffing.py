"""What a file is, by its first bytes: names are not believed, and only known kinds of sound are ever decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

HEAD = 16
TAGS = 4  # more of them in front are nothing that anybody writes


class Kind(NamedTuple):
    """Decoder and media type; `start` is where the sound begins, after tags that were put in front of it."""

    format: str
    mime: str
    start: int = 0


def kind(read: Callable[[int], bytes]) -> Kind | None:
    """By what `read` gives of the file, `HEAD` bytes from a place on; None for what is no recording."""
    start, head = 0, read(0)
    for _ in range(TAGS):
        if not head.startswith(b"ID3"):
            break
        start += _tag(head)
        head = read(start)
    found = sniff(head) or (("mp3", "audio/mpeg") if start else None)  # some put padding after the tag
    return Kind(*found, start) if found else None


def sniff(head: bytes) -> tuple[str, str] | None:
    """Decoder and media type by the first `HEAD` bytes of the sound."""
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return "wav", "audio/wav"
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "aiff", "audio/aiff"
    if head[4:8] == b"ftyp":
        return "mp4", "audio/mp4"
    for magic, found in (
        (b"fLaC", ("flac", "audio/flac")),
        (b"OggS", ("ogg", "audio/ogg")),
        (b"\x1a\x45\xdf\xa3", ("matroska", "audio/webm")),
    ):
        if head.startswith(magic):
            return found
    return _sync(head)


def _tag(head: bytes) -> int:
    """How long an ID3v2 tag is: its size has seven bits a byte, and a footer repeats its head."""
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
    return 10 + size + (10 if len(head) > 5 and head[5] & 0x10 else 0)


def _sync(head: bytes) -> tuple[str, str] | None:
    """MP3 and AAC streams start with eleven set bits; the layer bits tell them apart (AAC has none)."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    return ("aac", "audio/aac") if head[1] & 0x06 == 0 else ("mp3", "audio/mpeg")
