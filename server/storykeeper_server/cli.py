"""The command line: results on stdout, everything else on stderr, and exit codes that say who must act."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from storykeeper_tools.errors import InternalError, StorykeeperError, from_system

from .commands import print_json
from .grammar import misfit, parser
from .observing import observed
from .wording import commanded, sandboxed, visible

UNEXPECTED = 1
INTERRUPTED = 130
UNHEARD = 141
# What SQLite says of a file, as the system would.
_REFUSED = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
}
Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. 0 done, 2 usage, 3 needs an answer, 4 refused, 5 account, 6 upstream, 7 still going, 1 else."""
    if sys.platform == "win32":
        print("storykeeper: native Windows isn't supported yet; please run it in WSL", file=sys.stderr)
        return UNEXPECTED
    root = parser()
    arguments = root.parse_args(argv)
    problem = misfit(arguments)
    if problem:
        root.error(problem)
    sandboxed.set(getattr(arguments, "sandbox", False))
    try:
        return _run(_command(arguments.run), arguments)
    except BrokenPipeError:
        return _unheard()


def _command(name: str) -> Command:
    """`making.provision`: its module is imported now, since no other command waits for it."""
    module, _, function = name.partition(".")
    with redirect_stdout(sys.stderr):
        return getattr(import_module(f".{module}", __package__), function)


def _run(command: Command, arguments: argparse.Namespace) -> int:
    """The outermost handler: whatever happens ends in a sentence and an exit code."""
    try:
        with observed(arguments.run, sandbox=getattr(arguments, "sandbox", False)):
            code = asyncio.run(command(arguments))
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("storykeeper: interrupted; said again, it goes on where it was", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if any(isinstance(one, BrokenPipeError) for one in _single(error)):
            raise BrokenPipeError from error
        return fail(understood(error), as_json=getattr(arguments, "json", False))
    return code


def _unheard() -> int:
    """Whoever read along has seen enough. Python would flush once more at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    return UNHEARD


def understood(error: BaseException) -> StorykeeperError:
    """What went wrong, in our words: of a group of errors the first that isn't a defect of ours, told with where it is."""
    for one in _single(error):
        if isinstance(one, StorykeeperError):
            return one
        if isinstance(one, sqlite3.Error) and (number := _REFUSED.get(getattr(one, "sqlite_errorcode", 0) & 0xFF)):
            return from_system(OSError(number, os.strerror(number)))
        if isinstance(one, OSError):
            return from_system(one)
    last = next(_single(error))
    where = traceback.extract_tb(last.__traceback__)[-1]
    return InternalError(
        f"something broke: {type(last).__name__} in {where.name}, line {where.lineno} of {Path(where.filename).name}",
        exists="see storykeeper list",
    )


def _single(error: BaseException) -> Iterator[BaseException]:
    """The errors of a group, which task groups make of them, or the one."""
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for one in cast("BaseExceptionGroup[BaseException]", error).exceptions:
        yield from _single(one)


def fail(error: StorykeeperError, *, as_json: bool) -> int:
    """The one place where the command line renders an error."""
    print(f"storykeeper: {visible(commanded(str(error)))}", file=sys.stderr)
    if as_json:
        print_json({"error": error.row()})
    return error.exit_code
