"""One pass over a recording: everything that it is judged by, and its timeline."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .activity import SILENT, Activity, activity, tonality
from .clipping import Clipping
from .decoding import Block, NotAudio, Stream, Undecodable, decoding
from .frames import HOP, Features, Frames
from .loudness import Loudness
from .speakers import speakers
from .spectrum import bandwidth
from .timeline import SILENCE, STEP, Timeline
from .windows import Floats, Windows

LOWEST_RATE = 4000  # nothing can be told of less
LONGEST = 4 * 3600.0
SILENT_START = 300.0
NOTHING = 0.001  # a peak of -60 dBFS
ABSURD = 1e6
KNOCK = 0.003  # of the time: what is heard for less is a click or two
OPPOSED = -0.5
STEADY = 3.2
MUSIC_SHARE = 0.25

Report = Callable[[float], None]
Found = dict[str, Any]


def job(
    arguments: dict[str, Any], reading: list[BinaryIO], writing: BinaryIO | None, report: Report
) -> tuple[Found, bytes]:
    """What `Measures` holds, and the timeline when `timeline` asks for it."""
    found, timeline = measure(reading[0], report)
    return found, timeline.pack() if timeline and arguments.get("timeline") else b""


def measure(file: BinaryIO, report: Report) -> tuple[Found, Timeline | None]:
    """Decode a recording and measure it. What is wrong with the file itself is its `trouble`."""
    try:
        with decoding(file) as stream:
            return _measured(stream, report)
    except NotAudio:
        return {"trouble": "not_audio"}, None
    except Undecodable as error:
        return {"trouble": "undecodable", "why": str(error)}, None


def _measured(stream: Stream, report: Report) -> tuple[Found, Timeline | None]:
    facts: Found = {"format": stream.format, "mime": stream.mime, "alone": stream.alone}
    facts |= {"sample_rate": stream.rate, "channels": stream.channels}
    ear = Ear(stream.rate, stream.channels)
    for block in stream.blocks:
        if not np.abs(block).max() < ABSURD:  # nor is NaN
            return facts | {"trouble": "not_finite", "seconds": ear.seconds}, None
        ear.add(block)
        report(ear.seconds)
        if ear.seconds >= LONGEST or (ear.silent and ear.seconds >= SILENT_START):
            return facts | ear.found() | {"complete": False, "damaged": stream.damage.places}, ear.timeline()
    if not ear.seconds:
        return facts | {"trouble": "audio_empty"}, None
    return facts | ear.found() | {"damaged": stream.damage.places}, ear.timeline()


class Ear:
    """Hears blocks one after the other; what it keeps grows by a few bytes for each frame."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.samples, self._loud = rate, 0, 0
        self._sums, self._squares = np.zeros(channels), np.zeros(channels)
        self._hears = rate >= LOWEST_RATE
        self._product = 0.0
        self._clipping = Clipping(rate, channels, STEP)
        self._levels = Windows(rate, STEP, np.add)
        if self._hears:
            self._loudness, self._frames = Loudness(rate, channels), Frames(rate)
        self._ended: tuple[Features, Activity] | None = None

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    @property
    def silent(self) -> bool:
        """Whether there was nothing yet but a click."""
        return self._loud <= KNOCK * self.samples

    def add(self, block: Block) -> None:
        self.samples += len(block)
        self._loud += loud(block, max(1, self.rate // 100))
        channels = np.ascontiguousarray(block.T)  # numpy sums rows far quicker than columns
        self._sums += channels.sum(axis=1, dtype=np.float64)
        self._squares += np.square(channels).sum(axis=1, dtype=np.float64)
        if len(channels) == 2:
            self._product += float(np.dot(channels[0], channels[1]))
        self._clipping.add(block)
        mono = mixed(block)
        self._levels.add(np.square(mono))
        if self._hears:
            self._loudness.add(block)
            self._frames.add(mono)

    def found(self) -> Found:
        """Plain numbers, by the names that `Measures` has for them."""
        means, powers = self._sums / self.samples, self._squares / self.samples
        found: Found = {
            "seconds": self.seconds,
            "clipping": self._clipping.share(),
            "offset": float(np.abs(means).max()),
            "dead_channels": int(np.sum(powers - np.square(means) < max(float(powers.max()) * 1e-6, SILENT))),
            "opposed": self._product < OPPOSED * float(np.sqrt(self._squares.prod())) if len(powers) == 2 else False,
            "silent": self.silent,
        }
        return found | (self._of_speech() if self._hears else {})

    def _of_speech(self) -> Found:
        features, active = self._end()
        steady = features.steady
        return {
            "speech_seconds": active.seconds,
            "loudness": self._loudness.lufs(),
            "snr": active.snr,
            "bandwidth": min(bandwidth(features.spectrum, features.spacing), features.mirrored, self.rate / 2),
            "music": max(float(np.mean(steady > STEADY)) if len(steady) else 0.0, tonality(features, active)),
            "speakers": speakers(features, active.speech),
        }

    def _end(self) -> tuple[Features, Activity]:
        if self._ended is None:
            features = self._frames.features()
            self._ended = features, activity(features)
        return self._ended

    def timeline(self) -> Timeline | None:
        if not self._hears:
            return None
        features, active = self._end()
        levels = self._levels.values() / (self.rate * STEP)
        count, each = len(levels), round(STEP / HOP)
        frames = np.minimum(np.arange(count) * each + each // 2, max(0, len(active.speech) - 1))
        second = np.minimum((np.arange(count) * STEP).astype(np.int64), max(0, len(features.steady) - 1))
        music = features.steady[second] > STEADY if len(features.steady) else np.zeros(count, np.bool_)
        flags = active.speech[frames], self._clipping.windows()[:count], music
        speech, clipped, tuned = (each.astype(np.uint8).tobytes() for each in flags)
        return Timeline(_decibels(levels), _decibels(active.noise[frames]), speech, clipped, tuned)


def loud(block: Block, width: int) -> int:
    """How many samples lie in windows that aren't silent."""
    peaks = np.abs(block).max(axis=1)
    if not len(peaks) or peaks.max() < NOTHING:
        return 0
    return int(np.sum(np.maximum.reduceat(peaks, np.arange(0, len(peaks), width)) >= NOTHING)) * width


def mixed(block: Block) -> Floats:
    """All channels as one; the loudest alone where they would cancel each other out."""
    if block.shape[1] == 1:
        return block[:, 0]
    count = block.shape[1]
    mono = block @ np.full(count, 1 / count, block.dtype)
    powers = np.einsum("ij,ij->j", block, block) / len(block)
    if np.square(mono).mean() < 0.05 * powers.mean():
        return np.ascontiguousarray(block[:, int(np.argmax(powers))])
    return mono


def _decibels(powers: NDArray[np.floating]) -> array[float]:
    values = array("f")
    values.frombytes(np.maximum(10 * np.log10(np.maximum(powers, 1e-12)), SILENCE).astype(np.float32).tobytes())
    return values
