"""What a plan wants to exist, thing by thing: from nothing but the plan and what was made, so none of it needs keeping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..companion import persona
from . import payload
from .kinds import Made, Wanted, WantedAgent, WantedDocument, WantedVoice
from .plan import Plan, agent_name


def voice(plan: Plan) -> Wanted:
    noise = plan.spec.voice.remove_background_noise
    name = plan.spec.subject.name
    return WantedVoice(marker=plan.marker, name=name, recordings=tuple(plan.recordings), remove_background_noise=noise)


def documents(plan: Plan) -> list[Wanted]:
    return [WantedDocument(marker=plan.marker, slot=m.sha256, name=m.title, memory=m) for m in plan.memories]


def agent(plan: Plan, body: dict[str, Any]) -> Wanted:
    return WantedAgent(marker=plan.marker, name=agent_name(plan.spec.subject.name), body=body)


def body(plan: Plan, voice: Made, documents: Sequence[Made], llm: str) -> dict[str, Any]:
    """The agent as it is to be stored."""
    return payload.agent(
        agent_name(plan.spec.subject.name),
        persona.compile(plan.spec),
        marker=plan.marker,
        voice_id=voice.id,
        documents=[payload.DocumentRef(**d.model_dump(include={"id", "name", "type"})) for d in documents],
        llm=llm,
        voice=plan.spec.voice,
        privacy=plan.spec.privacy,
    )
