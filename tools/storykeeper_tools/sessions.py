"""Credentials to talk: minted on demand, short-lived, stored nowhere, and only for agents of this workspace."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from .companion.spec import name_key
from .elevenlabs.client import ElevenLabs, plain_id
from .errors import Conflict, NeedsConsent, NotFound, UnexpectedAnswer, WhichCompanion, WrongKind
from .model import Model
from .part import part
from .provisioning.ledger import Companion, Ledger, Resource
from .provisioning.voiced import Voiced, voices
from .provisioning.workspace import Workspace

LIFETIME = 15 * 60
Door = Literal["ready", "paused", "unfinished"]
Of = Annotated[str, Field(description="Companion or agent id", max_length=64)]


class SignedUrl(Model):
    agent_id: str
    signed_url: str
    expires_at: str
    warnings: list[str]

    def __str__(self) -> str:
        return f"{self.signed_url} (agent {self.agent_id}; a credential; start before {self.expires_at})"


class ConversationToken(Model):
    agent_id: str
    token: str
    conversation_id: str | None
    expires_at: str

    def __str__(self) -> str:
        return f"{self.token} (agent {self.agent_id}; a credential; start before {self.expires_at})"


@part
class Sessions:
    elevenlabs: ElevenLabs
    ledger: Ledger
    workspace: Workspace
    voiced: Voiced
    clock: Callable[[], float] = time.time

    async def get_signed_url(self, of: Of) -> SignedUrl:
        """A WebSocket URL that lets whoever holds it talk to a companion; it opens within 15 minutes."""
        return await self._signed(of, once=False)

    async def invite(self, companion: Companion) -> SignedUrl:
        """A URL that begins a single talk: replayed, it opens nothing."""
        return await self._signed(companion.id, once=True)

    async def get_conversation_token(self, of: Of) -> ConversationToken:
        """A WebRTC token that lets whoever holds it talk to a companion, within 15 minutes."""
        agent_id = await self._agent(of)
        expires_at = self._expiry()
        answer = await self.elevenlabs.token(agent_id)
        if not answer.token:
            raise UnexpectedAnswer("ElevenLabs gave an empty token")
        return ConversationToken(
            agent_id=agent_id, token=answer.token, conversation_id=answer.conversation_id, expires_at=expires_at
        )

    def door(self, companion: Companion) -> Door:
        """Whether visitors are let in, as far as is known here."""
        if not any(r.kind == "agent" and r.state == "made" for r in self.ledger.resources(companion.marker)):
            return "unfinished"
        try:
            self._open(self._finished(companion))
        except NotFound:
            return "unfinished"
        except (Conflict, NeedsConsent):
            return "paused"
        return "ready"

    async def _signed(self, of: str, *, once: bool) -> SignedUrl:
        agent_id = await self._agent(of)
        expires_at = self._expiry()
        url = await self.elevenlabs.signed_url(agent_id, once=once)
        return SignedUrl(agent_id=agent_id, signed_url=url, expires_at=expires_at, warnings=self.workspace.notes)

    async def _agent(self, of: str) -> str:
        """The agent of a companion, or an agent of ours; nobody gets to talk to anything else, nor in a voice that
        isn't allowed."""
        companion = self._named(of)
        agent_id = self._open(self._finished(companion) if companion else self._known(of))
        await self.voiced.require(*sorted(voices(await self.elevenlabs.agent(agent_id))))
        return agent_id

    def _named(self, of: str) -> Companion | None:
        """A companion by its id, or by its name where only one has it; None where it may be an agent's id."""
        found = self.ledger.companion(of)
        namesakes = [found] if found else self.ledger.namesakes(name_key(of))
        if len(namesakes) > 1:
            raise WhichCompanion(f"several have that name: {', '.join(c.id for c in namesakes)}", next="use the id")
        if not namesakes:
            plain_id(of)
        return next(iter(namesakes), None)

    def _finished(self, companion: Companion) -> Resource:
        """The agent of a companion that has all it needs."""
        self.voiced.refuse_lapsed(companion)
        made = [resource for resource in self.ledger.resources(companion.marker) if resource.state == "made"]
        agent = next((r for r in made if r.kind == "agent" and r.verified), None)
        if agent is None:
            raise NotFound("that companion is not finished yet", next="call provision_companion with its plan")
        if not any(other.kind == "voice" for other in made):
            raise NotFound("the voice of that companion was deleted", next="plan it again")
        return agent

    def _known(self, of: str) -> Resource:
        known = self.ledger.by_remote_id(of)
        if known is None:
            raise NotFound("no companion or agent with that id was made by this workspace")
        if known.kind != "agent":
            raise WrongKind(f"that is the id of a {known.kind}, not of an agent or companion")
        if not known.verified:
            raise NotFound("that agent isn't stored as it was made", next="look at it with get_agent")
        owner = self.ledger.owner(known.marker)
        if owner:
            self.voiced.refuse_lapsed(owner)
        return known

    def _open(self, agent: Resource) -> str:
        """Its id, unless nobody may talk to it now."""
        if self.ledger.forgotten(agent.marker):
            raise NotFound("that companion is being forgotten", exists="see get_companion")
        if agent.before_pause is not None:
            resume = "retire_companion with action=resume lets people talk to it again"
            raise Conflict("that companion is paused", exists="it is kept as it is", next=resume)
        return agent.id

    def _expiry(self) -> str:
        return datetime.fromtimestamp(int(self.clock()) + LIFETIME, UTC).isoformat()
