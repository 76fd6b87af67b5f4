"""The table of contents: every tool, what it does to the world, and what it spends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from .account import Account
from .agents import Agents
from .companions import Companions
from .knowledge_base import KnowledgeBase
from .rehearsals import Rehearsals
from .retirement import Retirement
from .sessions import Sessions
from .voices import Voices

Effect = Literal["reads", "reads here", "writes here", "creates", "edits", "deletes", "mints"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool is a bound method: its name, arguments, result and docstring are the method's own."""

    call: Callable[..., Awaitable[BaseModel]]
    title: str
    effect: Effect
    spends: str = ""
    replaces: bool = False  # what a change no longer needs is taken away

    @property
    def name(self) -> str:
        return self.call.__name__


def catalogue(
    account: Account,
    voices: Voices,
    knowledge: KnowledgeBase,
    agents: Agents,
    sessions: Sessions,
    companions: Companions,
    rehearsals: Rehearsals,
    retirement: Retirement,
) -> tuple[Tool, ...]:
    return (
        Tool(account.check_quota, "Check quota", "reads"),
        Tool(voices.inspect_recording, "Inspect recordings", "reads here"),
        Tool(voices.list_voices, "List voices", "reads"),
        Tool(knowledge.list_knowledge_base, "List knowledge documents", "reads"),
        Tool(agents.list_agents, "List agents", "reads"),
        Tool(agents.get_agent, "Get an agent", "reads"),
        Tool(voices.clone_voice, "Clone a voice", "creates", spends="a voice slot"),
        Tool(knowledge.upload_knowledge_base, "Upload knowledge", "creates"),
        Tool(agents.create_agent, "Create an agent", "creates"),
        Tool(agents.update_agent, "Update an agent", "edits"),
        Tool(sessions.get_signed_url, "Get a signed URL", "mints"),
        Tool(sessions.get_conversation_token, "Get a conversation token", "mints"),
        Tool(companions.record_consent, "Record a consent", "writes here"),
        Tool(companions.plan_companion, "Plan a companion", "writes here"),
        Tool(companions.provision_companion, "Provision a companion", "creates", spends="a voice slot", replaces=True),
        Tool(companions.get_companion, "Get a companion", "reads"),
        Tool(companions.list_companions, "List companions", "reads here"),
        Tool(rehearsals.rehearse_companion, "Rehearse a companion", "writes here", spends="a few credits"),
        Tool(retirement.retire_companion, "Retire a companion", "deletes"),
        Tool(retirement.delete_resource, "Delete a resource", "deletes"),
    )
