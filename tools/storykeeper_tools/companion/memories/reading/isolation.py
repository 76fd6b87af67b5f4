"""Files that only large libraries can read, read in a process of its own: a hostile one harms nobody and ends soon."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock
from typing import Literal, NamedTuple

from ....errors import BadInput, InternalError
from ...interpreter import command

SECONDS = 120.0
LONGEST = 10_000_000
_KEPT = 20_000_000
_AT_ONCE = BoundedSemaphore(2)
_CHILD = f"{__name__.rpartition('.')[0]}.child"


class Part(NamedTuple):
    """`at`: the page it begins on, or 1; `heading`: it stands above what follows."""

    at: int
    text: str
    heading: bool = False


class Parsed(NamedTuple):
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read lately, by content: a plan is made many times from the same files."""

    found: OrderedDict[str, Parsed] = field(default_factory=OrderedDict[str, Parsed])
    lock: Lock = field(default_factory=Lock)

    def get(self, key: str) -> Parsed | None:
        with self.lock:
            return self.found.get(key)

    def put(self, key: str, parsed: Parsed) -> None:
        with self.lock:
            self.found[key] = parsed
            while len(self.found) > 1 and sum(_length(each) for each in self.found.values()) > _KEPT:
                self.found.popitem(last=False)


_KNOWN = _Known()


def parsed(kind: Literal["pdf", "docx", "html"], name: str, data: bytes) -> Parsed:
    """The text of a file. Raises BadInput for one that can't be read, or not within the limits of time and memory, and
    InternalError where no process that reads can begin."""
    key = f"{kind}-{hashlib.sha256(data).hexdigest()}"
    known = _KNOWN.get(key)
    if known is None:
        known = _read(kind, name, data)
        _KNOWN.put(key, known)
    return known


def _read(kind: str, name: str, data: bytes) -> Parsed:
    try:
        with _AT_ONCE:
            done = _ran(kind, data)
    except subprocess.TimeoutExpired as error:
        raise _too_much(name) from error
    return _answer(name, done.returncode, done.stdout)


def _ran(kind: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    """With nothing of our own environment: keys are no business of a parser."""
    return subprocess.run(  # noqa: S603 - our own module, in the interpreter that runs this
        command(_CHILD, kind),
        check=False,
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        timeout=SECONDS,
    )


def _answer(name: str, code: int, said: bytes) -> Parsed:
    try:
        answer = json.loads(said)
    except ValueError as error:
        if code < 0:  # a signal: the limits' doing
            raise _too_much(name) from error
        if not said:
            raise InternalError("the process that reads files can't begin", next="install Storykeeper anew") from error
        raise BadInput(f"'{name}' can't be read", next="save it again, or as .txt") from error
    if "refused" in answer:
        raise BadInput(f"'{name}' {answer['refused']}", next=answer["next"])
    return Parsed(answer["title"], tuple(Part(*part) for part in answer["parts"]))


def _too_much(name: str) -> BadInput:
    return BadInput(
        f"'{name}' takes too much time or memory to read", next="split it into several files, or save it as .txt"
    )


def _length(parsed: Parsed) -> int:
    return sum(len(part.text) for part in parsed.parts)
