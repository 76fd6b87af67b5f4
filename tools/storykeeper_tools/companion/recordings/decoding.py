"""Recordings as a stream of blocks, whatever they are packed in; only ever in the process that is made for it.

What is decoded counts: headers lie about lengths, and a small file may hold hours. libsndfile is quick to start and
reads WAV and AIFF. FFmpeg reads the rest, and what libsndfile can't: it goes on behind damaged places, and to the very
end, whatever a header says.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs] - it ships none
from numpy.typing import NDArray

from . import besides
from .sniffing import HEAD, Kind, kind
from .tail import behind

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

Block = NDArray[np.float32]

SECONDS = 10
VALUES = 1_000_000  # of a block, in all its channels: 10 s of 48 kHz in stereo
HIGHEST_RATE = 400_000
MOST_CHANNELS = 256
GAP = 0.1
CLOCKED = frozenset({"flac", "ogg"})  # others may have been paused
WITH_SNDFILE = frozenset({"wav", "aiff"})


class Undecodable(ValueError):
    """There is no sound that could be decoded."""


class NotAudio(Undecodable):
    """It isn't a recording at all."""


@dataclass(slots=True)
class Damage:
    """`places` after which there was sound again; known once all is decoded. With `clocked`, a gap is one too."""

    clocked: bool = False
    places: int = 0
    _broken: bool = False
    _end: float = np.inf

    def broke(self) -> None:
        self._broken = True

    def heard(self, frame: AudioFrame) -> None:
        """A frame that could be decoded."""
        start = frame.time if self.clocked and frame.time is not None else self._end
        self.places += self._broken or start > self._end + GAP
        self._broken = False
        self._end = start + frame.samples / frame.sample_rate


@dataclass(slots=True)
class Stream:
    """`blocks` are (frames, channels), full scale at 1.0, each at most `SECONDS` and `VALUES` large. `alone`: the file
    holds nothing but this sound."""

    format: str
    mime: str
    rate: int
    channels: int
    blocks: Iterator[Block]
    alone: bool = True
    damage: Damage = field(default_factory=Damage)


def known(file: BinaryIO) -> Kind:
    """What is in it. Raises NotAudio."""

    def read(start: int) -> bytes:
        file.seek(start)
        return file.read(HEAD)

    found = kind(read)
    if found is None:
        raise NotAudio("this is not a recording in a known format")
    return found


@contextmanager
def decoding(file: BinaryIO) -> Generator[Stream]:
    """Open a recording to decode it. Raises Undecodable; what can be decoded between damaged places is all there is."""
    found = known(file)
    sound = _sndfile(file, found) if found.format in WITH_SNDFILE else None
    if sound is None:
        with _ffmpeg(file, found) as stream:
            yield stream
        return
    with sound:
        _check(sound.samplerate, sound.channels)
        damage = Damage()
        at = file.tell()
        alone = not besides.tagged(file, found) and not besides.padded(file, sound)
        file.seek(at)
        blocks = _read(sound, damage)
        yield Stream(found.format, found.mime, sound.samplerate, sound.channels, blocks, alone, damage)


@contextmanager
def demuxing(file: BinaryIO, found: Kind) -> Generator[Any]:
    """A container with sound, by FFmpeg. Raises Undecodable."""
    import av  # takes as long to load as a minute of sound takes to judge
    from av.error import FFmpegError

    try:
        with av.open(behind(file, found.start), format=found.format, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise Undecodable("there is no sound in it")
            yield container
    except (FFmpegError, LookupError, OSError) as error:
        raise Undecodable("this recording can't be decoded") from error


def packets(container: Any, source: Any) -> Iterator[Any]:
    """Of one stream, to the end; what can't be taken apart is left out."""
    from av.error import FFmpegError

    going = True
    while going:
        going = False
        try:
            for packet in container.demux(source):
                going = True
                yield packet
            going = False
        except FFmpegError:  # it may go on behind that
            continue


def size(rate: int, channels: int) -> int:
    """How many frames a block holds."""
    return max(1, min(rate * SECONDS, VALUES // channels))


def _check(rate: int, channels: int) -> None:
    if not 0 < rate <= HIGHEST_RATE or not 0 < channels <= MOST_CHANNELS:
        raise Undecodable("its rate or its channels can't be true")


def _sndfile(file: BinaryIO, found: Kind) -> soundfile.SoundFile | None:
    """None for what libsndfile can't read."""
    try:
        return soundfile.SoundFile(behind(file, found.start))
    except (soundfile.LibsndfileError, TypeError, ValueError):
        return None


def _read(sound: soundfile.SoundFile, damage: Damage) -> Iterator[Block]:
    """In pieces of a second, since the whole piece is lost in which a damaged file breaks."""
    frames = size(sound.samplerate, sound.channels)
    return _gathered(_pieces(sound, min(frames, sound.samplerate), damage), frames)


def _pieces(sound: soundfile.SoundFile, frames: int, damage: Damage) -> Iterator[Block]:
    try:
        while len(piece := sound.read(frames, dtype="float32", always_2d=True)):
            yield np.asarray(piece, np.float32)
    except soundfile.LibsndfileError:  # what came before the break counts
        damage.places += 1


@contextmanager
def _ffmpeg(file: BinaryIO, found: Kind) -> Generator[Stream]:
    """By FFmpeg; the first frame says what the sound is."""
    alone, damage = not besides.tagged(file, found), Damage(found.format in CLOCKED)
    with demuxing(file, found) as container:
        frames = _frames(container, damage)
        first = next(frames, None)
        if first is None:
            raise Undecodable("nothing could be decoded")
        rate, channels = first.sample_rate, len(first.layout.channels)
        _check(rate, channels)
        blocks = _gathered(_alike(first, frames), size(rate, channels))
        alone = alone and not besides.streamed(container)
        yield Stream(found.format, found.mime, rate, channels, blocks, alone, damage)


def _frames(container: Any, damage: Damage) -> Iterator[AudioFrame]:
    """Of the first stream of sound. What is broken at the end, with no sound behind it, is no damage."""
    from av.error import FFmpegError

    source = container.streams.audio[0]
    source.thread_count = 1  # threads would each take memory
    for packet in packets(container, source):
        try:
            frames = packet.decode()
        except FFmpegError:
            damage.broke()
            continue
        for frame in frames:
            damage.heard(frame)
            yield frame


def _alike(first: AudioFrame, frames: Iterator[AudioFrame]) -> Iterator[Block]:
    """All frames as the first one is; some streams change their rate on the way."""
    from av import AudioResampler

    target = partial(AudioResampler, "flt", first.layout, first.sample_rate)
    facts, resampler = _facts(first), target()
    for frame in _chain(first, frames):
        if _facts(frame) != facts:
            yield from _floats(resampler.resample(None), len(first.layout.channels))
            facts, resampler = _facts(frame), target()
        frame.pts = None  # gaps and jumps of the clock are not sound
        yield from _floats(resampler.resample(frame), len(first.layout.channels))
    yield from _floats(resampler.resample(None), len(first.layout.channels))


def _chain(first: AudioFrame, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    yield first
    yield from frames


def _facts(frame: AudioFrame) -> tuple[str, int, str]:
    return frame.format.name, frame.sample_rate, frame.layout.name


def _floats(frames: list[AudioFrame], channels: int) -> Iterator[Block]:
    for frame in frames:
        yield frame.to_ndarray().reshape(-1, channels).astype(np.float32, copy=False)


def _gathered(pieces: Iterator[Block], frames: int) -> Iterator[Block]:
    """Small pieces as blocks."""
    held: list[Block] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count >= frames:
            yield np.concatenate(held)
            held, count = [], 0
    if held:
        yield np.concatenate(held)
