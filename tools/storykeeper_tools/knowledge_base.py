"""Knowledge documents: a person's memories as ElevenLabs keeps them. The same content is the same document."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from pydantic import Field

from .caller import NOBODY, Caller
from .elevenlabs.client import ElevenLabs
from .elevenlabs.models import Document
from .errors import BadInput
from .model import Model
from .part import part
from .provisioning.ensure import Direct, Ensure, title
from .provisioning.kinds import WantedDocument
from .provisioning.marked import is_ours
from .provisioning.plan import StagedMemory, marker
from .provisioning.staging import Stager
from .provisioning.workspace import Workspace


class DocumentRow(Model):
    """`name` is as ElevenLabs has it: with a marker before the title of one that is ours."""

    id: str
    name: str
    type: str

    def __str__(self) -> str:
        ours = is_ours(self.name)
        return f"{self.id} '{title(self.name) if ours else self.name}' ({self.type}){' (ours)' if ours else ''}"


class DocumentList(Model):
    documents: list[DocumentRow]
    next_page: str | None

    def __str__(self) -> str:
        more = [f"more: page={self.next_page}"] if self.next_page else []
        return "\n".join([*map(str, self.documents), *more]) or "No documents."


class Upload(Model):
    documents: list[DocumentRow]
    warnings: list[str]

    def __str__(self) -> str:
        return "Documents: " + "; ".join(map(str, self.documents))


@part
class KnowledgeBase:
    elevenlabs: ElevenLabs
    ensure: Ensure
    stager: Stager
    workspace: Workspace

    async def list_knowledge_base(self, ids: list[str] | None = None, page: str | None = None) -> DocumentList:
        """The account's documents, newest first, or those with the given ids; `page` goes on."""
        if ids:
            return DocumentList(documents=[row(await self.elevenlabs.document(i)) for i in ids], next_page=None)
        query: dict[str, str | int] = {"page_size": 50, "sort_by": "created_at", "sort_direction": "desc"}
        answer = await self.elevenlabs.documents(**query, **({"cursor": page} if page else {}))
        rows = [row(document) for document in answer.documents]
        return DocumentList(documents=rows, next_page=answer.next_cursor if answer.has_more else None)

    async def upload_knowledge_base(
        self,
        text: str = "",
        title: Annotated[str, Field(max_length=80)] = "Memories",
        files: Annotated[list[str], Field(max_length=200)] = [],
        *,
        caller: Caller = NOBODY,
    ) -> Upload:
        """Upload a text, or files (.md .txt .html .json .pdf .docx .epub), as documents. Long texts are split, never cut."""
        if not text and not files:
            raise BadInput("there is neither a text nor a file to upload")
        memories, left_out = await anyio.to_thread.run_sync(self._stage, text, title, files)
        await self.workspace.check()
        await caller.report(0, len(memories), "uploading")
        key = marker(self.workspace.name, "knowledge")
        wanted = [WantedDocument(marker=key, slot=m.sha256, name=m.title, memory=m) for m in memories]
        made = await self.ensure(Direct(), wanted)
        await caller.report(len(made), len(memories), "uploaded")
        rows = [DocumentRow(id=m.id, name=m.name, type=m.type) for m in made]
        return Upload(documents=rows, warnings=[*(f"left out: {n}" for n in left_out), *self.workspace.notes])

    def _stage(self, text: str, title: str, files: list[str]) -> tuple[list[StagedMemory], list[str]]:
        with self.stager.blobs.staging() as staging:
            texts = self.stager.texts()
            memories = texts.text(staging, title, text) if text else []
            read = texts.stage(staging, files)
            others = [m for m in read.memories if m.sha256 not in {k.sha256 for k in memories}]
            return [*memories, *others], read.left_out


def row(document: Document) -> DocumentRow:
    return DocumentRow(id=document.id, name=document.name, type=document.type)
