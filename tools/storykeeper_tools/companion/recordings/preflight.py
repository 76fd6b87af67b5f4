"""What a recording really is: decoded elsewhere, measured, and judged here.

Plans look at the same bytes again and again, so what was measured is remembered by the hash of the content.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, BinaryIO

from .isolation import Broken, Tick, TookTooLong, quiet, run
from .measures import Measures
from .sniffing import HEAD, kind
from .timeline import Timeline, unpack

REMEMBERED = 4096
CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Heard:
    """`timeline` is there when it was asked for, and the recording could be measured."""

    sha256: str
    measures: Measures
    timeline: Timeline | None = None


class Memory:
    """Measures by the hash of what they were measured of; the oldest are forgotten."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._known: OrderedDict[str, Measures] = OrderedDict()
        self._most, self._lock = most, threading.Lock()

    def get(self, sha256: str) -> Measures | None:
        with self._lock:
            return self._known.get(sha256)

    def keep(self, sha256: str, measures: Measures) -> None:
        with self._lock:
            self._known[sha256] = measures
            while len(self._known) > self._most:
                self._known.popitem(last=False)


# One for the process: the same bytes measure the same, whoever asks.
_MEMORY = Memory()


def hear(file: BinaryIO, *, timeline: bool = False, tick: Tick = quiet) -> Heard:
    """Measure a recording, by the descriptor that is open; whatever is wrong with it is among its measures.

    Blocking. The file is left at its start.
    """
    sha256, facts = _digest(file), _facts(file)
    known = None if timeline else _MEMORY.get(sha256)
    if known:
        return Heard(sha256, known)
    measures, chart = _measured(file, tick, timeline=timeline)
    # Else somebody wrote to it, and these are the measures of nothing; or the next try may come farther.
    if _facts(file) == facts and measures.trouble != "stopped":
        _MEMORY.keep(sha256, measures)
    return Heard(sha256, measures, chart)


def _measured(file: BinaryIO, tick: Tick, *, timeline: bool) -> tuple[Measures, Timeline | None]:
    found = kind(lambda start: os.pread(file.fileno(), HEAD, start))
    if found is None:
        return Measures(trouble="not_audio"), None
    known = {"format": found.format, "mime": found.mime, "size": _facts(file)[0]}
    try:
        answer, attached = _tried(file, tick, timeline=timeline)
        return Measures.model_validate(known | answer), unpack(attached) if attached else None
    except Broken as error:
        return Measures.model_validate(known | {"trouble": "stopped", "why": str(error)}), None
    except ValueError:
        return Measures.model_validate(known | {"trouble": "undecodable"}), None


def _tried(file: BinaryIO, tick: Tick, *, timeline: bool) -> tuple[dict[str, Any], bytes]:
    """Once more where it stopped: memory may have been short for a moment."""
    try:
        return run("measure", {"timeline": timeline}, reading=[file], tick=tick)
    except TookTooLong:
        raise
    except Broken:
        return run("measure", {"timeline": timeline}, reading=[file], tick=tick)


def _digest(file: BinaryIO) -> str:
    """The sha256 of everything; the file is left at its start."""
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _facts(file: BinaryIO) -> tuple[int, int, int]:
    facts = os.fstat(file.fileno())
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
