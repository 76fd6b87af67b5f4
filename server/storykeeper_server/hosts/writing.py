"""A host's file, written whole or not at all, with what it was before beside it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from storykeeper_tools.errors import BadInput, Busy
from storykeeper_tools.files import private_folder

UNTOUCHED = "the file is as it was"
LARGEST = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Written:
    """`path` is what was written, which a link may have led to; `backup` what it was before."""

    path: Path
    changed: bool
    backup: Path | None = None


def change(path: Path, edit: Callable[[str], str]) -> Written:
    """Replace a text by what `edit` makes of it; '' stands for a file that isn't there. Raises BadInput for a file that
    can't be read or written, and Busy for one that somebody else wrote meanwhile."""
    try:
        return _changed(_real(path), edit)
    except OSError as error:
        what = f"{path.name} can't be read or written: {error.strerror}"
        raise BadInput(what, exists=UNTOUCHED, next="see who may write it, or put the snippet in by hand") from error


def _changed(path: Path, edit: Callable[[str], str]) -> Written:
    before = read(path)
    text = _text(path, before or b"")
    after = edit(text)
    if after == text:
        return Written(path, changed=False)
    private_folder(path.parent)
    backup = _backed_up(path, before) if before is not None else None
    _replace(path, before, after.encode())
    return Written(path, changed=True, backup=backup)


def _real(path: Path) -> Path:
    """Where a link leads: replacing the link itself would part the file from whoever keeps it elsewhere. Only to a plain
    file of the same person, since anything else may be somebody's trap."""
    if not path.is_symlink():
        return path
    real = Path(os.path.realpath(path))
    if real.exists() and real.stat().st_uid == os.getuid():
        return real
    what = f"{path.name} is a link, and doesn't lead to a file of yours"
    raise BadInput(what, exists=UNTOUCHED, next="mend the link, or name the file itself: --write FILE")


def read(path: Path) -> bytes | None:
    """None where there is nothing. Raises OSError, and BadInput for what would never end, such as a pipe."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST:
        raise BadInput(f"{path.name} is not a plain file", exists=UNTOUCHED, next="name the file: --write FILE")
    return path.read_bytes()


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        next = "mend it, and say this again; or put the snippet in by hand"
        raise BadInput(f"{path.name} is broken: it isn't UTF-8", exists=UNTOUCHED, next=next) from None


def _backed_up(path: Path, content: bytes) -> Path:
    for number in count(1):
        backup = path.with_name(f"{path.name}.before-storykeeper-{number}")
        try:
            _write(backup, content, 0o600)
        except FileExistsError:
            continue
        return backup
    raise AssertionError  # there is always another number


def _replace(path: Path, before: bytes | None, content: bytes) -> None:
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        _write(partial, content, 0o600 if before is None else stat.S_IMODE(path.stat().st_mode))
        if read(path) != before:
            raise Busy(f"another program has just written {path.name}", exists=UNTOUCHED, next="say it again")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write(path: Path, content: bytes, mode: int) -> None:
    with open(path, "xb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
