"""From a person's files to staged bytes: all of them, or none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio.to_thread

from ..companion.recordings.preflight import Recording
from ..errors import StorykeeperError
from .blobs import Blobs, Staging
from .plan import Plan, StagedMemory, StagedRecording
from .sounds import Sounds
from .texts import Texts


@dataclass(frozen=True, slots=True)
class Staged:
    """`left_out` names what lay in a folder of memories and isn't one."""

    recordings: list[StagedRecording]
    judged: list[Recording]
    memories: list[StagedMemory]
    left_out: list[str]
    staging: Staging

    @property
    def hashes(self) -> list[str]:
        return [*(r.sha256 for r in self.recordings), *(m.sha256 for m in self.memories)]


@dataclass(frozen=True, slots=True)
class Stager:
    sounds: Sounds
    texts: Texts
    blobs: Blobs

    @asynccontextmanager
    async def staged(self, recordings: Sequence[str], memories: Sequence[str]) -> AsyncGenerator[Staged]:
        """Stage everything, or raise and keep nothing; also when the block that it is for refuses it."""
        staged = await anyio.to_thread.run_sync(self._stage, recordings, memories)
        try:
            yield staged
        except StorykeeperError:
            staged.staging.undo()
            raise

    @asynccontextmanager
    async def amended(self, plan: Plan, kept: Sequence[StagedMemory], more: Sequence[str]) -> AsyncGenerator[Staged]:
        """What a plan has already, with other memories; nothing that isn't new is read again."""
        async with self.staged([], more) as staged:
            known = {memory.sha256 for memory in kept}
            memories = [*kept, *(memory for memory in staged.memories if memory.sha256 not in known)]
            yield replace(staged, recordings=plan.recordings, memories=memories)

    async def hashes(self, recordings: Sequence[str]) -> list[str]:
        """The sha256 of recordings, which are judged and not kept."""
        async with self.staged(recordings, []) as staged:
            staged.staging.undo()
            return staged.hashes

    def _stage(self, recordings: Sequence[str], memories: Sequence[str]) -> Staged:
        with self.blobs.staging() as staging:
            heard = self.sounds.stage(staging, recordings)
            texts, left_out = self.texts.stage(staging, memories)
            return Staged([s for s, _ in heard], [j for _, j in heard], texts, left_out, staging)
