"""The cut as a file: 16 bit, one channel, at the rate of its best recording; only in the process that is made for it.

A recording of that rate with 16 bits and one channel is copied sample by sample, but for the fades at the joins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, BinaryIO

import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs] - it ships none
from numpy.typing import NDArray

from .decoding import Stream, decoding
from .measuring import mixed
from .timeline import STEP

Mono = NDArray[np.float32]
Span = tuple[int, int]
Report = Callable[[float], None]

FADE_SECONDS = 0.01


def job(
    arguments: dict[str, Any], reading: list[BinaryIO], writing: BinaryIO | None, report: Report
) -> tuple[dict[str, Any], bytes]:
    """Write `segments` (tape, first, end in windows; in order) of the tapes that are read; `gains` in dB for each."""
    if writing is None:
        raise ValueError("there is nowhere to write to")
    rate: int = arguments["rate"]
    gains: list[float] = arguments["gains"]
    wanted: list[tuple[int, int, int]] = arguments["segments"]
    frames = 0
    with soundfile.SoundFile(writing, "w", rate, 1, "PCM_16", format=arguments["format"]) as out:
        for tape, segments in groupby(wanted, key=lambda segment: segment[0]):
            windows = [(first, end) for _, first, end in segments]
            for piece in _cut(reading[tape], windows, 10 ** (gains[tape] / 20), rate, report):
                out.write(_rounded(piece))
                frames += len(piece)
    return {"seconds": frames / rate}, b""


def _cut(file: BinaryIO, windows: Sequence[Span], gain: float, rate: int, report: Report) -> Iterator[Mono]:
    with decoding(file) as stream:
        width = stream.rate * STEP
        spans = [(round(first * width), round(end * width)) for first, end in windows]
        pieces = _pieces(stream, spans, report)
        for piece in pieces if stream.rate == rate else _resampled(pieces, stream.rate, rate):
            yield piece * np.float32(gain)


def _pieces(stream: Stream, spans: Sequence[Span], report: Report) -> Iterator[Mono]:
    """What lies in the spans, which are in order, faded in and out; nothing is decoded beyond the last."""
    at = 0
    for block in stream.blocks:
        sound = mixed(block)
        for start, stop in spans:
            piece = sound[max(start - at, 0) : max(stop - at, 0)]
            if len(piece):
                yield _faded(piece, max(at - start, 0), stop - start, round(stream.rate * FADE_SECONDS))
        at += len(block)
        report(at / stream.rate)
        if at >= spans[-1][1]:
            return


def _faded(piece: Mono, offset: int, length: int, fade: int) -> Mono:
    """A part of a span of `length` samples, from `offset` on: its first and last `fade` samples rise and fall."""
    if offset >= fade and offset + len(piece) <= length - fade:
        return piece
    place = np.arange(offset, offset + len(piece))
    edge = np.clip(np.minimum(place + 0.5, length - place - 0.5) / fade, 0, 1)
    return (piece * np.sin(edge * np.pi / 2) ** 2).astype(np.float32)


def _resampled(pieces: Iterator[Mono], given: int, wanted: int) -> Iterator[Mono]:
    """By FFmpeg, which is only loaded where recordings of different rates are joined."""
    from av import AudioFrame, AudioResampler

    resampler = AudioResampler("flt", "mono", wanted)
    for piece in pieces:
        frame = AudioFrame.from_ndarray(piece.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = given
        yield from (made.to_ndarray()[0] for made in resampler.resample(frame))
    yield from (made.to_ndarray()[0] for made in resampler.resample(None))


def _rounded(piece: Mono) -> NDArray[np.int16]:
    """As 16 bits; libsndfile's own rounding would change samples that were 16 bits before."""
    return np.clip(np.rint(np.nan_to_num(piece) * 32768), -32768, 32767).astype(np.int16)
