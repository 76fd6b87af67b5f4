"""Memories on their way in: found, opened once, and staged as the documents that they become."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ..companion.memories import documents as reading
from ..companion.memories.documents import Memory
from ..errors import BadInput
from ..files import Files, label, shown
from .blobs import Staging
from .plan import StagedMemory

LARGEST = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Texts:
    files: Files

    def stage(self, staging: Staging, paths: Sequence[str]) -> tuple[list[StagedMemory], list[str]]:
        """The documents of files and folders, each content once, and the names of what lay there and isn't read."""
        found: dict[str, StagedMemory] = {}
        left_out: list[str] = []
        for path in paths:
            inside = self._found(path)
            for file in inside:
                if inside != [path] and PurePath(file).suffix.lower() not in reading.READABLE:
                    left_out.append(shown(file))
                    continue
                for memory in self._read(file):
                    found.setdefault(memory.sha256, self._memory(staging, memory))
        return list(found.values()), left_out

    def text(self, staging: Staging, title: str, text: str) -> list[StagedMemory]:
        """Stage a text that came as an argument."""
        return [self._memory(staging, memory) for memory in reading.texts(reading.title(title), text, "the text")]

    def _found(self, path: str) -> list[str]:
        """A file, or what a folder holds; a folder with a part called `memories` is meant by that part alone."""
        inside = self.files.within(path)
        own = os.path.join(path, "memories", "")
        return [p for p in inside if p.startswith(own)] or inside

    def _read(self, path: str) -> list[Memory]:
        with self.files.open(path) as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise BadInput(f"{label(path)} is larger than 20 MB", next="split it into several files")
        return reading.read(path, data)

    def _memory(self, staging: Staging, memory: Memory) -> StagedMemory:
        sha256 = staging.add(io.BytesIO(memory.data))
        return StagedMemory(sha256=sha256, title=memory.title, type=memory.type, mime=memory.mime)
