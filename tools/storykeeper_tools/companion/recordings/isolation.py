"""Work on files that may be hostile, in a process of its own that may crash, run out of memory or never end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn, cast

from ...errors import InternalError
from ..interpreter import command

Tick = Callable[[float], None]

CHILD = f"{__package__}.child"
# Nothing of ours: keys are no business of a decoder. One thread, whose memory is counted.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C"}
LARGEST_ANSWER = 16 * 1024**2
PATIENCE = 0.2
_AT_ONCE = threading.BoundedSemaphore(min(4, os.cpu_count() or 1))  # each may take 300 MB


class Broken(Exception):
    """The process crashed, went over a limit or gave no answer."""


class TookTooLong(Broken):
    """Another try would, too."""


def quiet(seconds: float) -> None:
    """Tells nobody."""


def run(
    job: str,
    arguments: dict[str, Any],
    *,
    reading: Sequence[BinaryIO] = (),
    writing: BinaryIO | None = None,
    tick: Tick = quiet,
    seconds: float = 900,
) -> tuple[dict[str, Any], bytes]:
    """The answer of a job of `child.JOBS` and what is attached to it. Blocking; raises Broken, and InternalError where it
    can't begin.

    `tick` is told the seconds of sound that are done, several times a second; what it raises ends the process.
    """
    descriptors = [file.fileno() for file in reading]
    target = writing.fileno() if writing else None
    given = [job, json.dumps(arguments), ",".join(map(str, descriptors)), "" if target is None else str(target)]
    kept = [*descriptors, *([] if target is None else [target])]
    with _turn(tick), _started(command(CHILD, *given), kept) as process:
        return _answer(process, tick, time.monotonic() + seconds)


@contextmanager
def _turn(tick: Tick) -> Generator[None]:
    """Only so many at once."""
    while not _AT_ONCE.acquire(timeout=PATIENCE):
        tick(0)
    try:
        yield
    finally:
        _AT_ONCE.release()


@contextmanager
def _started(given: Sequence[str], descriptors: Sequence[int]) -> Generator[subprocess.Popen[bytes]]:
    """A process that is gone when the block ends."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module; numbers and names, no path of anybody's
        given,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=descriptors,
        env=ENVIRONMENT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def _answer(process: subprocess.Popen[bytes], tick: Tick, deadline: float) -> tuple[dict[str, Any], bytes]:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    heard, done = b"", -1.0
    while True:
        if time.monotonic() > deadline:
            raise TookTooLong("it took too long")
        if len(heard) > LARGEST_ANSWER:
            raise Broken("it said too much")
        tick(max(done, 0.0))
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            continue
        chunk = os.read(process.stdout.fileno(), 1 << 16)
        if not chunk:
            return _last(heard) if heard else _nothing(process, began=done >= 0)
        heard += chunk
        done, heard = _progress(heard, done)


def _progress(heard: bytes, done: float) -> tuple[float, bytes]:
    """The latest line of progress, and what comes after those lines."""
    while heard.startswith(b'{"done"') and b"\n" in heard:
        line, heard = heard.split(b"\n", 1)
        told = _parsed(line).get("done")
        done = max(done, told) if isinstance(told, float) else done
    return done, heard


def _nothing(process: subprocess.Popen[bytes], *, began: bool) -> NoReturn:
    """Why it gave no answer."""
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:  # it has only stopped talking
        code = 0
    if code == -signal.SIGXCPU:
        raise TookTooLong("it took too long")
    if code > 0 and not began:
        raise InternalError("the process that reads recordings can't begin", next="install Storykeeper anew")
    raise Broken("it ended without an answer")


def _last(heard: bytes) -> tuple[dict[str, Any], bytes]:
    line, _, attached = heard.partition(b"\n")
    answer = _parsed(line)
    if answer.get("bytes") != len(attached) or not isinstance(answer.get("result"), dict):
        raise Broken("it ended without an answer")
    return answer["result"], attached


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        raise Broken("it ended without an answer") from None
    if not isinstance(parsed, dict):
        raise Broken("it gave another answer")
    return cast("dict[str, Any]", parsed)
