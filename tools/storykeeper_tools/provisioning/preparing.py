"""A cut of a person's recordings: heard, chosen, written and judged again, all from the descriptors they were opened by."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from io import BufferedRandom, BufferedReader
from pathlib import Path

from ..companion.recordings import isolation
from ..companion.recordings.cutting import Cut, Segment, Tape, propose
from ..companion.recordings.origin import ENDING, Origin, Part
from ..companion.recordings.preflight import Heard, hear
from ..companion.recordings.thresholds import Thresholds
from ..companion.recordings.timeline import Timeline
from ..companion.recordings.verdict import Judged, Recording, judge, judge_set
from ..errors import BadInput, Conflict, RecordingRefused
from ..files import Files, new_file, shown
from ..model import Model
from ..part import part
from .sounds import found

NOTHING = Timeline(array("f"), array("f"), b"", b"", b"")
FORMATS = {".flac": "FLAC", ".wav": "WAV"}
Telling = Callable[[str, float], None]  # which recording, and how many of its seconds are done


class Piece(Model):
    """A part of a recording that is in the cut, in seconds; `above` is how far it stands out from its background, in
    dB, as the rule of the cut counts it."""

    recording: str
    start: float
    end: float
    above: float

    def __str__(self) -> str:
        return f"{self.recording} {clock(self.start)} to {clock(self.end)}, {self.above:.0f} dB"


class Prepared(Model):
    """`ranking` has the recordings best first, those that are refused as they are at its end; `cut` is what was
    written, judged as any other recording."""

    file: str
    cut: Recording
    pieces: list[Piece]
    ranking: list[Recording]
    says: list[str]
    sha256: str

    def __str__(self) -> str:
        ranked = [f"{n}. {recording}" for n, recording in enumerate(self.ranking, 1)]
        taken = [f"  {piece}" for piece in self.pieces]
        return "\n".join(["Best first:", *ranked, *self.says, "Taken, in this order:", *taken, f"Written: {self.cut}"])


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    file: BufferedReader
    heard: Heard


@dataclass(frozen=True, slots=True)
class _Choice:
    """`usable` are the sources by the numbers that the cut has for them, `ranking` all of them, best first."""

    usable: list[_Source]
    cut: Cut
    ranking: list[Recording]
    says: list[str]


@part
class Preparing:
    files: Files
    thresholds: Thresholds

    def __call__(self, paths: Sequence[str], out: Path, *, force: bool, tell: Telling) -> Prepared:
        """Write the best of some recordings to `out`, with a file beside it that says where it is from. Blocking.

        Raises RecordingRefused where there is too little that is usable, and then writes nothing.
        """
        with ExitStack() as stack:
            file = stack.enter_context(new_file(out, force=force))
            beside = stack.enter_context(new_file(out.with_name(out.name + ENDING), force=force))
            sources = [self._source(stack, path, out, tell) for path in found(self.files, paths)]
            choice = self._choose(sources)
            _write(choice.cut, choice.usable, file, FORMATS[out.suffix.lower()], tell)
            heard = hear(file)
            written = judge(shown(str(out)), heard.measures, self.thresholds)
            if written.verdict == "refused":
                raise _too_little(choice.cut, [written])
            beside.write(_origin(choice.cut, choice.usable, heard.sha256).model_dump_json(indent=1).encode())
        return Prepared(
            file=os.fsencode(out).decode("utf-8", "replace"),
            cut=written,
            pieces=[_piece(segment, choice.usable) for segment in choice.cut.segments],
            ranking=choice.ranking,
            says=choice.says,
            sha256=heard.sha256,
        )

    def _source(self, stack: ExitStack, path: str, out: Path, tell: Telling) -> _Source:
        file, name = stack.enter_context(self.files.open(path)), shown(path)
        if os.path.exists(out) and os.path.samestat(os.stat(out), os.fstat(file.fileno())):
            raise BadInput("the cut would take the place of a recording", next="give another --out")
        return _Source(name, file, hear(file, timeline=True, tick=lambda seconds: tell(name, seconds)))

    def _choose(self, sources: Sequence[_Source]) -> _Choice:
        judged = judge_set([(s.name, s.heard.sha256, s.heard.measures) for s in sources], self.thresholds)
        order = _order(sources, judged)
        usable = [sources[n] for n in order if sources[n].heard.measures.sample_rate >= self.thresholds.rate_refuse]
        cut = propose([Tape(s.heard.timeline or NOTHING, s.heard.measures.sample_rate) for s in usable])
        if cut.seconds < self.thresholds.speech_refuse:
            raise _too_little(cut, judged.recordings)
        ranking = [judged.recordings[n] for n in order]
        return _Choice(usable, cut, ranking, _says(judged, ranking))


def _order(sources: Sequence[_Source], judged: Judged) -> list[int]:
    """Each content once, best first, and those that are refused as a whole last."""
    known = {sources[n].heard.sha256 for n in judged.ranking}
    rest: dict[str, int] = {}
    for n, source in enumerate(sources):
        if source.heard.sha256 not in known:
            rest.setdefault(source.heard.sha256, n)
    return [*judged.ranking, *sorted(rest.values(), key=lambda n: -sources[n].heard.measures.snr)]


def _says(judged: Judged, ranking: Sequence[Recording]) -> list[str]:
    """What is to be known of all of them; one that is refused as a whole needn't be left out here."""
    says = [said for said in judged.says if not said.startswith("leave out")]
    good = ranking[0].name if ranking[0].verdict == "good" else ""
    return says + ([f"{good} is good as it is: it can be used without a cut"] if good else [])


def target(paths: Sequence[str], out: str) -> Path:
    """Where a cut goes: into the working folder, named for the first recording. Raises BadInput for another format."""
    if not out:
        return Path(f"{Path(shown(paths[0])).stem.lstrip('.') or 'recording'}-prepared.flac")
    if Path(out).suffix.lower() not in FORMATS:
        raise BadInput("a cut is written as .flac or .wav", next="give --out a name with one of these endings")
    return Path(out)


def clock(seconds: float) -> str:
    """As a player shows it: `1:05.3`."""
    minutes, rest = divmod(round(seconds * 10), 600)
    return f"{minutes}:{rest // 10:02d}.{rest % 10}"


def _write(cut: Cut, sources: Sequence[_Source], file: BufferedRandom, format: str, tell: Telling) -> None:
    segments = [(segment.tape, segment.first, segment.end) for segment in cut.segments]
    arguments = {"segments": segments, "gains": cut.gains, "rate": cut.rate, "format": format}
    try:
        isolation.run(
            "cut",
            arguments,
            reading=[source.file for source in sources],
            writing=file,
            tick=lambda seconds: tell("the cut", seconds),
        )
    except isolation.Broken:
        raise RecordingRefused(
            "the recordings could not be cut", next="leave out the one that was made oddly"
        ) from None
    for source in sources:
        source.file.seek(0)
        if hashlib.file_digest(source.file, "sha256").hexdigest() != source.heard.sha256:
            raise Conflict(f"'{source.name}' changed while it was read", next="call again once it is whole")


def _piece(segment: Segment, sources: Sequence[_Source]) -> Piece:
    name = sources[segment.tape].name
    return Piece(recording=name, start=segment.start, end=segment.stop, above=segment.quality)


def _origin(cut: Cut, sources: Sequence[_Source], sha256: str) -> Origin:
    hashes = [source.heard.sha256 for source in sources]
    return Origin(
        cut=sha256,
        sources=tuple(hashes[tape] for tape in cut.tapes),
        parts=tuple(Part(source=hashes[s.tape], start=s.start, end=s.stop) for s in cut.segments),
        storykeeper=version("storykeeper"),
    )


def _too_little(cut: Cut, recordings: Sequence[Recording]) -> RecordingRefused:
    wrong = "; ".join(f"{r.name}: {f.what}" for r in recordings for f in r.findings)
    return RecordingRefused(
        f"only {cut.seconds:.0f} s of clear speech can be cut from this" + (f" ({wrong})" if wrong else ""),
        exists="nothing was written",
        next="find another recording or a cleaner copy: one to three minutes of one person speaking; if the person can, "
        "make a new one in a quiet room",
    )
