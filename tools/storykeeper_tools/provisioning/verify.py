"""Looking whether an agent is stored as it was sent: what protects people must be there before anyone talks to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..elevenlabs.client import ElevenLabs
from ..errors import UnexpectedAnswer
from .kinds import Made
from .ledger import Ledger
from .tree import missing

CRITICAL = (
    "conversation_config.agent.first_message",
    "conversation_config.agent.prompt.prompt",
    "conversation_config.agent.prompt.knowledge_base",
    "conversation_config.tts.voice_id",
    "platform_settings.auth",
    "platform_settings.guardrails",
)


def grave(gaps: Sequence[str]) -> list[str]:
    """Those of the fields without which nobody should talk to an agent."""
    return [gap for gap in gaps if gap.startswith(CRITICAL)]


async def verify(elevenlabs: ElevenLabs, ledger: Ledger, marker: str, agent: Made, body: dict[str, Any]) -> list[str]:
    """Warnings for what is stored otherwise. Raises UnexpectedAnswer for what matters; only else is it `verified`."""
    stored = (await elevenlabs.agent(agent.id)).model_dump()
    gaps = missing(body, stored)
    broken = grave(gaps)
    if broken:
        raise UnexpectedAnswer(
            f"the agent isn't stored as it was sent: {', '.join(broken[:5])}",
            exists=f"agent {agent.id}, which nobody should talk to",
            next="delete it in the ElevenLabs dashboard",
        )
    known = ledger.resource(marker, "agent", "")
    if known:
        ledger.keep_made(known.model_copy(update={"verified": True, "sent": body}))
    return [f"ElevenLabs stored {gap} otherwise than it was sent" for gap in gaps]
