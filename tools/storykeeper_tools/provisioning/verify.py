"""Looking whether an agent is stored as it was sent: what protects people must be there before anyone talks to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..elevenlabs.client import ElevenLabs
from ..errors import UnexpectedAnswer
from .edits import edit
from .kinds import Made
from .ledger import Ledger, Resource
from .pausing import shut
from .tree import Tree, missing, smallest

CRITICAL = (
    "conversation_config.agent.first_message",
    "conversation_config.agent.prompt.prompt",
    "conversation_config.agent.prompt.knowledge_base",
    "conversation_config.tts.voice_id",
    "platform_settings.auth",
    "platform_settings.guardrails",
    "platform_settings.privacy",
)


def grave(gaps: Sequence[str]) -> list[str]:
    """Those of the fields without which nobody should talk to an agent."""
    return [gap for gap in gaps if gap.startswith(CRITICAL)]


async def verify(elevenlabs: ElevenLabs, ledger: Ledger, marker: str, agent: Made, body: dict[str, Any]) -> list[str]:
    """Warnings for what is stored otherwise. Raises UnexpectedAnswer for what matters; only else is it `verified`.

    An agent that was found may have been asked for with another body: then what differs is sent, once.
    """
    stored = (await elevenlabs.agent(agent.id)).model_dump()
    known = ledger.resource(marker, "agent", "")
    goal = shut(body, known) if known else body
    patch = _difference(known, goal, stored) if known else {}
    if known and patch:
        ledger.note("change", known)
        await elevenlabs.patch_agent(agent.id, patch)
        stored = (await elevenlabs.agent(agent.id)).model_dump()
    gaps = missing(goal, stored)
    broken = grave(gaps)
    if broken:
        raise UnexpectedAnswer(
            f"the agent isn't stored as it was sent: {', '.join(broken[:5])}",
            exists=f"agent {agent.id}, which nobody should talk to",
            next=f"call again; if it stays so, delete_resource(id={agent.id})",
        )
    if known:
        ledger.note_changed(known)
        ledger.amend(known, verified=True, sent=body, name=body["name"])
    return [f"ElevenLabs stored {gap} otherwise than it was sent" for gap in gaps]


def _difference(known: Resource, goal: Tree, stored: Tree) -> Tree:
    """What to send: all that differs, unless it is known what was sent; then others' edits stay."""
    if not known.sent:
        return smallest(goal, stored)
    return edit(known.sent, goal, stored, removed=(), overwrite=False).patch
