"""The ElevenLabs API, one method per call.

Reads, deletes and simulated talks are repeated when that may help. A create is sent once: the error it ends in says
whether the thing may have been made all the same (`maybe_done`), and only the saga, which can look it up, sends again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from ..errors import BadInput, TimedOut, UnexpectedAnswer
from ..part import part
from ..telemetry import CREDITS
from .hosts import trusted_session_url
from .link import Link
from .models import (
    AddedAgent,
    AddedDocument,
    AddedVoice,
    Agent,
    AgentPage,
    Conversation,
    ConversationPage,
    Document,
    DocumentPage,
    Llm,
    LlmList,
    Model,
    ModelList,
    RagEntries,
    RagIndex,
    SignedUrl,
    Simulation,
    Subscription,
    Token,
    User,
    Voice,
    VoicePage,
)
from .retries import Retries

Made = TypeVar("Made", bound=BaseModel)
Query = Mapping[str, "str | int | bool | Sequence[str]"]

KB = "/v1/convai/knowledge-base"
AGENTS = "/v1/convai/agents"
CONVERSATIONS = "/v1/convai/conversations"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send: streamed from where it is open, under a plain name and its true type."""

    name: str
    file: BinaryIO
    mime: str

    def part(self) -> tuple[str, BinaryIO, str]:
        return self.name, self.file, self.mime


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a call may take, whatever becomes of it; a read's tries and the waits between them are one call.
    `trying` is for one try of a read, so that an answer which got lost leaves time to ask again. Waiting for a turn
    isn't part of these: that lasts for `queueing` at most, and then nothing is sent."""

    reading: float = 30.0
    trying: float = 12.0
    writing: float = 60.0
    cloning: float = 240.0
    simulating: float = 120.0
    queueing: float = 30.0


@part
class ElevenLabs:
    """A client for one account."""

    link: Link
    retries: Retries = field(default_factory=Retries)
    limits: Limits = Limits()

    # Account

    async def user(self) -> User:
        return await self._get("/v1/user", User)

    async def subscription(self) -> Subscription:
        found = await self._get("/v1/user/subscription", Subscription)
        CREDITS.tell(found.character_count)
        return found

    async def models(self) -> list[Model]:
        return (await self._get("/v1/models", ModelList)).root

    async def llms(self) -> list[Llm]:
        return (await self._get("/v1/convai/llm/list", LlmList)).llms

    # Voices

    async def add_voice(
        self,
        name: str,
        recordings: Sequence[Upload],
        *,
        description: str,
        remove_background_noise: bool = False,
        leaving: Callable[[], None] | None = None,
    ) -> AddedVoice:
        """An instant voice clone. Uses a slot and one of the month's voice changes. `leaving` is called when nothing
        is waited for any more, and may raise."""
        data = {
            "name": name,
            "description": description,
            "remove_background_noise": "true" if remove_background_noise else "false",
        }
        files = [("files", upload.part()) for upload in recordings]
        seconds = self.limits.cloning
        return await self._create("/v1/voices/add", AddedVoice, seconds, leaving=leaving, data=data, files=files)

    async def voices(self, **query: str | int | Sequence[str]) -> VoicePage:
        """A page of `GET /v2/voices`: page_size (1 to 100), next_page_token, search, voice_ids, sort, category, ..."""
        return await self._get("/v2/voices", VoicePage, query)

    async def voice(self, voice_id: str) -> Voice:
        return await self._get(f"/v1/voices/{segment(voice_id)}", Voice)

    async def delete_voice(self, voice_id: str) -> None:
        await self._delete(f"/v1/voices/{segment(voice_id)}")

    # Knowledge base

    async def add_text(self, name: str, text: str) -> AddedDocument:
        return await self._create(f"{KB}/text", AddedDocument, self.limits.writing, json={"text": text, "name": name})

    async def add_file(self, name: str, upload: Upload) -> AddedDocument:
        parts = {"file": upload.part()}
        return await self._create(f"{KB}/file", AddedDocument, self.limits.writing, data={"name": name}, files=parts)

    async def documents(self, **query: str | int | Sequence[str]) -> DocumentPage:
        """A page of documents: page_size (1 to 100), cursor, search (start of the name), types, ..."""
        return await self._get(KB, DocumentPage, query)

    async def document(self, document_id: str) -> Document:
        return await self._get(f"{KB}/{segment(document_id)}", Document)

    async def delete_document(self, document_id: str, *, force: bool = False) -> None:
        await self._delete(f"{KB}/{segment(document_id)}", {"force": force})

    async def rag_indexes(self, documents: Sequence[str], model: str, *, create: bool) -> dict[str, RagIndex]:
        """The indexes of at most 100 documents by a model, those that there are; with `create` it makes what is missing,
        so that it may be said again."""
        items = [{"document_id": plain_id(id), "create_if_missing": create, "model": model} for id in documents]
        trying, whole = self.limits.trying, self.limits.reading
        answer = await self._repeat("POST", f"{KB}/rag-index", trying, whole, json={"items": items})
        return {id: entry.data for id, entry in self._fit(RagEntries, answer).root.items() if entry.data}

    async def delete_rag_index(self, document_id: str, index_id: str) -> None:
        await self._delete(f"{KB}/{segment(document_id)}/rag-index/{segment(index_id)}")

    # Agents

    async def create_agent(self, body: Mapping[str, Any]) -> AddedAgent:
        return await self._create(f"{AGENTS}/create", AddedAgent, self.limits.writing, json=body)

    async def agent(self, agent_id: str) -> Agent:
        return await self._get(f"{AGENTS}/{segment(agent_id)}", Agent)

    async def agents(self, **query: str | int | Sequence[str]) -> AgentPage:
        """A page of agents: page_size (1 to 100), cursor, search, tags, ..."""
        return await self._get(AGENTS, AgentPage, query)

    async def patch_agent(self, agent_id: str, body: Mapping[str, Any]) -> Agent:
        """Change part of an agent: nested objects merge, lists are replaced. Sent once, like a create."""
        return await self._send("PATCH", f"{AGENTS}/{segment(agent_id)}", Agent, self.limits.writing, json=body)

    async def delete_agent(self, agent_id: str) -> None:
        await self._delete(f"{AGENTS}/{segment(agent_id)}")

    # Conversations

    async def signed_url(self, agent_id: str, *, once: bool = False) -> str:
        """A URL that lets whoever holds it talk to the agent within 15 minutes, or just `once`. A credential."""
        query = {"agent_id": plain_id(agent_id), **({"include_conversation_id": "true"} if once else {})}
        answer = await self._get("/v1/convai/conversation/get-signed-url", SignedUrl, query)
        return trusted_session_url(answer.signed_url, self.link.base_url)

    async def token(self, agent_id: str) -> Token:
        """A WebRTC conversation token. A credential."""
        return await self._get("/v1/convai/conversation/token", Token, {"agent_id": plain_id(agent_id)})

    async def conversations(self, **query: str | int) -> ConversationPage:
        """A page of conversations: agent_id, page_size (1 to 100), cursor, ..."""
        return await self._get(CONVERSATIONS, ConversationPage, query)

    async def conversation(self, conversation_id: str) -> Conversation:
        return await self._get(f"{CONVERSATIONS}/{segment(conversation_id)}", Conversation)

    async def delete_conversation(self, conversation_id: str) -> None:
        """With its transcript and its audio."""
        await self._delete(f"{CONVERSATIONS}/{segment(conversation_id)}")

    async def simulate(self, agent_id: str, body: Mapping[str, Any]) -> Simulation:
        """Talk to an agent with a simulated user. It makes nothing, so that it is repeated like a read; a try may last
        as long as the whole."""
        path, seconds = f"{AGENTS}/{segment(agent_id)}/simulate-conversation", self.limits.simulating
        return self._fit(Simulation, await self._repeat("POST", path, seconds, seconds, json=body))

    # How a call is made

    async def _get(self, path: str, answer: type[Made], query: Query | None = None) -> Made:
        return self._fit(answer, await self._read("GET", path, query))

    async def _delete(self, path: str, query: Query | None = None) -> None:
        await self._read("DELETE", path, query)

    async def _read(self, method: str, path: str, query: Query | None) -> Any:
        return await self._repeat(method, path, self.limits.trying, self.limits.reading, params=_flat(query or {}))

    async def _repeat(self, method: str, path: str, trying: float, whole: float, **content: Any) -> Any:
        """Send until it works or the whole time is over, whatever part of it is waiting."""

        sent = itertools.count()

        async def once() -> Any:
            if self.link.pace:
                await _outside(limit, self.link.pace.turn(self.limits.queueing))
            async with _within(trying):
                return await self.link.exchange(method, path, resent=next(sent), **content)

        async with _within(whole) as limit:
            return await self.retries(once)

    async def _create(self, path: str, answer: type[Made], seconds: float, **content: Any) -> Made:
        return await self._send("POST", path, answer, seconds, **content)

    async def _send(
        self,
        method: str,
        path: str,
        answer: type[Made],
        seconds: float,
        leaving: Callable[[], None] | None = None,
        **content: Any,
    ) -> Made:
        """Exactly one request. Raises with `maybe_done` set when the service may have acted on it."""
        if self.link.pace:
            await self.link.pace.turn(self.limits.queueing)
        if leaving:
            leaving()
        async with _within(seconds):
            document = await self.link.exchange(method, path, **content)
        return self._fit(answer, document)

    def _fit(self, answer: type[Made], document: Any) -> Made:
        try:
            return answer.model_validate(document)
        except ValidationError as error:
            places = ", ".join(".".join(map(str, e["loc"])) or "the whole" for e in error.errors()[:3])
            raise UnexpectedAnswer(f"ElevenLabs' answer lacks what it promises ({places})", maybe_done=True) from None


@asynccontextmanager
async def _within(seconds: float) -> AsyncGenerator[asyncio.Timeout]:
    """Raises TimedOut for what takes longer; it may have been done all the same."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield limit
    except TimeoutError:
        raise TimedOut(f"ElevenLabs gave no answer within {seconds:.0f} s", maybe_done=True) from None


async def _outside(limit: asyncio.Timeout, waiting: Awaitable[None]) -> None:
    """Wait while a limit stands still."""
    clock = asyncio.get_running_loop().time
    left = (limit.when() or 0) - clock()
    limit.reschedule(None)
    try:
        await waiting
    finally:
        limit.reschedule(clock() + left)


def plain_id(text: str) -> str:
    """An id as ElevenLabs gives them. Raises BadInput for anything that could change a path or a query."""
    if 0 < len(text) <= 64 and all(c.isascii() and (c.isalnum() or c in "_-") for c in text):
        return text
    raise BadInput("that is not an id: ids hold letters, digits, _ and -, at most 64 of them")


def segment(identifier: str) -> str:
    return quote(plain_id(identifier), safe="")


def _flat(query: Query) -> list[tuple[str, str]]:
    """Lists repeat their name; truth is spelled as JSON does."""
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        if isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, (str, int)):
            pairs.append((name, str(value)))
        else:
            pairs.extend((name, item) for item in value)
    return pairs
