"""From uploaded files to the samples of a voice."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import UploadFile

from .. import ids
from ..envelopes import invalid
from ..state import Row
from ..switches import Switches
from . import audio

_AUDIO = re.compile(r"audio/[\w.+-]+", re.ASCII)


@dataclass(frozen=True)
class Recording:
    """A sample as voices list it, and its bytes."""

    sample: Row
    data: bytes


async def taken(files: Sequence[UploadFile], switches: Switches, *, clean: bool) -> list[Recording]:
    """What was uploaded, decoded and found long enough; else the service's 400. `clean` is only remembered."""
    if len(files) > switches.max_voice_files:
        raise invalid("too_many_files", f"A voice can have at most {switches.max_voice_files} files.", "files")
    if any((file.size or 0) > switches.max_voice_file_bytes for file in files):
        raise invalid("file_too_large", f"A file can have at most {switches.max_voice_file_bytes} bytes.", "files")
    return [await _taken(file, switches.min_voice_seconds, clean=clean) for file in files]


async def _taken(file: UploadFile, least: float, *, clean: bool) -> Recording:
    data = await file.read()
    length = await audio.seconds(data)
    if length < least:
        raise invalid(
            "audio_too_short", f"The audio is {length:.1f} s long; at least {least:.1f} s are needed.", "files"
        )
    sample = {
        "sample_id": ids.short(),
        "file_name": file.filename or "audio",
        "mime_type": _kind(file),
        "size_bytes": len(data),
        "hash": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "duration_secs": round(length, 3),
        "remove_background_noise": clean,
    }
    return Recording(sample, data)


def _kind(file: UploadFile) -> str:
    # It becomes a header when the sample is read, so it isn't taken on trust.
    guessed = mimetypes.guess_type(file.filename or "")[0]
    return next((kind for kind in (file.content_type, guessed) if kind and _AUDIO.fullmatch(kind)), "audio/mpeg")
