"""What the service has of a companion now: its agent as it is stored, and what of the rest is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..elevenlabs.client import ElevenLabs
from ..elevenlabs.models import Agent
from ..errors import MissingPermission, NotFound, UpstreamError
from .ledger import Resource


@dataclass(frozen=True, slots=True)
class Live:
    """`gone` are the ids of what somebody deleted; `unseen` says what couldn't be looked at."""

    agent: Agent | None = None
    gone: frozenset[str] = frozenset()
    unseen: tuple[str, ...] = ()


NOTHING = Live()


async def observe(elevenlabs: ElevenLabs, made: Sequence[Resource]) -> Live:
    """Look at everything that was made, one request each. Raises nothing: what fails is `unseen`."""
    looks = await asyncio.gather(*(_look(elevenlabs, resource) for resource in made))
    agents = [look for look in looks if isinstance(look, Agent)]
    gone = frozenset(resource.id for resource, look in zip(made, looks, strict=True) if look is None)
    unseen = tuple(look for look in looks if isinstance(look, str) and look)
    return Live(agents[0] if agents else None, gone, unseen)


async def _look(elevenlabs: ElevenLabs, resource: Resource) -> Agent | str | None:
    """An agent as it is; for anything else no words where it is there. None for what is gone."""
    look = {"voice": elevenlabs.voice, "document": elevenlabs.document, "agent": elevenlabs.agent}
    try:
        found = await look[resource.kind](resource.id)
    except NotFound:
        return None
    except (UpstreamError, MissingPermission) as error:
        return f"not looked at: the {resource.kind} {resource.id}; {error.code}: {error.what}"
    return found if isinstance(found, Agent) else ""
