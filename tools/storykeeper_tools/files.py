"""Reading a person's files, and nothing else: only plain files inside the allowed folders.

Resolving a path and then opening it can be raced with a symbolic link, so every step from an allowed folder down is
opened relative to the step before, never following a link, and what counts is the descriptor that came out. Hash,
inspect and copy from that one descriptor; never open twice.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from .errors import BadInput, FileRefused

LARGEST = 2 * 1024**3
DEEPEST = 8
_STEP = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Files:
    """The folders (or single files) that may be read; relative paths start at `base`.

    Each root is a pair: as it was spelled, and with its links resolved once, at start-up.
    """

    roots: tuple[tuple[Path, Path], ...] = ()
    base: Path | None = None
    _resolved: dict[Path, Path] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A batch may name thousands of files, each of which is a root.
        known = {path: resolved for spelled, resolved in self.roots for path in (spelled, resolved)}
        object.__setattr__(self, "_resolved", known)

    @contextmanager
    def open(self, path: str) -> Generator[BinaryIO]:
        """The plain file at `path`. Raises FileRefused, in the same words for a missing and a forbidden one."""
        descriptor = self._descend(path)
        try:
            _check_plain(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        with os.fdopen(descriptor, "rb") as file:
            yield file

    def within(self, path: str) -> list[str]:
        """`path` itself when it is a file, or the files below it when it is a folder, sorted; hidden ones left out."""
        descriptor = self._descend(path)
        try:
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                return [path]
            return sorted(os.path.join(path, found) for found in _walk(descriptor, DEEPEST))
        finally:
            os.close(descriptor)

    def _descend(self, path: str) -> int:
        if not self.roots:
            raise FileRefused("no folder may be read yet", next="set STORYKEEPER_FILES to the folder of the recordings")
        try:
            root, steps = self._locate(path)
            return _open_below(root, steps)
        except (OSError, ValueError) as error:
            raise refused(path) from error

    def _locate(self, path: str) -> tuple[Path, tuple[str, ...]]:
        """The root that a path lies in, and the steps from there; lexically, so that nothing is followed."""
        absolute = Path(os.path.normpath((self.base or self.roots[0][1]) / path))
        for above in (absolute, *absolute.parents):
            if above in self._resolved:
                return self._resolved[above], absolute.relative_to(above).parts
        raise ValueError("outside the allowed folders")


def allow(folders: Sequence[Path], *, base: Path | None = None, home: Path | None = None) -> Files:
    """Allow some folders or files. Raises BadInput for one that is missing, or that holds everything (`/`, home)."""
    roots: list[tuple[Path, Path]] = []
    for folder in folders:
        spelled = Path(os.path.abspath(folder))
        resolved = spelled.resolve()
        if resolved == Path(resolved.anchor) or (home and resolved == home.resolve()):
            raise BadInput("an allowed folder may not be the whole disk or home folder", next="name a folder below it")
        if not resolved.exists():
            raise BadInput(
                "an allowed folder does not exist", next="check STORYKEEPER_FILES; nothing is expanded in it"
            )
        roots.append((spelled, resolved))
    return Files(tuple(roots), base.resolve() if base else None)


def private_folder(folder: Path) -> Path:
    """Make a folder, and what is missing above it, for its owner only."""
    if not folder.exists():
        private_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    return folder


def refused(path: str) -> FileRefused:
    """One text for missing, forbidden and odd: it must not tell what exists outside the folders."""
    return FileRefused(f"can't read {label(path)}: it is missing, or not a plain file inside the allowed folders")


def label(path: str) -> str:
    """The last part of a path, as a message may show it."""
    name = shown(path)
    return f"'{name}'" if name else "that path"


def shown(path: str) -> str:
    """A file's name without what can't be printed or encoded; names on disk may hold anything."""
    return "".join(c for c in Path(path).name if c.isprintable())[:60]


def _open_below(root: Path, steps: tuple[str, ...]) -> int:
    current = os.open(root, _STEP)
    for step in steps:
        above = current
        try:
            current = _open_step(above, step)
        finally:
            os.close(above)
    return current


def _open_step(folder: int, name: str) -> int:
    try:
        return os.open(name, _STEP, dir_fd=folder)
    except FileNotFoundError:
        # The same name may be stored with its accents composed or taken apart.
        wanted = unicodedata.normalize("NFC", name)
        for found in os.listdir(folder):
            if unicodedata.normalize("NFC", found) == wanted:
                return os.open(found, _STEP, dir_fd=folder)
        raise


def _check_plain(descriptor: int, path: str) -> None:
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        raise refused(path)
    if facts.st_size > LARGEST:
        raise FileRefused(f"{label(path)} is larger than 2 GiB", next="cut it and call again")


def _walk(folder: int, depth: int) -> Iterator[str]:
    for name in os.listdir(folder):
        if name.startswith("."):
            continue
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(facts.st_mode):
            yield name
        elif stat.S_ISDIR(facts.st_mode) and depth:
            inner = os.open(name, _STEP, dir_fd=folder)
            try:
                yield from (os.path.join(name, found) for found in _walk(inner, depth - 1))
            finally:
                os.close(inner)
