"""One ElevenLabs account and region, or the sandbox: what plans and runs ask it before they spend."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import field
from typing import Any, TypeVar

from ..companion.persona import choose_llm
from ..elevenlabs.client import ElevenLabs
from ..elevenlabs.models import Subscription
from ..errors import AuthInvalid, MissingPermission, PlanLimit, StorykeeperError, VoiceChangesUsedUp, VoiceSlotsFull
from ..part import part
from ..settings import SANDBOX
from .ledger import Ledger

First = TypeVar("First")
Second = TypeVar("Second")

UNREAL = "this is the sandbox: nothing here is real, and nothing is spent"


@part
class Workspace:
    name: str
    elevenlabs: ElevenLabs
    ledger: Ledger
    embedded: bool = False  # the sandbox that comes with each command
    _ours: set[str] = field(default_factory=set[str], repr=False)

    @property
    def notes(self) -> list[str]:
        """What every result of this workspace says."""
        return [UNREAL] if self.name == SANDBOX else []

    def talking(self, companion: str) -> str:
        """How somebody gets to talk to one: by these tools, or on a page, where there is a terminal."""
        page = f"storykeeper talk {companion}{' --sandbox' * self.embedded}"
        return (
            f"get_signed_url(of={companion}) gives a URL to talk to it; in a terminal, `{page}` opens a page for that"
        )

    async def check(self) -> None:
        """Refuse a key of another account: its voices aren't ours to find."""
        try:
            user = await self.elevenlabs.user()
        except MissingPermission:
            self._ours.add(self.name)  # a key may be good for everything but reading the user
            return
        # Not every version of the service tells the workspace, so either id proves that it is the same account.
        if self.ledger.bind(self.name, user.workspace_id or user.user_id) not in {user.workspace_id, user.user_id}:
            raise AuthInvalid(
                f"this key belongs to another ElevenLabs account than the workspace '{self.name}'",
                next="set STORYKEEPER_WORKSPACE to a name of its own for this account, or use the first key",
            )
        self._ours.add(self.name)

    async def check_once(self) -> None:
        """The same, asked no more once it was seen: a process keeps its key."""
        if self.name not in self._ours:
            await self.check()

    async def check_room_for(self, marker: str, slot: str = "") -> None:
        """Raise what would keep the voice with this marker from being cloned, unless it exists already."""
        if self.ledger.resource(marker, "voice", slot):
            await self.check_once()
            return
        obstacle = await self.survey()
        if obstacle and not isinstance(obstacle, MissingPermission):
            raise obstacle

    async def survey(self) -> StorykeeperError | None:
        """Refuse a key of another account; answers what would keep one more voice from being cloned."""
        _, obstacle = await both(self.check_once(), self.obstacle())
        return obstacle

    async def obstacle(self) -> StorykeeperError | None:
        """What would keep one more voice from being cloned; MissingPermission where the key can't tell."""
        try:
            return room(await self.elevenlabs.subscription())
        except MissingPermission as error:
            return error

    async def llm(self) -> str:
        """The language model for new agents, from those this account offers today."""
        offered = await self.elevenlabs.llms()
        return choose_llm([m.llm for m in offered if not m.is_checkpoint and not m.deprecation_info])


async def both(first: Coroutine[Any, Any, First], second: Coroutine[Any, Any, Second]) -> tuple[First, Second]:
    """Two reads side by side: each takes as long as the way to the service. Raises what the first to fail does."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = group.create_task(first), group.create_task(second)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return tasks[0].result(), tasks[1].result()


def room(subscription: Subscription) -> StorykeeperError | None:
    """Why one more voice doesn't fit, or None."""
    s = subscription
    if not s.can_use_instant_voice_cloning:
        return PlanLimit(f"the plan '{s.tier}' does not include instant voice cloning")
    if s.voice_slots_used >= s.voice_limit:
        return VoiceSlotsFull(f"all {s.voice_limit} voice slots are in use")
    if s.max_voice_add_edits is not None and s.voice_add_edit_counter >= s.max_voice_add_edits:
        return VoiceChangesUsedUp(f"all {s.max_voice_add_edits} voice changes of this month are used")
    return None
