"""The three kinds of remote resource: how each is made, and how it is found again by its marker.

The service has no idempotency keys, so each thing carries one: a voice in its description, a document at the start of
its name, an agent among its tags. Search results are only candidates; what counts is the exact marker.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import anyio.to_thread
from pydantic import BaseModel, ConfigDict

from ..elevenlabs.client import ElevenLabs, Upload
from ..elevenlabs.models import AddedVoice
from .blobs import Blobs
from .ledger import Resource
from .plan import Kind, StagedMemory, StagedRecording

MOST_PAGES = 20


class Made(BaseModel):
    """`blocked` says why a thing that exists can't be used yet."""

    id: str
    name: str
    type: str = ""
    blocked: str = ""


class Wanted(BaseModel):
    """A resource that shall exist once: `marker` and `slot` say which, whatever it is called."""

    model_config = ConfigDict(frozen=True)
    kind: Kind
    marker: str
    slot: str = ""
    name: str

    @property
    def full_name(self) -> str:
        """What it is called at the service."""
        return self.name

    def intent(self) -> Resource:
        return Resource(marker=self.marker, kind=self.kind, slot=self.slot, name=self.name)

    async def create(self, elevenlabs: ElevenLabs, blobs: Blobs) -> Made:
        raise NotImplementedError

    async def find(self, elevenlabs: ElevenLabs) -> Made | None:
        raise NotImplementedError


class WantedVoice(Wanted):
    kind: Kind = "voice"
    recordings: tuple[StagedRecording, ...]
    remove_background_noise: bool = False

    @property
    def tag(self) -> str:
        return f"[{self.marker}]"

    async def create(self, elevenlabs: ElevenLabs, blobs: Blobs) -> Made:
        with ExitStack() as stack:
            files = [stack.enter_context(await anyio.to_thread.run_sync(blobs.open, r.sha256)) for r in self.recordings]
            uploads = [
                Upload(f"recording-{n}{SUFFIXES.get(r.mime, '')}", file, r.mime)
                for n, (r, file) in enumerate(zip(self.recordings, files, strict=True), 1)
            ]
            added = await elevenlabs.add_voice(
                self.name,
                uploads,
                description=f"Storykeeper memory companion {self.tag}",
                remove_background_noise=self.remove_background_noise,
            )
        return Made(id=added.voice_id, name=self.name, blocked=_doubt(added))

    async def find(self, elevenlabs: ElevenLabs) -> Made | None:
        token: str | None = None
        for _ in range(MOST_PAGES):
            more = {"next_page_token": token} if token else {}
            page = await elevenlabs.voices(page_size=100, sort="created_at_unix", sort_direction="desc", **more)
            for voice in page.voices:
                if self.tag in (voice.description or ""):
                    blocked = UNPROVEN if voice.unproven else ""
                    return Made(id=voice.voice_id, name=voice.name or self.name, blocked=blocked)
            token = page.next_page_token
            if not page.has_more or not token:
                break
        return None


class WantedDocument(Wanted):
    kind: Kind = "document"
    memory: StagedMemory

    @property
    def full_name(self) -> str:
        """`keep-….1a2b3c4d Childhood in Cork`: the service can only search for the start of a name."""
        return f"{self.marker}.{self.memory.sha256[:8]} {self.name}"

    async def create(self, elevenlabs: ElevenLabs, blobs: Blobs) -> Made:
        if self.memory.type == "text":
            text = blobs.read(self.memory.sha256).decode()
            added = await elevenlabs.add_text(self.full_name, text)
        else:
            with blobs.open(self.memory.sha256) as file:
                upload = Upload(f"memories{SUFFIXES.get(self.memory.mime, '')}", file, self.memory.mime)
                added = await elevenlabs.add_file(self.full_name, upload)
        return Made(id=added.id, name=self.full_name, type=self.memory.type)

    async def find(self, elevenlabs: ElevenLabs) -> Made | None:
        start = self.full_name.split(" ", 1)[0]
        page = await elevenlabs.documents(page_size=100, search=start)
        for document in page.documents:
            if document.name.startswith(f"{start} "):
                return Made(id=document.id, name=document.name, type=document.type)
        return None


class WantedAgent(Wanted):
    kind: Kind = "agent"
    body: Mapping[str, Any]

    async def create(self, elevenlabs: ElevenLabs, blobs: Blobs) -> Made:
        added = await elevenlabs.create_agent(self.body)
        return Made(id=added.agent_id, name=self.name)

    async def find(self, elevenlabs: ElevenLabs) -> Made | None:
        page = await elevenlabs.agents(page_size=100, tags=[self.marker])
        for agent in page.agents:
            if self.marker in agent.tags:
                return Made(id=agent.agent_id, name=agent.name)
        return None


UNPROVEN = "the voice must be verified before it may be used"
SUFFIXES: Mapping[str, str] = {
    "audio/wav": ".wav",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "audio/webm": ".webm",
    "audio/aiff": ".aiff",
    "audio/aac": ".aac",
    "application/pdf": ".pdf",
    "application/epub+zip": ".epub",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}


def _doubt(added: AddedVoice) -> str:
    if added.requires_verification:
        return UNPROVEN
    if added.library_voice_match:
        return "the recording matches a voice of the public library, whose owner would have to agree"
    return ""
