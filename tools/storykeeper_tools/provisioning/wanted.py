"""What a plan wants to exist, thing by thing: from nothing but the plan and what was made, so none of it needs keeping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..companion import persona, voicing
from . import payload, retrieval
from .consents import about
from .kinds import Made, Wanted, WantedAgent, WantedDocument, WantedVoice
from .plan import Plan, agent_name


def voice(plan: Plan) -> Wanted:
    return WantedVoice(
        marker=plan.marker,
        slot=plan.voice,
        name=plan.spec.subject.name,
        companion=plan.companion,
        consent=about(plan),
        recordings=tuple(plan.recordings),
        remove_background_noise=plan.spec.voice.remove_background_noise,
    )


def documents(plan: Plan) -> list[Wanted]:
    return [
        WantedDocument(marker=plan.marker, slot=m.sha256, name=m.title, companion=plan.companion, memory=m)
        for m in plan.memories
    ]


def agent(plan: Plan, body: dict[str, Any]) -> Wanted:
    name = agent_name(plan.spec.subject.name)
    return WantedAgent(marker=plan.marker, name=name, companion=plan.companion, body=body)


def embedding(plan: Plan) -> str:
    """The model by which the agent looks its documents up; empty where it has all of them in mind."""
    return retrieval.embedding(plan.spec.language, plan.memories)


def body(plan: Plan, voice: Made, documents: Sequence[Made], llm: str) -> dict[str, Any]:
    """The agent as it is to be stored."""
    return payload.agent(
        agent_name(plan.spec.subject.name),
        persona.compile(plan.spec),
        marker=plan.marker,
        voice_id=voice.id,
        documents=[payload.DocumentRef(**d.model_dump(include={"id", "name", "type"})) for d in documents],
        embedding=embedding(plan),
        llm=llm,
        speech=voicing.speech(plan.spec),
        privacy=plan.spec.privacy,
    )
