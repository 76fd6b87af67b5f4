"""How high a recording reaches: telephone sound stays telephone sound, however many samples it is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FAINT = 10**-6.0  # -60 dB
GROUP = 100.0


def bandwidth(spectrum: NDArray[np.float64], spacing: float) -> float:
    """The highest frequency in Hz whose mean power comes within 60 dB of the strongest; 0 for silence."""
    width = max(1, round(GROUP / spacing))
    groups = len(spectrum) // width
    if not groups:
        return 0.0
    powers = spectrum[: groups * width].reshape(groups, width).mean(axis=1)
    loud = np.flatnonzero(powers > powers.max() * FAINT)
    return float((loud[-1] + 1) * width * spacing) if len(loud) else 0.0
