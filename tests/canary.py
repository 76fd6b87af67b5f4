"""A key that no byte may hold which a test run emits or keeps: neither the output of a process nor a file.

The key is a new one in each run. `watch` reads along with every process that a test starts, `files` looks through folders.
"""

from __future__ import annotations

import base64
import mmap
import os
import secrets
import select
import subprocess
import threading
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

# Worker processes of a run get it from the first one.
CORE = os.environ.setdefault("TESTS_CANARY", secrets.token_hex(12))
KEY = f"sk_canary_{CORE}"
# What a sandbox of the tests accepts: both open the same workspace.
KEYS = ("sandbox", f"{KEY} workspace=sandbox")
FOUND: list[str] = []
_TAPS: list[threading.Thread] = []
_CHUNK = 65536


@cache
def needles(core: str = CORE) -> tuple[bytes, ...]:
    """How it may be written: plain (and so in JSON, in URLs and in most headers), as UTF-16, in hexadecimal and base64."""
    plain = core.encode()
    wide = core.encode("utf-16-le")
    hexes = {plain.hex(), plain.hex().upper(), base64.b16encode(wide).decode()}
    return (plain, core.upper().encode(), wide, *(text.encode() for text in sorted(hexes)), *_base64(plain))


def _base64(plain: bytes) -> Iterator[bytes]:
    """As it is in base64 behind so many other bytes; its first and last letters depend on what stands beside it."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + plain)
        yield text[(4 if before else 0) : -4]


def holds(data: Any, core: str = CORE) -> bool:
    """Whether bytes, or a mapped file, hold it in any of these ways."""
    return any(data.find(needle) >= 0 for needle in needles(core))


def files(roots: Iterable[Path], core: str = CORE) -> list[str]:
    """The files below these folders that hold it; by their own names, too."""
    return [str(path) for root in roots for path in _below(root) if _kept(path, core)]


def _below(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names)


def _kept(path: Path, core: str) -> bool:
    if core in path.name:
        return True
    try:
        if not path.is_file() or path.is_symlink() or not path.stat().st_size:
            return False
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return holds(data, core)
    except (FileNotFoundError, PermissionError):
        return False


class Watched(subprocess.Popen[Any]):
    """A process whose every byte is read along; nothing else about it changes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        command = self.args if isinstance(self.args, str) else " ".join(map(os.fspath, self.args))  # type: ignore[arg-type]
        for stream, name in ((self.stdout, "stdout"), (self.stderr, "stderr")):
            if stream is not None:
                _tap(stream.fileno(), f"{name} of {command[-120:]}")


def watch() -> None:
    """From now on, every process of this one."""
    subprocess.Popen = Watched  # type: ignore[misc]


def _tap(descriptor: int, what: str) -> None:
    """Put a pipe between a process and whoever reads it."""
    source = os.dup(descriptor)
    reading, writing = os.pipe()
    os.dup2(reading, descriptor, inheritable=False)
    os.close(reading)
    thread = threading.Thread(target=_pump, args=(source, writing, what), daemon=True)
    _TAPS.append(thread)
    thread.start()


def _pump(source: int, target: int, what: str) -> None:
    longest, tail = max(map(len, needles())), b""
    try:
        while data := _next(source, target):
            tail += data
            if holds(tail):
                FOUND.append(what)
            tail = tail[-longest:]
            while data:
                data = data[os.write(target, data) :]
    except OSError:
        pass  # nobody reads it any more, which its writer now hears
    finally:
        os.close(source)
        os.close(target)


def _next(source: int, target: int) -> bytes:
    """What comes next; nothing at its end, or once nobody reads it."""
    poll = select.poll()
    poll.register(source, select.POLLIN)
    poll.register(target, 0)
    ready = dict(poll.poll())
    return b"" if target in ready else os.read(source, _CHUNK)


def settle() -> None:
    """Until what was emitted so far has been read along."""
    for thread in _TAPS:
        thread.join(10)
