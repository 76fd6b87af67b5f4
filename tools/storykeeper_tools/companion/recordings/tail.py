"""A file without the tags in front of its sound, which decoders needn't see."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO


def behind(file: BinaryIO, start: int) -> BinaryIO:
    """The file from some byte on, at its start."""
    file.seek(0)
    return io.BufferedReader(_Tail(file, start), 1 << 16) if start else file


class _Tail(io.RawIOBase):
    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start = file, start
        file.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._file.read(len(buffer))
        buffer[: len(read)] = read
        return len(read)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset + (self._start if whence == os.SEEK_SET else 0), whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start
