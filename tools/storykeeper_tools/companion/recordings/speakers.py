"""A hint whether one person speaks, or several: two pitches that are far apart, each kept up for a while.

Two voices of nearly the same pitch are not told apart, so this warns and never refuses.
"""

from __future__ import annotations

import numpy as np

from .activity import Flags
from .frames import HOP, Features
from .windows import Floats

STRETCH = round(1.5 / HOP)
FEWEST = round(0.4 / HOP)
APART, WITHIN = 5.0, 0.4  # semitones; spread of each as a share of the distance
SMALLER = 0.12
FRONT = 0.03


def speakers(features: Features, speech: Flags) -> int:
    """One or two, by the pitch of what is loud enough to be a voice in front."""
    if not speech.any():
        return 1
    front = speech & (features.speech > FRONT * np.mean(features.speech[speech]))
    usual = _stretches(features.pitch, front)
    if len(usual) < 8:
        return 1
    low, high = _two(usual)
    if min(len(low), len(high)) < max(3, SMALLER * len(usual)):
        return 1
    distance = float(np.median(high) - np.median(low))
    spread = max(float(np.std(low)), float(np.std(high)))
    return 2 if distance >= APART and spread <= WITHIN * distance else 1


def _stretches(pitch: Floats, speech: Flags) -> Floats:
    """The middle pitch, in semitones, of each stretch that holds enough voice."""
    found: list[float] = []
    for start in range(0, len(pitch), STRETCH):
        part = pitch[start : start + STRETCH]
        voiced = part[(part > 0) & speech[start : start + STRETCH]]
        if len(voiced) >= FEWEST:
            found.append(12 * float(np.log2(np.median(voiced) / 100)))
    return np.array(found, np.float32)


def _two(values: Floats) -> tuple[Floats, Floats]:
    """The values parted in two around two middles, the way that leaves the least spread."""
    ordered = np.sort(values)
    sums, squares = np.cumsum(ordered, dtype=np.float64), np.cumsum(np.square(ordered), dtype=np.float64)
    count = np.arange(1, len(ordered))
    left = squares[:-1] - np.square(sums[:-1]) / count
    right = squares[-1] - squares[:-1] - np.square(sums[-1] - sums[:-1]) / (len(ordered) - count)
    cut = int(np.argmin(left + right)) + 1
    return ordered[:cut], ordered[cut:]
