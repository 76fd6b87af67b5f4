"""The files behind a plan, by their paths: two files of one name must not look the same to whoever is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from storykeeper_tools.companion.memories.documents import title
from storykeeper_tools.files import shown

from .wording import cut

_LONGEST = 160  # characters of a path
_ROOM = 1200  # of all of them: what was asked stands in the record of a consent, which has 2,000


def recordings(given: Sequence[str], found: Sequence[str]) -> list[str]:
    """Each recording as its path was given, and what a folder holds behind the folder's. `found` are names of files."""
    files = [path for path in given if shown(path) in found]
    folders = ", ".join(path for path in given if path not in files)
    rest = [name for name in found if name not in {shown(path) for path in files}]
    return fitted([*files, *(f"{folders}: {name}" if folders else name for name in rest)])


def each(paths: Sequence[str]) -> str:
    """One as it is; several on a line each."""
    return paths[0] if len(paths) == 1 else "".join(f"\n- {path}" for path in paths) + "\n"


def memories(given: Sequence[str], titles: Sequence[str]) -> tuple[Mapping[str, str], list[str]]:
    """The file behind each title where there is one of that name, and all other paths, as folders are."""
    known = {title(PurePath(path).stem): path for path in given}
    behind = {name: path for name in titles if (path := known.get(name))}
    return behind, [path for path in given if path not in behind.values()]


def fitted(paths: Sequence[str]) -> list[str]:
    most = min(_LONGEST, _ROOM // max(len(paths), 1))
    return [cut(path, most) for path in paths]
