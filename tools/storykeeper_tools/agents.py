"""ElevenLabs agents: made private and honest, changed by the smallest patch, read back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import field
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from .companion import persona
from .companion.consent import canonical
from .companion.persona import Persona
from .companion.spec import Name, Privacy
from .companion.voicing import USUAL
from .elevenlabs.client import ElevenLabs
from .elevenlabs.models import Agent, Document
from .errors import (
    BadInput,
    Busy,
    Conflict,
    MissingPermission,
    NotFound,
    UnexpectedAnswer,
    VoiceNeedsVerification,
    WrongKind,
)
from .model import Model
from .part import part
from .provisioning import payload, retrieval
from .provisioning.ensure import Direct, Ensure
from .provisioning.indexing import index, lookups, settled
from .provisioning.kinds import UNPROVEN, WantedAgent
from .provisioning.ledger import Ledger, Resource
from .provisioning.payload import DocumentRef
from .provisioning.plan import contents, marker
from .provisioning.runs import Runs
from .provisioning.tree import at, differences, merged, missing, rows, smallest, tree
from .provisioning.verify import verify
from .provisioning.voiced import Voiced, voices
from .provisioning.workspace import Workspace

PATIENT = 45.0  # seconds that a tool waits for indexes, before it says that they take longer
Language = Annotated[str, Field(pattern="^[a-z]{2}$")]
Documents = Annotated[list[str], Field(max_length=200)]
Text = Annotated[str, Field(max_length=8000)]


class AgentRow(Model):
    agent_id: str
    name: str
    ours: bool


class AgentList(Model):
    agents: list[AgentRow]
    next_page: str | None

    def __str__(self) -> str:
        rows = [f"{a.agent_id} '{a.name}'{' (ours)' if a.ours else ''}" for a in self.agents]
        return "\n".join(rows + ([f"more: page={self.next_page}"] if self.next_page else [])) or "No agents."


class AgentView(Model):
    """An agent's whole configuration; its parts are as ElevenLabs documents them."""

    agent_id: str
    name: str
    tags: list[str]
    voice_id: str
    language: str
    first_message: str
    documents: list[DocumentRef]
    private: Annotated[bool, Field(description="Only a signed URL or token lets anyone talk to it")]
    conversation_config: dict[str, Any]
    platform_settings: dict[str, Any]

    def __str__(self) -> str:
        known = ", ".join(f"{d.id} '{d.name}'" for d in self.documents) or "no documents"
        door = "private" if self.private else "PUBLIC"
        return f"Agent {self.agent_id} '{self.name}', {door}, voice {self.voice_id}, {self.language}; knows {known}."


class AddedAgent(Model):
    agent_id: str
    name: str
    warnings: list[str]

    def __str__(self) -> str:
        return " ".join([f"Agent {self.agent_id} ('{self.name}') exists and is private.", *self.warnings])


class Difference(Model):
    field: str
    before: Any
    after: Any


class Changed(Model):
    agent_id: str
    changes: list[Difference]

    def __str__(self) -> str:
        fields = ", ".join(change.field for change in self.changes) or "nothing; it was so already"
        return f"Agent {self.agent_id}: changed {fields}."


@part
class Agents:
    elevenlabs: ElevenLabs
    ensure: Ensure
    ledger: Ledger
    workspace: Workspace
    runs: Runs
    voiced: Voiced
    _changing: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock], repr=False)

    async def list_agents(self, ids: list[str] | None = None, page: str | None = None) -> AgentList:
        """The account's agents, newest first, or those with the given ids; `page` goes on."""
        if ids:
            found = [await self.elevenlabs.agent(i) for i in ids]
            return AgentList(agents=[row(a.agent_id, a.name, a.tags) for a in found], next_page=None)
        query: dict[str, str | int] = {"page_size": 50, "sort_by": "created_at", "sort_direction": "desc"}
        answer = await self.elevenlabs.agents(**query, **({"cursor": page} if page else {}))
        rows = [row(a.agent_id, a.name, a.tags) for a in answer.agents]
        return AgentList(agents=rows, next_page=answer.next_cursor if answer.has_more else None)

    async def get_agent(self, agent_id: str) -> AgentView:
        """One agent's whole configuration."""
        self._refuse_others(agent_id)
        return view(await self.elevenlabs.agent(agent_id))

    async def create_agent(
        self,
        name: Name,
        voice_id: str,
        documents: Annotated[Documents, Field(description="Document ids")] = [],
        language: Language = "en",
        manner: Annotated[str, Field(max_length=8000, description="How it speaks, in your words")] = "",
        first_message: Annotated[str, Field(max_length=1000, description="The AI disclosure is put before it")] = "",
    ) -> AddedAgent:
        """Create a private agent from a voice and documents. It always says that it is an AI. Same input, same agent."""
        await self.workspace.check()
        await self._check_voice(voice_id)
        known = await self._documents(documents)
        embedding = retrieval.embedding(language, known)
        spoken = persona.speak({"name": name, "manner": manner}, language, first_message)
        key = marker(self.workspace.name, f"agent|{contents([name, voice_id, *documents])}|{digest(spoken)}")
        body = payload.agent(
            name,
            spoken,
            marker=key,
            voice_id=voice_id,
            documents=references(known),
            embedding=embedding,
            llm=await self.workspace.llm(),
            speech=USUAL,
            privacy=Privacy(),
        )
        if embedding:
            await index(Direct(), self.ensure, documents, embedding, PATIENT)
        [made] = await self.ensure(Direct(), [WantedAgent(marker=key, name=name, body=body)])
        warnings = await verify(self.elevenlabs, self.ledger, key, made, body)
        return AddedAgent(agent_id=made.id, name=made.name, warnings=[*warnings, *self.workspace.notes])

    async def update_agent(
        self,
        agent_id: str,
        name: Name | None = None,
        voice_id: str | None = None,
        manner: Text | None = None,
        first_message: Annotated[str, Field(max_length=1000)] | None = None,
        language: Language | None = None,
        add_documents: Documents = [],
        remove_documents: Documents = [],
    ) -> Changed:
        """Change an agent of ours: only what is named, with before and after. Documents are added, never lost."""
        self._free(agent_id)
        # Documents are a list, which the service replaces: two changes at once would lose one of them.
        async with self._changing.setdefault(agent_id, asyncio.Lock()):
            before = await self.elevenlabs.agent(agent_id)
            await self.voiced.require(*sorted(voices(before)))
            config: dict[str, Any] = {}
            if voice_id is not None:
                await self._check_voice(voice_id)
                config["tts"] = {"voice_id": voice_id}
            if add_documents or remove_documents:
                items = await self._merged(view(before).documents, add_documents, remove_documents)
                config["agent"] = {"prompt": {"knowledge_base": [item.item() for item in items]}}
            if (language, manner, first_message) != (None, None, None):
                config = merged(config, speech(before, language, manner, first_message))
            if add_documents or remove_documents or language:
                after = merged(before.conversation_config, config)
                config = merged(config, await lookups(self.ensure, after, PATIENT))
            patch = ({"name": name} if name is not None else {}) | ({"conversation_config": config} if config else {})
            return await self._apply(before, patch)

    async def _apply(self, before: Agent, patch: dict[str, Any]) -> Changed:
        """Send what differs, if anything does, and look whether it took."""
        stored = before.model_dump()
        if not patch:
            raise BadInput("there is nothing to change", next="name at least one field to change")
        gaps = missing(patch, stored)
        known = self._free(before.agent_id)
        if not gaps:
            self.ledger.note_changed(known)  # where the answer was lost the last time
            return Changed(agent_id=before.agent_id, changes=[])
        self.ledger.note("change", known)
        await settled(self.ensure, partial(self.elevenlabs.patch_agent, before.agent_id, smallest(patch, stored)))
        self.ledger.note_changed(known)
        after = (await self.elevenlabs.agent(before.agent_id)).model_dump()
        lost = missing(patch, after)
        if lost:
            raise UnexpectedAnswer(
                f"ElevenLabs did not store {', '.join(lost[:5])} as it was sent",
                exists=f"agent {before.agent_id}, half changed",
                next="look at it with get_agent, and mend it in the ElevenLabs dashboard",
            )
        changes = [Difference(field=f, before=b, after=a) for f, b, a in differences(gaps, stored, after)]
        return Changed(agent_id=before.agent_id, changes=changes)

    async def _check_voice(self, voice_id: str) -> None:
        """Refuse a voice that nobody allows, and one that can't speak: ElevenLabs may take any for an agent, and only
        fail when somebody calls."""
        await self.voiced.require(voice_id)
        with suppress(MissingPermission):  # a key that may not read voices may still use them
            if (await self.elevenlabs.voice(voice_id)).unproven:
                raise VoiceNeedsVerification(UNPROVEN)

    async def _documents(self, ids: Sequence[str]) -> list[Document]:
        return [await self.elevenlabs.document(i) for i in ids]

    async def _merged(self, known: list[DocumentRef], add: Sequence[str], remove: Sequence[str]) -> list[DocumentRef]:
        strange = set(remove) - {document.id for document in known}
        if strange:
            raise Conflict("a document to remove isn't attached to this agent", exists="the agent is unchanged")
        kept = [document for document in known if document.id not in remove]
        return kept + references(await self._documents([i for i in add if i not in {document.id for document in kept}]))

    def _ours(self, agent_id: str) -> Resource:
        """Only what this workspace made is changed."""
        self._refuse_others(agent_id)
        known = self.ledger.by_remote_id(agent_id)
        if known is None:
            raise NotFound("no agent with that id was made by this workspace", exists="nothing was changed")
        return known

    def _refuse_others(self, id: str) -> None:
        """What is known to be something else isn't looked for among agents."""
        known = self.ledger.by_remote_id(id)
        if known and known.kind != "agent":
            raise WrongKind(f"that is the id of a {known.kind}, not of an agent", exists="nothing was changed")
        if self.ledger.companion(id):
            next = f"get_companion(companion={id}) tells the id of its agent"
            raise WrongKind("that is the id of a companion, not of an agent", exists="nothing was changed", next=next)

    def _free(self, agent_id: str) -> Resource:
        """One of ours with which nothing else is being done. Raises Busy."""
        known, going = self._ours(agent_id), self.runs.going()
        owner = self.ledger.owner(known.marker)
        if owner:
            self.ledger.refuse_revoked(owner.id)
        if owner and owner.id in going:
            raise Busy("its companion is being made, changed or forgotten", exists="nothing was changed")
        return known


def references(documents: Sequence[Document]) -> list[DocumentRef]:
    return [DocumentRef(id=d.id, name=d.name, type=d.type) for d in documents]


def row(agent_id: str, name: str, tags: Sequence[str]) -> AgentRow:
    return AgentRow(agent_id=agent_id, name=name, ours=any(tag.startswith("keep-") for tag in tags))


def view(agent: Agent) -> AgentView:
    config, settings = agent.conversation_config, agent.platform_settings
    items = [tree(item) for item in rows(at(config, "agent.prompt.knowledge_base"))]
    return AgentView(
        agent_id=agent.agent_id,
        name=agent.name,
        tags=agent.tags,
        voice_id=at(config, "tts.voice_id") or "",
        language=at(config, "agent.language") or "",
        first_message=at(config, "agent.first_message") or "",
        documents=[DocumentRef(id=i["id"], name=i["name"], type=i["type"]) for i in items],
        private=at(settings, "auth.enable_auth") is True,
        conversation_config=config,
        platform_settings=settings,
    )


def speech(before: Agent, language: str | None, manner: str | None, first_message: str | None) -> dict[str, Any]:
    """The part of a configuration that says how an agent speaks, for what changes about it."""
    now = view(before)
    facts = persona.facts(str(at(now.conversation_config, "agent.prompt.prompt")))
    said = facts if manner is None else {**facts, "manner": manner}
    spoken = persona.speak(said, language or now.language, first_message or "")
    return {
        "agent": {
            **({"language": spoken.language} if language else {}),
            **({"first_message": spoken.first_message} if language or first_message else {}),
            "prompt": {"prompt": spoken.prompt},
        },
        **({"tts": {"model_id": spoken.tts_model}} if language else {}),
    }


def digest(spoken: Persona) -> str:
    return contents([canonical(spoken.prompt).decode(), spoken.first_message, spoken.language])
