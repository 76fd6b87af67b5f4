"""Answers of the API, as far as Storykeeper reads them; fields it doesn't know are passed over."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, RootModel

from .. import model


class Answer(model.Model):
    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class Page(Answer):
    has_more: bool = False
    next_cursor: str | None = None


class Subscription(Answer):
    tier: str
    character_count: int
    character_limit: int
    next_character_count_reset_unix: int | None = None
    voice_slots_used: int
    voice_limit: int
    voice_add_edit_counter: int = 0
    max_voice_add_edits: int | None = None
    can_use_instant_voice_cloning: bool = False


class User(Answer):
    user_id: str
    workspace_id: str | None = None


class AddedVoice(Answer):
    voice_id: str
    requires_verification: bool = False
    library_voice_match: dict[str, Any] | None = None


class VoiceVerification(Answer):
    requires_verification: bool = False
    is_verified: bool = False


class Voice(Answer):
    voice_id: str
    name: str | None = None
    category: str | None = None
    description: str | None = None
    created_at_unix: int | None = None
    voice_verification: VoiceVerification | None = None

    @property
    def unproven(self) -> bool:
        """Whether it must be verified and isn't."""
        proof = self.voice_verification
        return proof is not None and proof.requires_verification and not proof.is_verified


class VoicePage(Answer):
    voices: list[Voice]
    has_more: bool = False
    next_page_token: str | None = None


class AddedDocument(Answer):
    id: str
    name: str


class DocumentMetadata(Answer):
    size_bytes: int | None = None
    created_at_unix_secs: int | None = None


class Document(Answer):
    id: str
    name: str
    type: str
    metadata: DocumentMetadata | None = None

    @property
    def size(self) -> int:
        """In bytes, where it is told."""
        return (self.metadata.size_bytes if self.metadata else None) or 0


class DocumentPage(Page):
    documents: list[Document]


class RagIndex(Answer):
    """How far a document's index is: new, created, processing, succeeded, or why there is none."""

    id: str
    status: str

    @property
    def state(self) -> str:
        """The documentation has it in capitals, the schema doesn't."""
        return self.status.lower()


class RagEntry(Answer):
    """`data` where there is an index."""

    status: str
    data: RagIndex | None = None


class RagEntries(RootModel[dict[str, RagEntry]]):
    """By document."""


class AddedAgent(Answer):
    agent_id: str


class AgentSummary(Answer):
    agent_id: str
    name: str
    tags: list[str] = Field(default_factory=list)
    created_at_unix_secs: int | None = None


class AgentPage(Page):
    agents: list[AgentSummary]


class Agent(Answer):
    """An agent as it is stored; its configuration stays as it came, unknown fields included."""

    agent_id: str
    name: str
    conversation_config: dict[str, Any]
    platform_settings: dict[str, Any] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    version_id: str | None = None


class Conversation(Answer):
    conversation_id: str


class ConversationPage(Page):
    conversations: list[Conversation]


class Turn(Answer):
    """What one side said; None where it only called a tool."""

    role: str
    message: str | None = None


class Simulation(Answer):
    simulated_conversation: list[Turn]


class SignedUrl(Answer):
    signed_url: str


class Token(Answer):
    token: str
    conversation_id: str | None = None


class Model(Answer):
    model_id: str
    name: str | None = None


class ModelList(RootModel[list[Model]]):
    """A bare array."""


class Llm(Answer):
    llm: str
    is_checkpoint: bool = False
    deprecation_info: dict[str, Any] | None = None


class LlmList(Answer):
    llms: list[Llm]
