"""Voices: judged before they are sent, cloned once, never without consent."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from pydantic import Field

from .caller import NOBODY, Caller
from .companion.consent import About
from .companion.recordings.verdict import Recording
from .companion.spec import Name
from .elevenlabs.client import ElevenLabs
from .model import Model
from .part import part
from .provisioning import goahead
from .provisioning.consents import Consents
from .provisioning.ensure import Direct, Ensure
from .provisioning.kinds import WantedVoice
from .provisioning.staging import Stager, telling
from .provisioning.voiced import voice_marker
from .provisioning.workspace import Workspace

Recordings = Annotated[list[str], Field(min_length=1, max_length=25, description="Audio files")]


class Inspection(Model):
    """`best` names the usable ones, best first."""

    usable: bool
    recordings: list[Recording]
    best: list[str]
    says: list[str]

    def __str__(self) -> str:
        ranked = [f"Best first: {', '.join(self.best)}"] if len(self.best) > 1 else []
        return "\n".join([*map(str, self.recordings), *ranked, *self.says])


class Clone(Model):
    voice_id: str
    name: str
    blocked: Annotated[str, Field(description="Why it can't be used yet")]
    warnings: list[str]

    def __str__(self) -> str:
        doubt = f" It can't be used yet: {self.blocked}." if self.blocked else ""
        return f"Voice {self.voice_id} ('{self.name}') exists.{doubt}"


class VoiceRow(Model):
    voice_id: str
    name: str
    category: str
    ours: bool


class VoiceList(Model):
    voices: list[VoiceRow]
    next_page: str | None

    def __str__(self) -> str:
        rows = [f"{v.voice_id} '{v.name}' {v.category}{' (ours)' if v.ours else ''}" for v in self.voices]
        return "\n".join(rows + ([f"more: page={self.next_page}"] if self.next_page else [])) or "No voices."


@part
class Voices:
    elevenlabs: ElevenLabs
    ensure: Ensure
    consents: Consents
    stager: Stager
    workspace: Workspace

    async def inspect_recording(self, recordings: Recordings, *, caller: Caller = NOBODY) -> Inspection:
        """Judge recordings by what they decode to: good, usable or refused, and what to do about each. Sends nothing."""
        judged = await anyio.to_thread.run_sync(self.stager.sounds.inspect, recordings, telling(caller))
        best = [judged.recordings[number].name for number in judged.ranking]
        usable = judged.verdict != "refused"
        return Inspection(usable=usable, recordings=judged.recordings, best=best, says=judged.says)

    async def list_voices(self, voice_ids: list[str] | None = None, page: str | None = None) -> VoiceList:
        """The account's own voices, newest first, or those with the given ids; `page` goes on."""
        query: dict[str, str | int | list[str]] = {"page_size": 50, "sort": "created_at_unix", "sort_direction": "desc"}
        query |= {"voice_ids": voice_ids} if voice_ids else {"voice_type": "personal"}
        answer = await self.elevenlabs.voices(**query, **({"next_page_token": page} if page else {}))
        rows = [(v, "[keep-" in (v.description or "")) for v in answer.voices]
        found = [VoiceRow(voice_id=v.voice_id, name=v.name or "", category=v.category or "", ours=o) for v, o in rows]
        return VoiceList(voices=found, next_page=answer.next_page_token if answer.has_more else None)

    async def clone_voice(
        self, name: Name, recordings: Recordings, remove_background_noise: bool = False, *, caller: Caller = NOBODY
    ) -> Clone:
        """Clone a voice from recordings that a consent covers (record_consent). The same recordings are one voice."""
        await caller.report(0, 2, "reading the recordings")
        async with self.stager.staged(recordings, []) as staged:
            about = About(None, name, None, tuple(staged.hashes))
            self.consents.require(about)
            key = voice_marker(self.workspace.name, name, staged.hashes)
            await self.workspace.check_room_for(key)
            known = self.workspace.ledger.resource(key, "voice", "")
            if known is None or known.state != "made":
                files = [recording.name for recording in staged.recordings]
                question = goahead.cloning(name, files, self.workspace.notes)
                await goahead.spend(question, caller, self.consents.policy)
        wanted = WantedVoice(
            marker=key,
            name=name,
            consent=about,
            recordings=tuple(staged.recordings),
            remove_background_noise=remove_background_noise,
        )
        await caller.report(1, 2, "cloning the voice")
        [made] = await self.ensure(Direct(), [wanted])
        return Clone(voice_id=made.id, name=made.name, blocked=made.blocked, warnings=self.workspace.notes)
