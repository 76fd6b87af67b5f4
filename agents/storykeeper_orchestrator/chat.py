"""The orchestrator for a long talk: kept across restarts, and told as it goes on."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import history
from .conversation import KEEPER, Conversation, Person, opened
from .history import History
from .usage import Spent


class Present(Person, Protocol):
    """Somebody who sees how far long calls are, too."""

    async def progress(self, progress: float, total: float | None, message: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation, and what is kept of it and of earlier ones."""

    talk: Conversation
    history: History

    @property
    def aside(self) -> Path | None:
        """Where a history went that couldn't be read."""
        return self.history.aside

    def fresh(self) -> None:
        """Another conversation from now on; earlier ones are kept."""
        self.talk.session = history.new()

    async def forget(self) -> None:
        """Erase all that was talked about in this workspace. What was made stays."""
        await self.history.forget()
        self.fresh()


@asynccontextmanager
async def chat(
    *, environ: Mapping[str, str], person: Present, folder: Path, spent: Spent | None = None
) -> AsyncGenerator[Chat]:
    """The conversation of a workspace, whose `folder` keeps it; `environ` is laid over the process's. `spent` is what
    was spent before in the same sitting."""
    with history.kept(folder, KEEPER) as kept:
        session = await kept.latest()
        settings = {**os.environ, **environ}
        async with opened(
            settings,
            person,
            sessions=kept.service,
            session=session,
            streaming=True,
            progress=person.progress,
        ) as talk:
            talk.usage.total = spent or Spent()
            yield Chat(talk, kept)
