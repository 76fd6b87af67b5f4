"""Spectra of 93 ms, forty of them a second, and what is kept of each: enough to judge speech, noise, music and pitch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .images import Images
from .pitch import Pitch
from .steadiness import Steadiness, tonal
from .windows import Floats

HOP = 0.025
WINDOW = 0.093
SPEECH = (150, 4000)
FADED = 2  # bins into which an offset leaks
AT_ONCE = 40  # more than fit into a processor's cache take twice as long
QUIETEST = 1e-12  # mean square: -120 dBFS


@dataclass(frozen=True, slots=True)
class Features:
    """One value for each `HOP` seconds: mean squares of all sound and of the band of speech, pitch in Hz (0 without),
    and the share of the band that a few partials make up.

    `steady` is for each second; `spectrum` the mean power of each bin, `spacing` Hz apart; above `mirrored` Hz there
    are only mirror images.
    """

    power: Floats
    speech: Floats
    pitch: Floats
    tonal: Floats
    steady: Floats
    spectrum: NDArray[np.float64]
    spacing: float
    mirrored: float


class Frames:
    """Samples in, `Features` out; what it holds grows by 16 bytes for each frame."""

    def __init__(self, rate: int) -> None:
        self._hop = rate * HOP
        self._size = 1 << round(math.log2(rate * WINDOW))
        self._window = np.hanning(self._size + 1)[:-1].astype(np.float32)
        self._scale = np.float32(2 / (self._size * float(np.sum(np.square(self._window)))))
        self._spacing = rate / self._size
        self._held = np.zeros(self._size // 2, np.float32)
        self._base, self._next, self._end = -(self._size // 2), 0, 0
        self._rows: list[NDArray[np.float32]] = []
        self._spectrum = np.zeros(self._size // 2 + 1)
        self._images = Images(rate, self._size)
        self._pitch = Pitch(self._spacing, self._size)
        self._steadiness = Steadiness(self._spacing, HOP)

    def add(self, mono: Floats) -> None:
        if not self._end and len(mono):
            self._held[:] = mono[0]  # zeros would make a step of an offset
        self._held = np.concatenate([self._held, mono])
        self._end += len(mono)
        last = self._base + len(self._held) - self._size
        starts: list[int] = []
        while (start := self._start(self._next)) <= last:
            starts.append(start)
            self._next += 1
        if starts:
            for first in range(0, len(starts), AT_ONCE):
                self._look(np.array(starts[first : first + AT_ONCE]) - self._base)
            kept = self._start(self._next) - self._base
            self._held, self._base = self._held[kept:].copy(), self._base + kept

    def _start(self, frame: int) -> int:
        return round((frame + 0.5) * self._hop) - self._size // 2

    def _look(self, starts: NDArray[np.int64]) -> None:
        views = np.lib.stride_tricks.sliding_window_view(self._held, self._size)
        spectra = np.fft.rfft(views[starts] * self._window)
        self._images.add(spectra, starts + self._base)
        powers = np.square(np.abs(spectra)) * self._scale
        self._spectrum += powers.sum(axis=0, dtype=np.float64)
        low, high = (round(edge / self._spacing) for edge in SPEECH)
        total = powers[:, FADED:].sum(axis=1)
        band = powers[:, low:high]
        self._rows.append(np.stack([total, band.sum(axis=1), self._pitch.of(powers), tonal(band)]))
        self._steadiness.add(powers)

    def features(self) -> Features:
        """To be asked once, at the end."""
        whole = int(self._end / self._hop)
        self.add(np.full(self._size, self._held[-1], np.float32))
        rows = np.concatenate([*self._rows, np.zeros((4, 0), np.float32)], axis=1)[:, :whole]
        spectrum = self._spectrum / max(1, whole)
        power, speech, pitch, tonality = rows
        steady, mirrored = self._steadiness.values(), self._images.limit()
        return Features(power, speech, pitch, tonality, steady, spectrum, self._spacing, mirrored)
