"""For web servers of others: the session route of this machine's Storykeeper, opened from the environment."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from storykeeper_tools.files import Files

from .commands import quiet
from .talk.desk import Desk
from .talk.limits import Gate, Limits
from .wiring import Storykeeper, settings, wire


@asynccontextmanager
async def desk() -> AsyncGenerator[Desk]:
    """As commands have it: ELEVENLABS_API_KEY and the STORYKEEPER_ settings. It reads no files, and carries no runs."""
    quiet()
    keeper = wire(settings(), files=Files())
    async with keeper.running(work=False):
        yield desk_of(keeper)


def desk_of(keeper: Storykeeper) -> Desk:
    """The session route of a Storykeeper that is open."""
    return Desk(keeper.sessions, Gate(Limits(**keeper.settings.talk_limits)))
