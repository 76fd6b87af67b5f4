"""The best one to three minutes of what there is, by a rule that anybody can follow.

1. What is said between two pauses of 0.2 s or more is a phrase; one over 20 s is parted at shorter pauses too.
2. A phrase is as good as it stands out from the background around it, in dB, counted up to 40; less what it is louder
   or softer than its recording mostly is, beyond 3 dB; less 25 where it is clipped, and 25 where music lies under most
   of it. From 20 it is good. Under 10 dB above the background, or clipped for a quarter of it, it is never used.
3. Phrases that follow each other with pauses of up to 1 s, all of them good or all not, are a passage. What would be
   shorter than 3 s is kept together over pauses of up to 3 s, and left out where that doesn't help.
4. Passages are taken best first, in steps of 6 dB; those that are as good as each other by the rank of their recording,
   and then as they come. Good ones until there are two minutes, others only until there is one. The last is ended at a
   pause. There are never more than three minutes.
5. They stand in the order of the recordings' rank, and of time within each. Each begins and ends in a pause, of which
   0.2 s are kept: two of them make a pause of natural length. Recordings that are louder are turned down to the
   softest that is used, though not below -30 dB; nothing is turned up.
6. Recordings of another sample rate than the best one's are only used where those of its own rate don't give a minute.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean, median

from .timeline import STEP, Timeline

PER_SECOND = round(1 / STEP)
SHORTEST, TARGET, LONGEST = 60 * PER_SECOND, 120 * PER_SECOND, 180 * PER_SECOND
PART = 3 * PER_SECOND
PAUSE, PAUSE_KEPT, PAUSE_BRIDGED = PER_SECOND // 5, PER_SECOND, 3 * PER_SECOND
PHRASE = 20 * PER_SECOND
EDGE = PER_SECOND // 5
LEAST, GOOD, BEST = 10.0, 20.0, 40.0
EVEN, CLASS, SOFTEST, SPOILED = 3.0, 6.0, -30.0, 25.0
_SPOKEN = re.compile(rb"\x01+")
_PHRASE = re.compile(rb"\x01+(?:\x00{1,%d}\x01+)*" % (PAUSE - 1))


@dataclass(frozen=True, slots=True)
class Tape:
    """A recording that may be cut from."""

    timeline: Timeline
    rate: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Windows `first` to `end` (which isn't part of it) of one tape; `quality` in dB, as the rule has it."""

    tape: int
    first: int
    end: int
    quality: float

    @property
    def start(self) -> float:
        """Seconds."""
        return round(self.first * STEP, 3)

    @property
    def stop(self) -> float:
        """Seconds."""
        return round(self.end * STEP, 3)


@dataclass(frozen=True, slots=True)
class Cut:
    """`gains` has, in dB, how far each tape is turned down."""

    rate: int
    segments: tuple[Segment, ...]
    gains: tuple[float, ...]

    @property
    def seconds(self) -> float:
        return round(_windows(self.segments) * STEP, 3)

    @property
    def tapes(self) -> list[int]:
        """Those that it is cut from, best first."""
        return sorted({segment.tape for segment in self.segments})


@dataclass(frozen=True, slots=True)
class Phrase:
    """Windows, as of a segment, from the first to the last that is spoken in."""

    first: int
    end: int
    quality: float

    @property
    def good(self) -> bool:
        return self.quality >= GOOD


def propose(tapes: Sequence[Tape]) -> Cut:
    """The cut of recordings that are given best first; without segments where nothing is usable."""
    if not tapes:
        return Cut(0, (), ())
    rate = tapes[0].rate
    alike = [n for n, tape in enumerate(tapes) if tape.rate == rate]
    segments = _chosen(tapes, alike)
    if _windows(segments) < SHORTEST and len(alike) < len(tapes):
        segments = _chosen(tapes, range(len(tapes)))
    return Cut(rate, tuple(segments), _gains(tapes, segments))


def _chosen(tapes: Sequence[Tape], numbers: Iterable[int]) -> list[Segment]:
    passages = [(n, passage) for n in numbers for passage in _passages(tapes[n].timeline)]
    passages.sort(key=lambda one: (-(_quality(one[1]) // CLASS), one[0], one[1][0].first))
    taken: list[Segment] = []
    for n, passage in passages:
        there = _windows(taken)
        room = (TARGET if passage[0].good else SHORTEST) - there
        if room > 0 and (segment := _ended(n, tapes[n].timeline, passage, room, LONGEST - there)):
            taken.append(segment)
    return sorted(taken, key=lambda segment: (segment.tape, segment.first))


def _ended(n: int, timeline: Timeline, passage: Sequence[Phrase], room: int, most: int) -> Segment | None:
    """A passage, ended at the first pause after `room` windows; None where it would be too short or too long."""
    best: Segment | None = None
    first = _before(timeline, passage[0].first)
    for count, phrase in enumerate(passage, 1):
        end = _after(timeline, phrase.end)
        if end - first > most:
            break
        best = Segment(n, first, end, round(_quality(passage[:count]), 1))
        if end - first >= max(room, PART):
            break
    return best if best and best.end - best.first >= PART else None


def _before(timeline: Timeline, first: int) -> int:
    """Where a segment begins: in the pause before its speech, not beyond the middle of it."""
    near = timeline.speech[max(0, first - 2 * EDGE) : first]
    silent = len(near) - 1 - near.rfind(1)
    return first - (min(silent, EDGE) if silent == first else silent // 2)


def _after(timeline: Timeline, end: int) -> int:
    near = timeline.speech[end : end + 2 * EDGE]
    silent = near.find(1) if 1 in near else len(near)
    return end + (min(silent, EDGE) if end + silent == len(timeline) else (silent + 1) // 2)


def _passages(timeline: Timeline) -> Iterator[list[Phrase]]:
    """Runs of phrases that may be used as they follow each other."""
    run: list[Phrase] = []
    for phrase in _phrases(timeline):
        if run and not _follows(phrase, run):
            yield run
            run = []
        if phrase.quality > -inf:
            run.append(phrase)
    if run:
        yield run


def _follows(phrase: Phrase, run: Sequence[Phrase]) -> bool:
    pause = phrase.first - run[-1].end
    bridged = PAUSE_BRIDGED if run[-1].end - run[0].first < PART else PAUSE_KEPT
    return phrase.quality > -inf and phrase.good == run[-1].good and pause <= bridged


def _phrases(timeline: Timeline) -> Iterator[Phrase]:
    usual = _level(timeline)
    for whole in _PHRASE.finditer(timeline.speech):
        short = whole.end() - whole.start() <= PHRASE
        for part in [whole] if short else _SPOKEN.finditer(timeline.speech, *whole.span()):
            yield Phrase(*part.span(), _measured(timeline, *part.span(), usual))


def _measured(timeline: Timeline, first: int, end: int, usual: float) -> float:
    """How good a phrase is, as the rule has it; -inf for one that isn't usable."""
    spoken = [n for n in range(first, end) if timeline.speech[n]]
    level = fmean(timeline.level[n] for n in spoken)
    above = level - _background(timeline, first, end)
    clipped, music = (sum(flags[first:end]) / (end - first) for flags in (timeline.clipped, timeline.music))
    if above < LEAST or clipped > 0.25:
        return -inf
    uneven = max(0.0, abs(level - usual) - EVEN)
    return min(above, BEST) - uneven - SPOILED * ((clipped > 0) + (music > 0.5))


def _background(timeline: Timeline, first: int, end: int) -> float:
    """That of the seconds around a phrase, as far as the pauses just before and after it bear it out: noise may begin
    or end there. Of two that differ the louder one counts."""
    around = fmean(timeline.noise[first:end])
    before = max(timeline.speech.rfind(1, 0, first) + 1, first - PER_SECOND)
    after = timeline.speech.find(1, end, end + PER_SECOND)
    beside = timeline.level[before:first], timeline.level[end : after if after >= 0 else end + PER_SECOND]
    pauses = [pause for pause in beside if len(pause) > PAUSE]
    if not pauses:
        return around
    return min(max(around, *map(min, pauses), -inf), max(map(median, pauses)))


def _quality(phrases: Sequence[Phrase]) -> float:
    return fmean(phrase.quality for phrase in phrases)


def _level(timeline: Timeline, first: int = 0, end: int | None = None) -> float:
    """How loud the speech mostly is, in dB."""
    spoken = zip(timeline.level[first:end], timeline.speech[first:end], strict=True)
    return median([level for level, speaks in spoken if speaks] or [-inf])


def _gains(tapes: Sequence[Tape], segments: Sequence[Segment]) -> tuple[float, ...]:
    levels = {n: _usual(tapes[n].timeline, [s for s in segments if s.tape == n]) for n in {s.tape for s in segments}}
    target = max(min(levels.values(), default=0.0), SOFTEST)
    return tuple(round(min(0.0, target - levels.get(n, -inf)), 2) for n in range(len(tapes)))


def _usual(timeline: Timeline, segments: Sequence[Segment]) -> float:
    return median(_level(timeline, segment.first, segment.end) for segment in segments)


def _windows(segments: Iterable[Segment]) -> int:
    return sum(segment.end - segment.first for segment in segments)
