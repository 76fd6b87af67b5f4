"""The three kinds of remote resource: how each is made. The service has no idempotency keys, so each thing carries one
of ours, by which it is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import anyio.to_thread
from pydantic import ConfigDict

from ..companion.consent import About
from ..elevenlabs.client import ElevenLabs, Upload
from ..elevenlabs.models import AddedVoice
from ..model import Model
from . import marked
from .blobs import Blobs
from .ledger import Resource
from .plan import Kind, StagedMemory, StagedRecording


class Made(Model):
    """`blocked` says why a thing that exists can't be used yet."""

    id: str
    name: str
    type: str = ""
    blocked: str = ""


class Wanted(Model):
    """A resource that shall exist once: `marker` and `slot` say which, whatever it is called. `companion` is whose it
    is, where it is anybody's, and `consent` what must be allowed before a voice may leave."""

    model_config = ConfigDict(frozen=True)
    kind: Kind
    marker: str
    slot: str = ""
    name: str
    companion: str = ""
    consent: About | None = None

    @property
    def full_name(self) -> str:
        """What it is called at the service."""
        return self.name

    @property
    def content(self) -> str:
        """The hash that is beside its marker, where there is one."""
        return ""

    def intent(self) -> Resource:
        return Resource(marker=self.marker, kind=self.kind, slot=self.slot, name=self.name)

    async def create(self, elevenlabs: ElevenLabs, blobs: Blobs, leaving: Callable[[], None]) -> Made:
        """`leaving` raises for what may not be sent any more."""
        raise NotImplementedError

    async def find(self, elevenlabs: ElevenLabs) -> Made | None:
        """The newest thing at the service that carries this marker; what it is called now doesn't matter."""
        known = await marked.find(elevenlabs, self.kind, self.marker, self.content)
        if known is None:
            return None
        blocked = UNPROVEN if known.unproven else ""
        return Made(id=known.id, name=known.name or self.name, type=known.type, blocked=blocked)


class WantedVoice(Wanted):
    kind: Kind = "voice"
    recordings: tuple[StagedRecording, ...]
    remove_background_noise: bool = False

    def intent(self) -> Resource:
        """A voice on its own has no plan that would tell what it was cloned from."""
        sounds = [] if self.companion else [recording.sha256 for recording in self.recordings]
        return super().intent().model_copy(update={"recordings": sounds})

    @property
    def content(self) -> str:
        return self.slot

    @property
    def tag(self) -> str:
        """`[keep-…]`, or `[keep-….1a2b3c4d]` for a voice that takes the place of another."""
        return f"[{self.marker}.{self.slot[:8]}]" if self.slot else f"[{self.marker}]"

    async def create(self, elevenlabs: ElevenLabs, blobs: Blobs, leaving: Callable[[], None]) -> Made:
        leaving()
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
                leaving=leaving,
            )
        return Made(id=added.voice_id, name=self.name, blocked=_doubt(added))


class WantedDocument(Wanted):
    kind: Kind = "document"
    memory: StagedMemory

    @property
    def content(self) -> str:
        return self.memory.sha256

    @property
    def full_name(self) -> str:
        """`keep-….1a2b3c4d Childhood in Cork`: the service can only search for the start of a name."""
        return f"{self.marker}.{self.memory.sha256[:8]} {self.name}"

    async def create(self, elevenlabs: ElevenLabs, blobs: Blobs, leaving: Callable[[], None]) -> Made:
        leaving()
        if self.memory.type == "text":
            text = await anyio.to_thread.run_sync(blobs.read, self.memory.sha256)
            added = await elevenlabs.add_text(self.full_name, text.decode())
        else:
            with await anyio.to_thread.run_sync(blobs.open, self.memory.sha256) as file:
                upload = Upload(f"memories{SUFFIXES.get(self.memory.mime, '')}", file, self.memory.mime)
                added = await elevenlabs.add_file(self.full_name, upload)
        return Made(id=added.id, name=self.full_name, type=self.memory.type)


class WantedAgent(Wanted):
    kind: Kind = "agent"
    body: Mapping[str, Any]

    async def create(self, elevenlabs: ElevenLabs, blobs: Blobs, leaving: Callable[[], None]) -> Made:
        leaving()
        added = await elevenlabs.create_agent(self.body)
        return Made(id=added.agent_id, name=self.name)


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
