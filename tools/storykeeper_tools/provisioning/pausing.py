"""A pause: nobody can start a talk, neither through us nor with a link that was given out before.

At the service an agent that may have no talks at all refuses them; it stays private, and everything else as it is.
That the official schema takes these limits is known; that the live service honours them at 0 isn't verified.
"""

from __future__ import annotations

from typing import Any

from ..elevenlabs.client import ElevenLabs
from ..errors import UnexpectedAnswer
from ..part import part
from .ledger import Ledger, Resource
from .tree import Tree, at, merged, missing, tree

LIMITS = "platform_settings.call_limits"
CLOSED: Tree = {"daily_limit": 0, "agent_concurrency_limit": 0}


def shut(body: Tree, agent: Resource) -> Tree:
    """An agent as it is to be stored: a change doesn't end a pause."""
    return body if agent.before_pause is None else merged(body, {"platform_settings": {"call_limits": CLOSED}})


@part
class Pausing:
    elevenlabs: ElevenLabs
    ledger: Ledger

    async def pause(self, agent: Resource) -> None:
        """Here first, then at the service. Said again, it goes on where it failed."""
        stored = (await self.elevenlabs.agent(agent.id)).model_dump()
        before = {name: value for name, value in tree(at(stored, LIMITS)).items() if name in CLOSED}
        if missing(CLOSED, before) and before.keys() != CLOSED.keys():
            raise UnexpectedAnswer(
                "ElevenLabs doesn't tell how many talks the agent may have", exists="it isn't paused"
            )
        self.ledger.keep_pause(agent, before)
        await self._set(agent.id, stored, CLOSED)
        self.ledger.note("changed", agent)

    async def hold(self, agent_id: str) -> None:
        """Pause what the ledger may not know, for good."""
        stored = (await self.elevenlabs.agent(agent_id)).model_dump()
        await self._set(agent_id, stored, CLOSED)

    async def resume(self, agent: Resource) -> list[str]:
        """Exactly as it was before; a warning where somebody changed it meanwhile, which then stays."""
        before = agent.before_pause or {}
        stored = (await self.elevenlabs.agent(agent.id)).model_dump()
        changed = missing(CLOSED, at(stored, LIMITS)) and missing(before, at(stored, LIMITS))
        if not changed:
            self.ledger.note("change", agent)
            await self._set(agent.id, stored, before)
        self.ledger.keep_pause(agent, None)
        return [f"{LIMITS} was changed at ElevenLabs during the pause, and stays so"] if changed else []

    async def _set(self, agent_id: str, stored: Tree, limits: dict[str, Any]) -> None:
        if not missing(limits, at(stored, LIMITS)):
            return
        patch = {"platform_settings": {"call_limits": limits}}
        await self.elevenlabs.patch_agent(agent_id, patch)
        lost = missing(patch, (await self.elevenlabs.agent(agent_id)).model_dump())
        if lost:
            raise UnexpectedAnswer(
                f"ElevenLabs did not store {', '.join(lost)} as it was sent",
                exists=f"agent {agent_id}; here it is paused",
                next="call again, or look at it with get_agent",
            )
