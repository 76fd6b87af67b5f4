"""`storykeeper config`: what an assistant's file needs to say, printed, or put there beside everything else."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import platformdirs

from storykeeper_tools.errors import BadInput
from storykeeper_tools.files import everything, private_folder
from storykeeper_tools.settings import SANDBOX, Settings

from .commands import warned
from .hosts.agents import program
from .hosts.jsonc import Broken
from .hosts.known import HOSTS, KEY, Host, Start, snippet
from .hosts.launching import launcher
from .hosts.merging import merged
from .hosts.writing import UNTOUCHED, Written, change, read

ADK = "adk"
_USUAL_FOLDER = "Storykeeper"
_FILES = "STORYKEEPER_FILES"


async def config(arguments: argparse.Namespace) -> int:
    """0 also where the file says it all already; 4, with the snippet, for a file that can't be changed."""
    settings = warned(arguments)
    folder = _folder(arguments.files)
    start = _start(settings, folder, chosen=bool(arguments.files))
    if _made(folder):
        _say(f"made the folder {folder}: recordings and memories that lie in it can be read, and nothing else")
    if settings.database_url:
        _say("STORYKEEPER_DATABASE_URL holds a password, and isn't written: add it to `env` yourself")
    if arguments.host == ADK:
        return _program(start, arguments.write)
    host = HOSTS[arguments.host]
    if arguments.write is None:
        print(_shown(host, start))
        _say(f"this belongs into {host_file(host)}; --write puts it there. {_secret(host, start)}")
        return 0
    return _write(host, start, Path(arguments.write or host_file(host)))


def host_file(host: Host) -> Path:
    """Where this person's file of a host is, on this system."""
    return host.where(Path.home(), platformdirs.user_config_path())


def _made(folder: Path) -> bool:
    """Whether it had to be made."""
    if folder.is_dir():
        return False
    private_folder(folder)
    return True


def _write(host: Host, start: Start, path: Path) -> int:
    try:
        written = change(path, lambda text: _merged(host, path, text, start))
    except BadInput:
        print(_shown(host, start))  # to be put in by hand
        raise
    if written.changed:
        _say(f"{host.title} has Storykeeper from its next start on. {_secret(host, start)}")
    _tell(written)
    return 0


def _merged(host: Host, path: Path, text: str, start: Start) -> str:
    try:
        return merged(host, text, start)
    except Broken as error:
        what = f"{path.name} can't be changed: {error}"
        next = f"mend it, and say this again; or put the snippet into {path} by hand"
        raise BadInput(what, exists=UNTOUCHED, next=next) from error


def _tell(written: Written) -> None:
    if not written.changed:
        print(f"{written.path} says so already")
        return
    print(f"{written.path} is written")
    if written.backup:
        _say(f"as it was before, it is {written.backup.name} beside it")


def _program(start: Start, write: str | None) -> int:
    """ADK has no file of servers: an agent is a module."""
    text = program(start)
    if write is None:
        print(text, end="")
        _say(f"{KEY} is taken from the environment; GOOGLE_API_KEY is for the model")
        return 0
    if not write:
        raise BadInput("it isn't said which file to write", next="give one: --write my_agent/agent.py")
    path = Path(write)
    if read(path) not in {None, text.encode()}:
        print(text, end="")
        what = f"{path.name} exists already, and a program can't be merged"
        raise BadInput(what, exists=UNTOUCHED, next="copy from the program above, or name another file")
    _tell(change(path, lambda _: text))
    return 0


def _start(settings: Settings, folder: Path, *, chosen: bool) -> Start:
    """With what this environment says otherwise than the defaults: a host passes none of it on."""
    told = {
        _FILES: str(folder),
        "STORYKEEPER_SANDBOX": "1" if settings.sandbox else "",
        "STORYKEEPER_HOME": "" if settings.home == _usual_home() else os.path.abspath(settings.home),
        "STORYKEEPER_WORKSPACE": "" if settings.workspace in {"main", SANDBOX} else settings.workspace,
        "STORYKEEPER_REGION": "" if settings.region == "default" else settings.region,
        "STORYKEEPER_ELEVENLABS_URL": settings.url or "",
        "STORYKEEPER_CONSENT": "" if settings.consent == "attest" else settings.consent,
        "STORYKEEPER_TOOLS": "" if settings.tools == "all" else settings.tools,
        "STORYKEEPER_READ_ONLY": "1" if settings.read_only else "",
        "SSL_CERT_FILE": settings.ca_file or "",
    }
    environ = {name: value for name, value in told.items() if value}
    kept = frozenset({KEY} if chosen else {KEY, _FILES})
    command = launcher(sys.executable, shutil.which("uvx"))
    return Start(command, environ, settings.sandbox, kept)


def _usual_home() -> Path:
    """Where state lies for a program that is started with HOME and nothing else."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "storykeeper"
    return Path.home() / ".local" / "share" / "storykeeper"


def _folder(text: str) -> Path:
    """The folder that the server may read. Raises BadInput for one that holds everything, or is no folder."""
    folder = Path(os.path.abspath(os.path.expanduser(text))) if text else Path.home() / _USUAL_FOLDER
    next = "name a folder of its own for recordings and memories: --files FOLDER"
    if everything(folder.resolve(), Path.home()):
        raise BadInput("the whole disk or home folder isn't given to an assistant", next=next)
    if os.pathsep in str(folder) or not str(folder).isprintable():
        raise BadInput(f"a folder's name may not hold {os.pathsep!r}, nor what can't be printed", next=next)
    if os.path.lexists(folder) and not folder.is_dir():
        raise BadInput(f"{folder.name} is not a folder", next=next)
    return folder


def _shown(host: Host, start: Start) -> str:
    document: dict[str, Any] = snippet(host, start)
    return json.dumps(document, ensure_ascii=False, indent=2)


def _secret(host: Host, start: Start) -> str:
    return "It uses the sandbox: nothing is real." if start.sandbox else f"{host.title}: {host.told}."


def _say(text: str) -> None:
    print(f"storykeeper: {text}", file=sys.stderr)
