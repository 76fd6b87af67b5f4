"""Where a chat is kept: one file for each workspace, for its owner only, and for one program at a time."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from google.adk.sessions.sqlite_session_service import SqliteSessionService

from storykeeper_tools.errors import Busy, StorykeeperError
from storykeeper_tools.files import private_folder

from .agent import NAME

_FILE = "chat.sqlite"


@dataclass(slots=True)
class History:
    """`aside` is where a file went that couldn't be read."""

    folder: Path
    keeper: str
    service: SqliteSessionService
    aside: Path | None = None

    async def latest(self) -> str:
        """The session that was talked in last, or a new one. A file that holds no sessions is put aside."""
        try:
            return await self._latest()
        except sqlite3.OperationalError as error:
            raise _out_of_reach() from error
        except (sqlite3.Error, ValueError):
            self.service, self.aside = _put_aside(self.folder)
            return new()

    async def _latest(self) -> str:
        found = (await self.service.list_sessions(app_name=NAME, user_id=self.keeper)).sessions
        if not found:
            return new()
        await self.service.get_session(app_name=NAME, user_id=self.keeper, session_id=found[-1].id)
        return found[-1].id

    async def forget(self) -> None:
        """Every conversation in this workspace, and what was put aside."""
        for file in self.folder.glob(f"{_FILE}*"):
            file.unlink(missing_ok=True)
        await _service(self.folder).list_sessions(app_name=NAME)  # which makes its tables


def new() -> str:
    """Another session."""
    return time.strftime("chat-%Y%m%d-%H%M%S-") + os.urandom(3).hex()


@contextmanager
def kept(folder: Path, keeper: str) -> Generator[History]:
    """Raises Busy where another program has it open, or the file can't be written."""
    private_folder(folder)
    lock = os.open(folder / "chat.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            next = "go on there, or end it first with /quit"
            raise Busy("another chat is open in this workspace", exists="it goes on", next=next) from None
        yield _history(folder, keeper)
    finally:
        os.close(lock)


def _history(folder: Path, keeper: str) -> History:
    try:
        return History(folder, keeper, _service(folder))
    except RuntimeError as error:  # how ADK says that the file is none of its own
        if isinstance(error.__cause__, sqlite3.OperationalError):
            raise _out_of_reach() from error
        return History(folder, keeper, *_put_aside(folder))


def _service(folder: Path) -> SqliteSessionService:
    """On a file that is made here, so that nobody else can ever read it."""
    file = folder / _FILE
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    file.chmod(0o600)
    return SqliteSessionService(str(file))


def _put_aside(folder: Path) -> tuple[SqliteSessionService, Path]:
    aside = folder / time.strftime(f"{_FILE}.unreadable-%Y%m%d-%H%M%S")
    (folder / _FILE).replace(aside)
    return _service(folder), aside


def _out_of_reach() -> StorykeeperError:
    return Busy("the history of chats can't be opened now", exists="it is unchanged", next="say it again in a moment")
