"""Provisioning, in order: what a confirmed plan does. It knows no engine; a run carries it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..companion import persona
from ..elevenlabs.client import ElevenLabs
from ..errors import StorykeeperError, VoiceNeedsVerification, from_row
from . import payload
from .consents import Consents, about
from .ensure import Ensure, Run, listing
from .kinds import Made, Wanted, WantedAgent, WantedDocument, WantedVoice
from .plan import Plan, agent_name
from .runs import Result
from .verify import verify
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Provisioning:
    elevenlabs: ElevenLabs
    ensure: Ensure
    consents: Consents
    workspace: Workspace

    async def __call__(self, run: Run, plan: Plan) -> Result:
        """check, then voice and documents side by side, then the agent, then a look at what is stored."""
        so_far = Result()
        try:
            await _step(run, "check consent and quota", self._check, plan)
            so_far.voice, *so_far.documents = await self.ensure(run, [voice(plan), *documents(plan)])
            _refuse_blocked(so_far.voice, so_far.documents)
            llm = await _step(run, "choose the language model", self.workspace.llm)
            body = _body(plan, so_far.voice, so_far.documents, llm)
            [so_far.agent] = await self.ensure(run, [agent(plan, body)])
            so_far.warnings = await _step(run, "read the agent back", self._read_back, plan, so_far.agent, body)
        except StorykeeperError as error:
            so_far.error = error.row()
        return so_far

    async def _check(self, plan: Plan) -> None:
        """Everything that would fail later, before anything is made."""
        self.consents.require(about(plan))
        await self.workspace.check_room_for(plan.marker)

    async def _read_back(self, plan: Plan, agent: Made, body: dict[str, Any]) -> list[str]:
        return await verify(self.elevenlabs, self.ensure.ledger, plan.marker, agent, body)


def _body(plan: Plan, voice: Made, documents: list[Made], llm: str) -> dict[str, Any]:
    """The agent, from nothing but what the plan and the ledger have: it needn't be kept between steps."""
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


def voice(plan: Plan) -> Wanted:
    noise = plan.spec.voice.remove_background_noise
    name = plan.spec.subject.name
    return WantedVoice(marker=plan.marker, name=name, recordings=tuple(plan.recordings), remove_background_noise=noise)


def documents(plan: Plan) -> list[Wanted]:
    return [WantedDocument(marker=plan.marker, slot=m.sha256, name=m.title, memory=m) for m in plan.memories]


def agent(plan: Plan, body: dict[str, Any]) -> Wanted:
    return WantedAgent(marker=plan.marker, name=agent_name(plan.spec.subject.name), body=body)


def _refuse_blocked(voice: Made, documents: list[Made]) -> None:
    if voice.blocked:
        raise VoiceNeedsVerification(voice.blocked, exists=listing([voice, *documents]))


async def _step(run: Run, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """A step whose errors are values, so that every engine can keep them."""
    answer = await run.step(name, _valued, call, *args)
    if answer["error"]:
        raise from_row(answer["error"])
    return answer["value"]


async def _valued(call: Callable[..., Awaitable[Any]], *args: Any) -> dict[str, Any]:
    try:
        return {"value": await call(*args), "error": None}
    except StorykeeperError as error:
        return {"value": None, "error": error.row()}
