"""Deleting one thing at the service, and seeing that it is gone: told to the journal and the receipt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from ..elevenlabs.client import ElevenLabs
from ..errors import MissingPermission, NotFound, StorykeeperError, UnexpectedAnswer
from ..part import part
from .ensure import Patience
from .receipts import Item, Receipts

MOST_PAGES = 500  # of a hundred talks each: more than any agent has had, so a list that is longer has no end
_STRANGE = "that the key belongs to the account that these were made with, since it may not read the account"


@part
class Deleting:
    elevenlabs: ElevenLabs
    receipts: Receipts
    patience: Patience
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    async def __call__(self, receipt_id: str, item: Item) -> None:
        """Said again, it goes on. Raises what the service says, or UnexpectedAnswer for what doesn't go away."""
        self.receipts.begin(receipt_id, item)
        status = await self._send(item)
        await self._see(item)
        self.receipts.gone(receipt_id, item, status)

    async def _send(self, item: Item) -> int:
        """What the service answered; an error is none where the thing is gone all the same."""
        try:
            await self._delete(item)
        except NotFound:
            return 404
        except StorykeeperError:
            if await self.there(item):
                raise
            return 0
        return 200

    async def _see(self, item: Item) -> None:
        """Look until it is gone: a service of many machines may need a moment."""
        waited = 0.0
        while await self.there(item):
            if waited >= self.patience.lag:
                raise UnexpectedAnswer(
                    f"the {item.kind} {item.id} is still there after it was deleted",
                    exists=f"the {item.kind} {item.id}",
                    next="call again; if it stays, delete it in the ElevenLabs dashboard",
                )
            await self.sleep(self.patience.poll)
            waited += self.patience.poll

    async def there(self, item: Item) -> bool:
        """Whether the service still has it."""
        service = self.elevenlabs
        looks: dict[str, Callable[[str], Awaitable[object]]] = {
            "agent": service.agent,
            "conversation": service.conversation,
            "document": service.document,
            "voice": service.voice,
        }
        try:
            await looks[item.kind](item.id)
        except NotFound:
            return False
        return True

    async def _delete(self, item: Item) -> None:
        service = self.elevenlabs
        if item.kind == "document":
            await service.delete_document(item.id, force=True)  # it is to go, whatever refers to it
            return
        deletes = {
            "agent": service.delete_agent,
            "conversation": service.delete_conversation,
            "voice": service.delete_voice,
        }
        await deletes[item.kind](item.id)


async def conversations(elevenlabs: ElevenLabs, agent_id: str) -> list[str]:
    """The ids of all talks with an agent, which may be gone already."""
    found: list[str] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        more = {"cursor": cursor} if cursor else {}
        try:
            page = await elevenlabs.conversations(agent_id=agent_id, page_size=100, **more)
        except NotFound:
            return found
        found += [talk.conversation_id for talk in page.conversations]
        cursor = page.next_cursor
        if not page.has_more or not cursor:
            return found
    raise UnexpectedAnswer("a list of ElevenLabs has no end", exists="what was deleted is in the journal")


async def strange(elevenlabs: ElevenLabs) -> list[str]:
    """What a receipt can't prove: another account's key would be answered 404 for everything."""
    try:
        await elevenlabs.user()
    except MissingPermission:
        return [_STRANGE]
    return []
