"""The process that decodes what may be hostile: with limits, nothing to say but its answer, and no way back.

It is given descriptors, never paths. Whatever decoders print is thrown away; answers go out on the first descriptor,
as lines of JSON, the last of which says how many bytes follow it.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

JOBS = {"measure": "measuring", "cut": "writing", "extract": "extracting"}
MEMORY, ADDRESSES = 280 * 1024**2, 2 * 1024**3
SECONDS = 600
WRITTEN = 2 * 1024**3


class Reader(io.RawIOBase):
    """A descriptor read at a place of its own: the one that it shares with its parent never moves."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._at = descriptor, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = os.preadv(self._descriptor, [buffer], self._at)
        self._at += read
        return read

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: os.fstat(self._descriptor).st_size}[whence]
        if start + offset < 0:
            raise OSError("before the start")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at


def main(arguments: list[str]) -> None:
    """`child JOB ARGUMENTS READING WRITING`: names and numbers from `isolation`, never from a person."""
    job, given, reading, writing = arguments
    answers = _quiet()
    _limit(writing=bool(writing))
    work = importlib.import_module(f".{JOBS[job]}", __package__).job
    report = _reporter(answers)
    report(0.0)  # all that it needs is there: what goes wrong from here on is the file's doing
    readers: list[BinaryIO] = [io.BufferedReader(Reader(int(each)), 1 << 16) for each in reading.split(",") if each]
    target = os.fdopen(int(writing), "r+b") if writing else None
    result, attached = work(json.loads(given), readers, target, report)
    if target:
        target.flush()
    answers.write(json.dumps({"result": result, "bytes": len(attached)}, allow_nan=False).encode() + b"\n")
    answers.write(attached)
    answers.flush()


def _quiet() -> BinaryIO:
    """The way out, and nothing else on it: decoders print to both streams."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return answers


def _limit(*, writing: bool) -> None:
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_FSIZE: WRITTEN if writing else 0,
        resource.RLIMIT_DATA: MEMORY,
        resource.RLIMIT_AS: ADDRESSES,
    }
    for kind, most in bounds.items():
        with suppress(ValueError, OSError):  # not every system has all of them
            resource.setrlimit(kind, (most, most))


def _reporter(answers: BinaryIO) -> Callable[[float], None]:
    def report(seconds: float) -> None:
        answers.write(json.dumps({"done": round(seconds, 1)}).encode() + b"\n")
        answers.flush()

    return report


if __name__ == "__main__":
    main(sys.argv[1:])
