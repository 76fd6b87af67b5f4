"""The process that reads one PDF, DOCX or HTML file: bytes in, JSON out, within limits, without a network.

Run as `python -m` with the kind of file as its argument; started by `isolation` alone.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from typing import Any

from ....errors import BadInput
from .isolation import LONGEST, Parsed

MEMORY = 1 << 30
CPU = 60
_FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.remove", "os.rename")


def main(kind: str) -> None:
    """Answers `{"title", "parts"}`, or `{"refused", "next"}` for a file that is at fault."""
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed is no answer
    _limit()
    data = sys.stdin.buffer.read()
    try:
        parse = _parser(kind)
        print(file=answers, flush=True)  # all that it needs is there: what goes wrong from here on is the file's doing
        sys.addaudithook(_inside)
        found = parse(data)
        if sum(len(part.text) for part in found.parts) > LONGEST:
            raise BadInput("holds more text than is read at once", next="split it into several files")
        answer = {"title": found.title, "parts": found.parts}
    except BadInput as error:
        answer = {"refused": error.what, "next": error.next}
    except (MemoryError, RecursionError):
        answer = {"refused": "is too large or too deeply nested to read", "next": "split it, or save it as .txt"}
    answers.write(json.dumps(answer))


def _parser(kind: str) -> Callable[[bytes], Parsed]:
    # each kind needs a library that the others don't
    if kind == "pdf":
        from .pdf import parse
    elif kind == "docx":
        from .word import parse
    else:
        from .markup import parse
    return parse


def _inside(event: str, arguments: tuple[Any, ...]) -> None:
    """Nothing that a file asks for reaches the network or other programs."""
    if event.startswith(_FORBIDDEN):
        raise PermissionError(event)


def _limit() -> None:
    sys.setrecursionlimit(20_000)
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):  # macOS knows no limit of the address space
            continue


if __name__ == "__main__":
    main(sys.argv[1])
