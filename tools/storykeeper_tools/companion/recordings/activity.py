"""Where somebody speaks, and over what noise.

Speech stands out of the background of the seconds around it; what is far below the usual loudness of the speech isn't
speech. Noise is what remains in pauses, not too near to words. Powers are mean squares, one for each `HOP` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .frames import HOP, QUIETEST, Features
from .windows import Floats

Flags = NDArray[np.bool_]

SILENT = 10 ** (-9.0)  # -90 dBFS: nothing that a microphone gives
FAINTEST = 10 ** (-6.0)  # -60 dBFS: softer speech is no use
CELL = round(5 / HOP)
STANDS_OUT = 10**0.6
BELOW_SPEECH = 10**-3.0
PAUSE, WORD, NEAR = round(0.3 / HOP), round(0.1 / HOP), round(0.1 / HOP)
RARE = 0.05  # of the pauses: where the others are silent, these are clicks and edges
MOST_SNR, AUDIBLE = 60.0, 40.0
ENOUGH = round(1 / HOP)


@dataclass(frozen=True, slots=True)
class Activity:
    """`speech` and `noise` for each frame; `snr` in dB, `MOST_SNR` where nothing is heard in the pauses."""

    speech: Flags
    noise: Floats
    snr: float

    @property
    def seconds(self) -> float:
        return float(self.speech.sum() * HOP)


def activity(features: Features) -> Activity:
    speech = spoken(features.speech)
    noise = background(features.power, speech)
    return Activity(speech, noise, snr(features.power, speech, noise))


def spoken(power: Floats) -> Flags:
    """Frames that hold speech, with the short gaps between words."""
    if not len(power):
        return np.zeros(0, np.bool_)
    floor = np.maximum(_spread(_cells(power, 5), len(power)), QUIETEST)
    rises = (power > floor * STANDS_OUT) & (power > FAINTEST)
    if not rises.any():
        return rises
    usual = np.percentile(power[rises], 90)
    return _opened(_closed(rises & (power > usual * BELOW_SPEECH), PAUSE), WORD)


def background(power: Floats, speech: Flags) -> Floats:
    """The noise at each frame: the middle of the pauses of the seconds around it."""
    quiet = ~_widened(speech, NEAR)
    pause = quiet & (power > SILENT)
    if pause.sum() <= RARE * quiet.sum():
        lowest = power[power > SILENT]
        usual = QUIETEST if quiet.any() or not len(lowest) else np.percentile(lowest, 3)
        return np.full(len(power), usual, np.float32)
    usual = float(np.median(power[pause]))
    cells = [_middle(power[part][pause[part]], usual) for part in _parts(len(power))]
    return _spread(np.array(cells, np.float32), len(power))


def tonality(features: Features, active: Activity) -> float:
    """How tonal what is heard in the pauses is, 0 to 1; 0 where next to nothing is heard."""
    pause = ~_widened(active.speech, NEAR) & (features.power > SILENT)
    if pause.sum() < ENOUGH or active.snr > AUDIBLE:
        return 0.0
    return float(np.median(features.tonal[pause]))


def snr(power: Floats, speech: Flags, noise: Floats) -> float:
    """Of speech while somebody speaks, in dB."""
    if not speech.any():
        return 0.0
    below = float(np.mean(noise[speech], dtype=np.float64))
    above = float(np.mean(power[speech], dtype=np.float64)) - below
    return float(np.clip(10 * np.log10(max(above, QUIETEST) / max(below, QUIETEST)), -10, MOST_SNR))


def _middle(power: Floats, usual: float) -> float:
    return float(np.median(power)) if len(power) >= 20 else usual


def _parts(count: int) -> list[slice]:
    """Each cell with its neighbours: 15 seconds or so."""
    cells = max(1, -(-count // CELL))
    return [slice(max(0, (cell - 1) * CELL), (cell + 2) * CELL) for cell in range(cells)]


def _cells(power: Floats, percent: float) -> Floats:
    return np.array([np.percentile(power[part], percent) for part in _parts(len(power))], np.float32)


def _spread(cells: Floats, count: int) -> Floats:
    """A value for each frame, from those of the cells."""
    centres = (np.arange(len(cells)) + 0.5) * CELL
    return np.interp(np.arange(count), centres, cells).astype(np.float32)


def _runs(flags: Flags) -> NDArray[np.int64]:
    """Where runs of True begin and end, one row for each."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def _closed(flags: Flags, gap: int) -> Flags:
    """With gaps of at most so many frames filled."""
    filled = flags.copy()
    for start, end in _runs(~flags):
        if end - start <= gap and start > 0 and end < len(flags):
            filled[start:end] = True
    return filled


def _opened(flags: Flags, shortest: int) -> Flags:
    """Without runs that are shorter than so many frames."""
    kept = flags.copy()
    for start, end in _runs(flags):
        if end - start < shortest:
            kept[start:end] = False
    return kept


def _widened(flags: Flags, by: int) -> Flags:
    counts = np.cumsum(np.pad(flags.astype(np.int32), (by + 1, by)))
    return counts[2 * by + 1 :] > counts[: -2 * by - 1]
