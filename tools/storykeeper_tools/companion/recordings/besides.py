"""What a recording holds besides its sound: films, covers, places. None of it is needed, so none of it is sent.

Whoever asks has to put the file back where it was.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from .sniffing import Kind

LARGEST_TAGS = 64 * 1024  # more are no words
WIDTHS = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


def tagged(file: BinaryIO, kind: Kind) -> bool:
    """Whether the tags before the sound hold more than words."""
    file.seek(0)
    return kind.start > LARGEST_TAGS or b"APIC" in file.read(kind.start)


def streamed(container: Any) -> bool:
    """Whether there is another stream than one of sound, or where it was recorded."""
    return len(container.streams) > 1 or any("location" in name.lower() for name in container.metadata)


def padded(file: BinaryIO, sound: Any) -> bool:
    """Whether a file that libsndfile reads has far more bytes than its sound."""
    size = file.seek(0, os.SEEK_END)
    return size - sound.frames * sound.channels * WIDTHS.get(sound.subtype, size) > LARGEST_TAGS
