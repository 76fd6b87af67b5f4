"""Where memories lie that aren't files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Raw:
    """What a file would hold, under the name that it would have."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """`left_out` names what lies there and can't be read as a memory."""

    files: list[Raw] = field(default_factory=list[Raw])
    left_out: list[str] = field(default_factory=list[str])


class Source(Protocol):
    """A place that applications keep memories in; `reference` is what it knows one person's by."""

    def read(self, reference: str) -> Found:
        """All of them, or an error: nothing is ever cut. Waits, so call it in a thread."""
        ...
