"""Telephone sound that was given more samples by drawing lines between the few that it had.

Such sound has no silence above its old limit, but a mirror image of what lies below: at the same distance from half the
old rate, both parts have phases that belong together. In sound that was really recorded they don't.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Spectra = NDArray[np.complexfloating]

OLD_RATES = (8000.0, 11_025.0, 12_000.0)
NEAREST, FARTHEST = 200.0, 2500.0
ALIKE = 0.5


class Images:
    """For transforms of `size` samples at a rate."""

    def __init__(self, rate: int, size: int) -> None:
        self._rate, self._spacing = rate, rate / size
        self._olds = [old for old in OLD_RATES if old / 2 + FARTHEST < rate / 2]
        self._products = np.zeros(len(self._olds), np.complex128)
        self._sizes = np.zeros(len(self._olds))

    def add(self, spectra: Spectra, starts: NDArray[np.int64]) -> None:
        """Spectra of windows that start at these samples."""
        for number, old in enumerate(self._olds):
            turn = np.exp(-2j * np.pi * ((old / self._rate * starts) % 1)).astype(np.complex64)
            products = self._products_of(spectra, old)
            self._products[number] += (products.sum(axis=1) * turn).sum()
            self._sizes[number] += np.abs(products).sum()

    def _products_of(self, spectra: Spectra, old: float) -> Spectra:
        low = np.arange(round((old / 2 - FARTHEST) / self._spacing), round((old / 2 - NEAREST) / self._spacing))
        return spectra[:, low] * spectra[:, round(old / self._spacing) - low]

    def limit(self) -> float:
        """The highest frequency in Hz that isn't a mirror image; infinite where nothing is one."""
        alike = np.abs(self._products) > ALIKE * np.maximum(self._sizes, 1e-12)
        return min((old / 2 for old, found in zip(self._olds, alike, strict=True) if found), default=np.inf)
