"""The pitch of a voice, frame by frame, from the autocorrelation of its lower harmonics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .windows import Floats

LOWEST, HIGHEST = 70.0, 420.0
BAND = 1500.0
VOICED = 0.55
_SIZE = 2048


class Pitch:
    """For spectra whose bins are `spacing` Hz apart."""

    def __init__(self, spacing: float, size: int) -> None:
        self._bins = slice(round(60 / spacing), round(BAND / spacing))
        lags = np.arange(_SIZE // 2) / (_SIZE * spacing)
        self._lags = (lags >= 1 / HIGHEST) & (lags <= 1 / LOWEST)
        self._pitches = (1 / lags[self._lags]).astype(np.float32)
        length = 1 / spacing  # of the window, whose own fading is taken out
        self._fading = _fading(lags[self._lags] / length)

    def of(self, powers: Floats) -> NDArray[np.float32]:
        """Hz for each spectrum; 0 where nothing is voiced."""
        padded = np.zeros((len(powers), _SIZE // 2 + 1), np.float32)
        part = powers[:, self._bins]
        padded[:, self._bins.start : self._bins.start + part.shape[1]] = part
        echo = np.fft.irfft(padded, _SIZE)[:, : _SIZE // 2]
        whole = np.maximum(echo[:, :1], 1e-20)
        likeness = echo[:, self._lags] / whole / self._fading
        # The shortest lag that is nearly as good as the best: a longer one is an octave too low.
        good = likeness >= 0.9 * likeness.max(axis=1, keepdims=True)
        best = _first_peak(likeness, good)
        voiced = np.take_along_axis(likeness, best[:, None], axis=1)[:, 0] > VOICED
        return np.where(voiced & (whole[:, 0] > 1e-12), self._pitches[best], 0).astype(np.float32)


def _first_peak(likeness: Floats, good: NDArray[np.bool_]) -> NDArray[np.int64]:
    rises = np.ones_like(good)
    rises[:, 1:] &= likeness[:, 1:] >= likeness[:, :-1]
    rises[:, :-1] &= likeness[:, :-1] > likeness[:, 1:]
    return np.argmax(good & rises, axis=1)


def _fading(lags: NDArray[np.float64]) -> NDArray[np.float32]:
    """The autocorrelation of a Hann window, at lags in lengths of it."""
    turn = 2 * np.pi * lags
    return ((1 - lags) * (2 / 3 + np.cos(turn) / 3) + np.sin(turn) / (2 * np.pi)).astype(np.float32)
