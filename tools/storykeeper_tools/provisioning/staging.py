"""From a person's files to staged bytes: read once, through the safe opener, judged from the very bytes that are kept."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import PurePath

import anyio.to_thread

from ..companion import memories as reading
from ..companion.memories import Memory
from ..companion.recording import Recording, inspect
from ..errors import BadInput, FileRefused, RecordingRefused, StorykeeperError
from ..files import Files, label, shown
from .blobs import Blobs, Staging
from .plan import Plan, StagedMemory, StagedRecording

SUFFIXES = frozenset([".wav", ".mp3", ".m4a", ".mp4", ".flac", ".ogg", ".opus", ".aac", ".aiff", ".aif", ".webm"])
LARGEST_MEMORY = 20 * 1024 * 1024


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
    files: Files
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

    def inspect(self, recordings: Sequence[str]) -> list[Recording]:
        """Judge recordings without keeping anything. Blocking."""
        judged: list[Recording] = []
        for path in self._sounds(recordings):
            with self.files.open(path) as file:
                judged.append(inspect(file, shown(path)))
        return judged

    def _stage(self, recordings: Sequence[str], memories: Sequence[str]) -> Staged:
        with self.blobs.staging() as staging:
            judged = self._recordings(staging, recordings)
            texts, left_out = self.memories(staging, memories)
            return Staged([s for s, _ in judged], [j for _, j in judged], texts, left_out, staging)

    def _recordings(self, staging: Staging, paths: Sequence[str]) -> list[tuple[StagedRecording, Recording]]:
        found: dict[str, tuple[StagedRecording, Recording]] = {}
        for path in self._sounds(paths):
            staged, judged = self._recording(staging, path)
            found.setdefault(staged.sha256, (staged, judged))
        return list(found.values())

    def _sounds(self, paths: Sequence[str]) -> list[str]:
        """Files as they are named; of a folder, those that are called like recordings."""
        found: list[str] = []
        for path in paths:
            inside = self.files.within(path)
            sounds = [p for p in inside if inside == [path] or PurePath(p).suffix.lower() in SUFFIXES]
            if not sounds:
                raise FileRefused(f"there is no recording in {label(path)}", next="name the recording itself")
            found += sounds
        return found

    def _texts(self, path: str) -> list[str]:
        """A file, or what a folder holds; a folder with a part called `memories` is meant by that part alone."""
        inside = self.files.within(path)
        own = os.path.join(path, "memories", "")
        return [p for p in inside if p.startswith(own)] or inside

    def _recording(self, staging: Staging, path: str) -> tuple[StagedRecording, Recording]:
        with self.files.open(path) as file:
            sha256 = staging.add(file)
        with self.blobs.open(sha256) as copy:
            judged = inspect(copy, shown(path))
        if judged.verdict == "refused":
            raise RecordingRefused(
                f"{label(path)}: " + "; ".join(f.what for f in judged.findings), next=_advice(judged)
            )
        return StagedRecording(sha256=sha256, name=judged.name, mime=judged.mime, seconds=judged.seconds), judged

    def memories(self, staging: Staging, paths: Sequence[str]) -> tuple[list[StagedMemory], list[str]]:
        found: dict[str, StagedMemory] = {}
        left_out: list[str] = []
        for path in paths:
            inside = self._texts(path)
            for file in inside:
                if inside != [path] and PurePath(file).suffix.lower() not in reading.READABLE:
                    left_out.append(shown(file))
                    continue
                for memory in self._read(file):
                    found.setdefault(memory.sha256, self._memory(staging, memory))
        return list(found.values()), left_out

    def _read(self, path: str) -> list[Memory]:
        with self.files.open(path) as file:
            data = file.read(LARGEST_MEMORY + 1)
        if len(data) > LARGEST_MEMORY:
            raise BadInput(f"{label(path)} is larger than 20 MB", next="split it into several files")
        return reading.read(path, data)

    def text(self, staging: Staging, title: str, text: str) -> list[StagedMemory]:
        """Stage a text that came as an argument."""
        return [self._memory(staging, memory) for memory in reading.texts(reading.title(title), text, "the text")]

    def _memory(self, staging: Staging, memory: Memory) -> StagedMemory:
        sha256 = staging.add(io.BytesIO(memory.data))
        return StagedMemory(sha256=sha256, title=memory.title, type=memory.type, mime=memory.mime)


def _advice(judged: Recording) -> str:
    return "; ".join(f.do for f in judged.findings)
