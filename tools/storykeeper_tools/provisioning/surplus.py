"""Deleting what nobody needs, known to the ledger or not: told to the journal, and looked at until it is gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ..errors import NotFound, Unavailable, UpstreamError
from .ensure import Ensure
from .ledger import Resource
from .marked import Marked

Thing = TypeVar("Thing", bound=Marked)

_ORDER = ("agent", "document", "voice")  # nobody may talk to what is half gone, and what an agent uses can't be deleted


def ordered(things: Iterable[Thing]) -> list[Thing]:
    return sorted(things, key=lambda thing: _ORDER.index(thing.kind))


async def delete(ensure: Ensure, thing: Marked) -> None:
    """Delete a thing that the ledger doesn't have, as `remove` does."""
    row = Resource(marker=thing.marker, kind=thing.kind, slot=thing.slot, id=thing.id)
    await remove(ensure, row)
    ensure.ledger.note("deleted", row)


async def remove(ensure: Ensure, thing: Resource) -> None:
    """Delete a thing and see that it is gone. Raises Conflict where something uses it; said again, it goes on.

    Raises Unavailable for what is still there after it was deleted.
    """
    service = ensure.elevenlabs
    sends = {"agent": service.delete_agent, "document": service.delete_document, "voice": service.delete_voice}
    ensure.ledger.note("delete", thing)
    lost: UpstreamError | None = None
    try:
        await sends[thing.kind](thing.id)
    except NotFound:
        pass  # it went the last time, when nobody heard of it
    except UpstreamError as error:
        lost = error  # which may have come after the delete took effect
    if not await _gone(ensure, thing, 1 if lost else ensure.patience.rounds):
        raise lost or Unavailable(f"the {thing.kind} {thing.id} was deleted, and is still there")


async def _gone(ensure: Ensure, thing: Resource, looks: int) -> bool:
    service = ensure.elevenlabs
    reads = {"agent": service.agent, "document": service.document, "voice": service.voice}
    for _ in range(looks):
        try:
            await reads[thing.kind](thing.id)
        except NotFound:
            return True
        await ensure.sleep(ensure.patience.poll)
    return False
