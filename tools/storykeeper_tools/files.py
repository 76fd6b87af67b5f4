"""A person's files: read only where they are plain and inside the allowed folders, and written whole or not at all.

Resolving a path and then opening it can be raced with a symbolic link, so every step from an allowed folder down is
opened relative to the step before, never following a link, and what counts is the descriptor that came out. Hash,
inspect and copy from that one descriptor; never open twice.
"""

from __future__ import annotations

import os
import secrets
import stat
import unicodedata
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from io import BufferedRandom, BufferedReader
from itertools import islice
from pathlib import Path

from .errors import BadInput, FileRefused
from .part import part

LARGEST = 2 * 1024**3
DEEPEST = 8
MOST = 10_000
_STEP = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
# Folders above an allowed one needn't be readable; where there is no O_PATH (macOS) they have to be.
_ABOVE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY


@part
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
        object.__setattr__(self, "_resolved", {_composed(path): known[path] for path in known} | known)

    @contextmanager
    def open(self, path: str) -> Generator[BufferedReader]:
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
            found = list(islice(_walk(descriptor, DEEPEST), MOST + 1))
        except OSError as error:
            raise FileRefused(f"a folder in {label(path)} can't be read", next="see who may read it") from error
        finally:
            os.close(descriptor)
        if len(found) > MOST:
            raise FileRefused(f"{label(path)} holds more than {MOST:,} files", next="name a folder below it")
        return sorted(os.path.join(path, name) for name in found)

    def place(self, path: str) -> str:
        """Where a path leads to, however it is spelled; outside the allowed folders nowhere."""
        try:
            root, steps = self._locate(path)
        except ValueError:
            return ""
        return str(_composed(root.joinpath(*steps)))

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
            root = self._resolved.get(above) or self._resolved.get(_composed(above))
            if root:
                return root, absolute.relative_to(above).parts
        raise ValueError("outside the allowed folders")


def allow(folders: Sequence[Path], *, base: Path | None = None, home: Path | None = None) -> Files:
    """Allow some folders or files. Raises BadInput for one that is missing, or that holds everything (`/`, home).

    A folder may be a link; a file that is one is refused when it is opened, as all links are.
    """
    roots: list[tuple[Path, Path]] = []
    for folder in folders:
        spelled = Path(os.path.abspath(folder))
        resolved = Path(os.path.realpath(spelled))
        if everything(resolved, home):
            raise BadInput("an allowed folder may not be the whole disk or home folder", next="name a folder below it")
        if not os.path.exists(resolved):
            raise BadInput(
                "an allowed folder does not exist", next="check STORYKEEPER_FILES; nothing is expanded in it"
            )
        if not os.path.isdir(resolved):
            resolved = Path(os.path.realpath(spelled.parent), spelled.name)
        roots.append((spelled, resolved))
    return Files(tuple(roots), base.resolve() if base else None)


def everything(folder: Path, home: Path | None) -> bool:
    """Whether a folder holds the whole disk, or all that somebody has."""
    own = home.resolve() if home else None
    return folder == Path(folder.anchor) or (own is not None and folder in {own, *own.parents})


def existing(path: Path) -> Path | None:
    """A path as it is spelled on the disk, with accents composed or taken apart; None where nothing is."""
    here = Path(path.anchor)
    for component in path.parts[1:] if path.anchor else path.parts:
        name = component if os.path.lexists(here / component) else _spelled(here, component)
        if name is None:
            return None
        here /= name
    return here


@contextmanager
def named(path: str | Path) -> Generator[BufferedReader]:
    """The plain file that a person named, wherever it lies, or the one it was a link to. Raises FileRefused."""
    found = existing(Path(os.path.abspath(path)))
    real = os.path.realpath(found) if found else ""
    if not os.path.isfile(real):
        raise refused(str(path))
    with allow([Path(real)]).open(real) as file:
        yield file


@contextmanager
def new_file(path: Path, *, force: bool = False) -> Generator[BufferedRandom]:
    """A file that is there as a whole or not at all, for its owner only. Raises BadInput for one that exists, unless
    `force` replaces it."""
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    _check_free(path, force=force)
    try:
        with _created(partial, path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _check_free(path, force=force)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _created(partial: Path, path: Path) -> BufferedRandom:
    try:
        return open(partial, "x+b", opener=_private)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        what = f"{label(str(path))} can't be written there: {error.strerror}"
        raise BadInput(what, next="give --out in a folder that is there and may be written") from error


def _check_free(path: Path, *, force: bool) -> None:
    if os.path.isdir(path) or (os.path.lexists(path) and not force):
        raise BadInput(f"{label(str(path))} exists already", next="give another --out, or say --force to replace it")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


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
    """The links of a root were resolved once; whatever became one since is not followed either."""
    *above, last = root.parts
    current = os.open(above[0], _ABOVE)
    for name in above[1:]:
        current = _next(current, _open_above, name)
    for name in (last, *steps):
        current = _next(current, _open_step, name)
    return current


def _next(folder: int, open: Callable[[int, str], int], name: str) -> int:
    try:
        return open(folder, name)
    finally:
        os.close(folder)


def _open_above(folder: int, name: str) -> int:
    return os.open(name, _ABOVE, dir_fd=folder)


def _open_step(folder: int, name: str) -> int:
    try:
        return os.open(name, _STEP, dir_fd=folder)
    except FileNotFoundError:
        found = _spelled(folder, name)
        if found is None:
            raise
        return os.open(found, _STEP, dir_fd=folder)


def _spelled(folder: int | Path, name: str) -> str | None:
    """What a name is called on the disk: its accents may be composed there, or taken apart."""
    wanted = unicodedata.normalize("NFC", name)
    try:
        return next((found for found in os.listdir(folder) if unicodedata.normalize("NFC", found) == wanted), None)
    except OSError:
        return None


def _composed(path: Path) -> Path:
    return Path(unicodedata.normalize("NFC", str(path)))


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
        mode = _mode(folder, name)
        if stat.S_ISREG(mode):
            yield name
        elif stat.S_ISDIR(mode):
            if not depth:
                raise FileRefused(f"folders lie in folders more than {DEEPEST} deep", next="name a folder below it")
            inner = os.open(name, _STEP, dir_fd=folder)
            try:
                yield from (os.path.join(name, found) for found in _walk(inner, depth - 1))
            finally:
                os.close(inner)


def _mode(folder: int, name: str) -> int:
    """What kind of file a name is; none for one that is gone by now."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0
