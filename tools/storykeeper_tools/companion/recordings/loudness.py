"""Loudness as broadcasters measure it: ITU-R BS.1770-4, K-weighted, in blocks of 0.4 s, gated at -70 and -10 LU.

The weighting filter is applied by FFT in overlapping segments: its response has died away (-80 dB) after 50 ms, so
segments that overlap by 100 ms give what the recursive filter gives, many times faster than Python could run it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .windows import Floats, Windows

SILENT = -120.0
OVERLAP = 0.1
STEP = 0.1


class Loudness:
    """Of all channels together; those after the eighth are not heard."""

    def __init__(self, rate: int, channels: int) -> None:
        self._filters = [_Filter(rate) for _ in range(min(channels, 8))]

    def add(self, block: Floats) -> None:
        for channel, filter in enumerate(self._filters):
            filter.add(block[:, channel])

    def lufs(self) -> float:
        """Integrated loudness of everything; `SILENT` when nothing was as loud as the gate."""
        return gated(np.sum([filter.powers() for filter in self._filters], axis=0))


def gated(powers: NDArray[np.float64]) -> float:
    """Integrated loudness, from the mean squares of steps of 0.1 s."""
    if len(powers) < 4:
        return SILENT
    blocks = np.convolve(powers, np.full(4, 0.25), "valid")
    loud = blocks[blocks > _power(-70)]
    if not len(loud):
        return SILENT
    return _lufs(float(np.mean(loud[loud > np.mean(loud) / 10])))


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power)


def _power(lufs: float) -> float:
    return 10 ** ((lufs + 0.691) / 10)


class _Filter:
    """One channel, K-weighted: its mean squares in steps."""

    def __init__(self, rate: int) -> None:
        self._overlap = max(1, round(OVERLAP * rate))
        self._size = 1 << math.ceil(math.log2(1.8 * self._overlap + 2))
        self._response = response(rate, self._size)
        self._held = np.zeros(self._overlap, np.float32)
        self._windows = Windows(rate, STEP, np.add)
        self._width = rate * STEP

    def add(self, samples: Floats) -> None:
        hop = self._size - self._overlap
        self._held = np.concatenate([self._held, samples])
        count = (len(self._held) - self._overlap) // hop
        if count:
            self._run(np.lib.stride_tricks.sliding_window_view(self._held, self._size)[::hop][:count])
            self._held = self._held[count * hop :]

    def _run(self, segments: Floats) -> None:
        filtered = np.fft.irfft(np.fft.rfft(segments) * self._response, self._size)[:, self._overlap :]
        self._windows.add(np.square(filtered).ravel())

    def powers(self) -> NDArray[np.float64]:
        """To be asked once, at the end: what is still held is filtered first."""
        rest = len(self._held) - self._overlap
        padded = np.zeros(self._size, np.float32)
        padded[: len(self._held)] = self._held
        filtered = np.fft.irfft(np.fft.rfft(padded) * self._response, self._size)
        self._windows.add(np.square(filtered[self._overlap : self._overlap + rest]))
        return self._windows.values() / self._width


def response(rate: int, size: int) -> NDArray[np.complex64]:
    """What the K-weighting filter does to each frequency of a transform of `size` samples."""
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    return (_answer(_shelf(rate), z) * _answer(_highpass(rate), z)).astype(np.complex64)


def _answer(coefficients: tuple[list[float], list[float]], z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    (b0, b1, b2), (a1, a2) = coefficients
    return (b0 + b1 * z + b2 * z * z) / (1 + a1 * z + a2 * z * z)


def _shelf(rate: int) -> tuple[list[float], list[float]]:
    """The head's effect: about 4 dB more above 1.7 kHz (the standard's own filter, for any rate)."""
    k, q, gain = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle, a0 = gain**0.4996667741545416, 1 + k / q + k * k
    b = [(gain + middle * k / q + k * k) / a0, 2 * (k * k - gain) / a0, (gain - middle * k / q + k * k) / a0]
    return b, [2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]


def _highpass(rate: int) -> tuple[list[float], list[float]]:
    """Less below 38 Hz."""
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    return [1.0, -2.0, 1.0], [2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]
