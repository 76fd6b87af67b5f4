"""Provisioning, in order: what a confirmed plan does. It knows no engine; a run carries it."""

from __future__ import annotations

from typing import Any

from ..elevenlabs.client import ElevenLabs
from ..errors import RateLimited, StorykeeperError, TimedOut, Unavailable, VoiceNeedsVerification
from ..part import part
from . import retrieval, wanted
from .changing import change
from .clearing import clear, discard
from .consents import Consents, about
from .dedupe import dedupe
from .ensure import Ensure, Run, listing
from .indexing import index
from .kinds import Made
from .observing import observe
from .plan import Plan, agent_name
from .runs import Result
from .steps import checked
from .verify import verify
from .voiced import Voiced
from .workspace import Workspace, both


@part
class Provisioning:
    elevenlabs: ElevenLabs
    ensure: Ensure
    consents: Consents
    workspace: Workspace

    async def __call__(self, run: Run, plan: Plan) -> Result:
        """check, then voice and documents side by side, then the agent, made or changed, and looked at as it is stored."""
        so_far = Result()
        try:
            if plan.observed.gone:
                await checked(run, "note what was deleted", self._note_gone, plan)
            llm = await checked(run, "check consent and quota", self._check, plan)
            if retrieval.refusable(plan.memories):  # before a voice slot is spent on them
                await self.ensure(run, wanted.documents(plan))
            voice, *documents = await self.ensure(run, [wanted.voice(plan), *wanted.documents(plan)])
            so_far.voice, so_far.documents = voice, documents
            _refuse_blocked(voice, documents)
            embedding = wanted.embedding(plan) or plan.observed.embedding
            if embedding:
                ids = [document.id for document in documents]
                await index(run, self.ensure, ids, embedding, self.ensure.patience.indexing)
            if plan.observed.agent:
                so_far.agent = Made(id=plan.observed.agent, name=agent_name(plan.spec.subject.name))
                so_far.warnings = await self._change(run, plan, voice, documents)
            else:
                body = wanted.body(plan, voice, documents, llm)
                [so_far.agent] = await self.ensure(run, [wanted.agent(plan, body)])
                so_far.warnings = await checked(run, "read the agent back", self._read_back, plan, so_far.agent, body)
            so_far.warnings += await dedupe(run, self.ensure, plan.marker)
            for id in plan.observed.surplus:
                so_far.warnings += await checked(run, "delete what it no longer needs", self._discard, plan, id)
            so_far.warnings += await checked(run, "clear what is left", self._clear, plan)
        except StorykeeperError as error:
            so_far.error = error.row()
        return so_far

    async def _change(self, run: Run, plan: Plan, voice: Made, documents: list[Made]) -> list[str]:
        """A PATCH says the same however often it is sent, so what may have got lost is sent again."""
        ledger, patience = self.ensure.ledger, self.ensure.patience
        for n in range(patience.rounds - 1):
            try:
                return await checked(run, "change the agent", change, self.elevenlabs, ledger, plan, voice, documents)
            except (RateLimited, Unavailable, TimedOut):
                await run.sleep(min(2.0**n, patience.longest))
        return await checked(run, "change the agent", change, self.elevenlabs, ledger, plan, voice, documents)

    async def _check(self, plan: Plan) -> str:
        """Everything that would fail later, before anything is made. Answers the language model for a new agent."""
        self.consents.require(about(plan))
        room = self.workspace.check_room_for(plan.marker, plan.voice)
        if plan.observed.agent:
            await room
            return ""
        _, llm = await both(room, self.workspace.llm())
        return llm

    async def _note_gone(self, plan: Plan) -> None:
        """Make room for another of what somebody deleted, once it is seen to be gone for good."""
        ledger = self.ensure.ledger
        lost = [r for r in ledger.resources(plan.marker) if r.state == "made" and r.id in plan.observed.gone]
        live = await observe(self.elevenlabs, lost)
        if live.unseen:
            raise Unavailable(live.unseen[0], exists="nothing was changed")
        for resource in lost:
            if resource.id in live.gone:
                ledger.lose(resource)

    @property
    def _voiced(self) -> Voiced:
        return Voiced(self.elevenlabs, self.ensure.ledger, self.consents, self.workspace.name)

    async def _discard(self, plan: Plan, id: str) -> list[str]:
        return await discard(self.ensure, self._voiced, plan, id)

    async def _clear(self, plan: Plan) -> list[str]:
        return await clear(self.ensure, self._voiced, plan)

    async def _read_back(self, plan: Plan, agent: Made, body: dict[str, Any]) -> list[str]:
        return await verify(self.elevenlabs, self.ensure.ledger, plan.marker, agent, body)


def _refuse_blocked(voice: Made, documents: list[Made]) -> None:
    if voice.blocked:
        raise VoiceNeedsVerification(voice.blocked, exists=listing([voice, *documents]))
