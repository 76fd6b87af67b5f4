"""Recordings on their way in: found, opened once, judged from the very bytes that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ..companion.recordings.preflight import Recording, inspect
from ..errors import FileRefused, RecordingRefused
from ..files import Files, label, shown
from .blobs import Blobs, Staging
from .plan import StagedRecording

SUFFIXES = frozenset([".wav", ".mp3", ".m4a", ".mp4", ".flac", ".ogg", ".opus", ".aac", ".aiff", ".aif", ".webm"])


@dataclass(frozen=True, slots=True)
class Sounds:
    files: Files
    blobs: Blobs

    def inspect(self, paths: Sequence[str]) -> list[Recording]:
        """Judge recordings without keeping anything. Blocking."""
        judged: list[Recording] = []
        for path in self._found(paths):
            with self.files.open(path) as file:
                judged.append(inspect(file, shown(path)))
        return judged

    def stage(self, staging: Staging, paths: Sequence[str]) -> list[tuple[StagedRecording, Recording]]:
        """Each recording once. Raises RecordingRefused for one that nobody should clone from."""
        found: dict[str, tuple[StagedRecording, Recording]] = {}
        for path in self._found(paths):
            staged, judged = self._one(staging, path)
            found.setdefault(staged.sha256, (staged, judged))
        return list(found.values())

    def _found(self, paths: Sequence[str]) -> list[str]:
        """Files as they are named; of a folder, those that are called like recordings."""
        found: list[str] = []
        for path in paths:
            inside = self.files.within(path)
            sounds = [p for p in inside if inside == [path] or PurePath(p).suffix.lower() in SUFFIXES]
            if not sounds:
                raise FileRefused(f"there is no recording in {label(path)}", next="name the recording itself")
            found += sounds
        return found

    def _one(self, staging: Staging, path: str) -> tuple[StagedRecording, Recording]:
        with self.files.open(path) as file:
            sha256 = staging.add(file)
        with self.blobs.open(sha256) as copy:
            judged = inspect(copy, shown(path))
        if judged.verdict == "refused":
            raise RecordingRefused(
                f"{label(path)}: " + "; ".join(f.what for f in judged.findings), next=_advice(judged)
            )
        return StagedRecording(sha256=sha256, name=judged.name, mime=judged.mime, seconds=judged.seconds), judged


def _advice(judged: Recording) -> str:
    return "; ".join(f.do for f in judged.findings)
