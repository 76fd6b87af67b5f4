"""Recordings on their way in: found, opened once, judged together, from the very bytes that are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BufferedReader
from pathlib import PurePath
from tempfile import TemporaryFile
from typing import IO, BinaryIO, cast

from ..companion.recordings.isolation import Broken, run
from ..companion.recordings.measures import Measures
from ..companion.recordings.origin import sources
from ..companion.recordings.preflight import hear
from ..companion.recordings.thresholds import USUAL, Thresholds
from ..companion.recordings.verdict import Judged, Recording, Row, judge_set
from ..errors import BadInput, Conflict, FileRefused, RecordingRefused
from ..files import Files, label, shown
from ..part import part
from .blobs import Blobs, Staging
from .plan import StagedRecording, findings

SUFFIXES = frozenset([".wav", ".mp3", ".m4a", ".mp4", ".flac", ".ogg", ".opus", ".aac", ".aiff", ".aif", ".webm"])
MOST = 25

Telling = Callable[
    [int, int, str, float], None
]  # how many are done, of how many, the next one, how many of its seconds


def nobody(done: int, total: int, name: str, seconds: float) -> None:
    """Tells nobody how far it is."""


@part
class Sounds:
    files: Files
    blobs: Blobs
    thresholds: Thresholds = USUAL

    def inspect(self, paths: Sequence[str], tell: Telling = nobody) -> Judged:
        """Judge recordings without keeping anything. Blocking; what `tell` raises ends it."""
        rows: list[Row] = []
        named = found(self.files, paths)
        for done, path in enumerate(named):
            name = shown(path)
            with self.files.open(path) as file:
                heard = hear(file, tick=lambda seconds: tell(done, len(named), name, seconds))  # noqa: B023 - it is called at once
            rows.append((name, heard.sha256, heard.measures))
        judged = judge_set(rows, self.thresholds)
        told = [one.model_copy(update={"sha256": row[1]}) for one, row in zip(judged.recordings, rows, strict=True)]
        return replace(judged, recordings=told)

    def stage(
        self, staging: Staging, paths: Sequence[str], tell: Telling = nobody
    ) -> list[tuple[StagedRecording, Recording]]:
        """Each content once. Raises RecordingRefused where one of them, or all together, is nothing to clone from."""
        rows: list[Row] = []
        staged: list[StagedRecording] = []
        named = found(self.files, paths)
        for done, path in enumerate(named):
            one, measures = self._one(staging, path, lambda name, seconds: tell(done, len(named), name, seconds))  # noqa: B023 - it is called at once
            staged.append(one)
            rows.append((one.name, one.sha256, measures))
        judged = judge_set(rows, self.thresholds)
        if judged.verdict == "refused":
            raise _refusal(judged)
        once: dict[str, tuple[StagedRecording, Recording]] = {}
        for one, recording in zip(staged, judged.recordings, strict=True):
            judged_so = one.model_copy(update={"findings": findings(recording)})
            once.setdefault(one.sha256, (judged_so, recording))
        return list(once.values())

    def _one(self, staging: Staging, path: str, tell: Callable[[str, float], None]) -> tuple[StagedRecording, Measures]:
        """Of a film, the sound alone: what is sent is what a consent can be given to."""
        name = shown(path)

        def tick(seconds: float) -> None:
            tell(name, seconds)

        with self.files.open(path) as file, TemporaryFile(dir=staging.folder) as sound:
            heard = hear(file, tick=tick)
            alone = heard.measures.alone or heard.measures.trouble != ""
            if not alone:
                _extract(name, file, sound, heard.sha256, tick)
            sha256 = staging.add(cast("BinaryIO", file if alone else sound))
        with self.blobs.open(sha256) as copy:
            measures = hear(copy, tick=tick).measures
        if not (alone or measures.alone):
            raise Conflict(f"'{name}' changed while it was read", next="call again once it is whole")
        derived = sources(self.files, path, sha256) if alone else [heard.sha256]
        seconds = round(measures.seconds, 2)
        staged = StagedRecording(sha256=sha256, name=name, mime=measures.mime, seconds=seconds, derived_from=derived)
        return staged, measures.model_copy(update={"alone": alone})


def _extract(name: str, file: BufferedReader, sound: IO[bytes], sha256: str, tick: Callable[[float], None]) -> None:
    """Its sound as it is, without pictures, covers and tags, to another file. Raises RecordingRefused, Conflict."""
    try:
        answer, _ = run("extract", {}, reading=[file], writing=cast("BinaryIO", sound), tick=tick)
    except Broken:
        answer = {}
    if not answer.get("made"):
        what = f"'{name}' holds more than sound, and its sound can't be taken out as it is"
        raise RecordingRefused(what, next="give what storykeeper prepare makes of it")
    file.seek(0)
    if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
        raise Conflict(f"'{name}' changed while it was read", next="call again once it is whole")
    sound.seek(0)


def found(files: Files, paths: Sequence[str]) -> list[str]:
    """Files as they are named; of a folder, those that are called like recordings. Raises FileRefused, BadInput."""
    named: list[str] = []
    for path in paths:
        inside = files.within(path)
        sounds = [p for p in inside if inside == [path] or PurePath(p).suffix.lower() in SUFFIXES]
        if not sounds:
            raise FileRefused(f"there is no recording in {label(path)}", next="name the recording itself")
        named += sounds
    if len(named) > MOST:
        raise BadInput(
            f"{len(named)} recordings are more than {MOST}", next="give the best ones; a few minutes are enough"
        )
    return named


def _refusal(judged: Judged) -> RecordingRefused:
    refused = [recording for recording in judged.recordings if recording.verdict == "refused"]
    what = "; ".join(f"'{r.name}': {', '.join(f'{f.what} ({f.code})' for f in r.findings)}" for r in refused)
    advice = dict.fromkeys(finding.do for recording in refused for finding in recording.findings)
    rest = [said for said in judged.says if said.startswith("leave out")]
    return RecordingRefused(what, next="; ".join([*rest, *advice]))
