"""What this computer has: folders, room, programs, and assistants that are set up."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from storykeeper_tools.errors import BadInput
from storykeeper_tools.files import allow
from storykeeper_tools.settings import Settings

from ..hosts.jsonc import Broken
from ..hosts.known import KEY, Host
from ..hosts.merging import found
from ..hosts.writing import read
from .row import Row, note, ok, problem

LEAST, LITTLE = 100 * 1024**2, 1024**3
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PAGE = Path(__file__).parent.parent / "talk" / "assets" / "index.html"
_EXTRAS = {
    "voice": ("pyaudio", "talks by voice in the terminal"),
    "firestore": ("google.cloud.firestore", "memories that an application keeps there"),
    "otel": ("opentelemetry.exporter.otlp.proto.http", "traces and measures for a collector"),
}


def software(version: str) -> Row:
    return ok("software", f"storykeeper {version}, Python {platform.python_version()}, {platform.system()}")


def home(settings: Settings) -> Iterator[Row]:
    """Where state is kept: writable, its owner's alone, and with room."""
    folder = next(path for path in (settings.folder, *settings.folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield problem("home", f"{folder} can't be written: {error.strerror}", "mend that, or set STORYKEEPER_HOME")
    else:
        made = folder == settings.folder
        yield _modes(settings.folder) if made else ok("home", f"{settings.folder} will be made at the first use")
    yield _room(shutil.disk_usage(folder).free)


def _modes(folder: Path) -> Row:
    seen = [
        path for path in (folder, *sorted(folder.iterdir())) if path.lstat().st_mode & _OTHERS and not path.is_symlink()
    ]
    if not seen:
        return ok("home", f"{folder}, for its owner alone")
    names = ", ".join(path.name for path in seen[:4])
    return problem("home", f"others of this computer may look into {names} in {folder}", f"chmod -R go-rwx '{folder}'")


def _room(free: int) -> Row:
    told = f"{free / LITTLE:.1f} GB are free"
    if free < LEAST:
        return problem("disk", told, "free some space: recordings are copied before they are sent")
    return note("disk", told, "recordings of an hour may need more") if free < LITTLE else ok("disk", told)


def files(settings: Settings) -> Iterator[Row]:
    """The folders that assistants may read from."""
    if not settings.files:
        do = "set STORYKEEPER_FILES to a folder (storykeeper config does)"
        yield note("files", "assistants may read no files; commands read what is named", do)
    for folder in settings.files:
        try:
            allow([folder], home=Path.home())
        except BadInput as error:
            yield problem("files", f"{folder}: {error.what}", error.next)
        else:
            yield ok("files", str(folder)) if os.access(folder, os.R_OK | os.X_OK) else _closed(folder)


def _closed(folder: Path) -> Row:
    return problem("files", f"{folder} can't be read", "give yourself the right to read it, or name another")


def parts(settings: Settings) -> Iterator[Row]:
    """What not everybody needs: the talk page, and what the extras bring."""
    if _PAGE.is_file():
        yield ok("talk page", "it is built")
    else:
        needed = "" if shutil.which("node") and shutil.which("npm") else ", with Node.js and npm, which aren't there"
        yield note("talk page", "it isn't built; --terminal talks without it", f"make talk{needed}")
    for extra, (module, brings) in _EXTRAS.items():
        there = _importable(module)
        needed = extra == "firestore" and settings.firestore
        do = f"pip install 'storykeeper[{extra}]'"
        if there or not needed:
            yield ok("extras", f"{extra}: {'there' if there else 'not installed'} ({brings})")
        else:
            yield problem("extras", f"STORYKEEPER_FIRESTORE is set, and what reads it isn't installed ({brings})", do)


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def assistants(hosts: Mapping[str, tuple[Host, Path]]) -> Iterator[Row]:
    """Which assistants have Storykeeper, and whether what they would start is there."""
    rows = [row for name, (host, path) in hosts.items() if (row := _assistant(name, host, path))]
    yield from rows or [note("assistants", "none of them has Storykeeper", "storykeeper config HOST --write")]


def _assistant(name: str, host: Host, path: Path) -> Row | None:
    try:
        content = read(path)
        entry = found(host, content.decode()) if content is not None else None
    except (OSError, UnicodeDecodeError, Broken, BadInput):
        return note("assistants", f"{host.title}: {path} can't be understood", "mend it")
    return _entered(name, host, path, entry) if entry is not None else None


def _entered(name: str, host: Host, path: Path, entry: Mapping[str, Any]) -> Row:
    command = entry.get("command")
    if command is not None and not (isinstance(command, str) and shutil.which(command)):
        return problem(
            "assistants", f"{host.title} starts a program that isn't there", f"storykeeper config {name} --write"
        )
    if _readable_key(entry) and path.stat().st_mode & _OTHERS:
        return problem("assistants", f"{host.title}: others may read the key in {path}", f"chmod 600 '{path}'")
    return ok("assistants", f"{host.title} has Storykeeper")


def _readable_key(entry: Mapping[str, Any]) -> bool:
    """Whether a key itself stands there, and not where to find it."""
    environ: Mapping[str, Any] = entry.get("env") or {}
    key = str(environ.get(KEY, ""))
    return bool(key) and "${" not in key and " " not in key
