"""How much of a spectrum stands still: partials of music hold their frequency, those of a voice glide.

After Seyerlehner et al., "Automatic music detection in television productions" (2007): what rises out of its
neighbourhood in each spectrum is marked, and the share of a second for which a bin is marked is its activation.
"""

from __future__ import annotations

import numpy as np

from .windows import Floats

BAND = (250.0, 5000.0)
AROUND = 113.0
RISE = 2.5  # times its neighbourhood: 4 dB
PEAKS = 5
FEW = 9  # bins: what three pure tones fill


class Steadiness:
    """For spectra whose bins are `spacing` Hz apart and that follow each other after `hop` seconds."""

    def __init__(self, spacing: float, hop: float) -> None:
        self._bins = slice(round(BAND[0] / spacing), round(BAND[1] / spacing))
        self._reach = max(2, round(AROUND / spacing))
        self._frames = round(1 / hop)
        self._held: Floats | None = None
        self._values: list[float] = []

    def add(self, powers: Floats) -> None:
        powers = powers[:, self._bins]
        held = powers if self._held is None else np.concatenate([self._held, powers])
        seconds = len(held) // self._frames
        for second in range(seconds):
            self._values.append(self._of(held[second * self._frames : (second + 1) * self._frames]))
        self._held = held[seconds * self._frames :].copy()

    def values(self) -> Floats:
        """One for each whole second: the sum of the five steadiest partials' activations, 0 to 5."""
        return np.array(self._values, np.float32)

    def _of(self, powers: Floats) -> float:
        if powers.shape[1] <= 4 * self._reach:
            return 0.0
        logs = np.log10(np.maximum(powers, 1e-14))
        marked = logs > _around(logs, self._reach) + np.log10(RISE)
        activation = marked.mean(axis=0)
        low = np.minimum(activation[:-6], activation[6:])
        rise = activation[3:-3] - low
        peak = (activation[3:-3] >= activation[2:-4]) & (activation[3:-3] > activation[4:-2])
        return float(np.sort(rise * peak)[-PEAKS:].sum())


def tonal(powers: Floats) -> Floats:
    """The share of each spectrum's power that lies in its strongest bins: near 1 for tones, small for noise.

    Higher bins count more, by 3 dB an octave, since the rumble of a room falls more steeply than that.
    """
    if powers.shape[1] <= FEW:
        return np.zeros(len(powers), np.float32)
    powers = powers * np.arange(FEW, FEW + powers.shape[1], dtype=np.float32)
    strongest = np.partition(powers, -FEW, axis=1)[:, -FEW:]
    return strongest.sum(axis=1) / np.maximum(powers.sum(axis=1), np.float32(1e-14))


def _around(logs: Floats, reach: int) -> Floats:
    """The mean of each bin's neighbours."""
    sums = np.cumsum(np.pad(logs, ((0, 0), (reach + 1, reach)), mode="edge"), axis=1, dtype=np.float32)
    return (sums[:, 2 * reach + 1 :] - sums[:, : -2 * reach - 1]) / (2 * reach + 1)
