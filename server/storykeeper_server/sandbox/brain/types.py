"""What the brain reads and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Source:
    """A knowledge document: its id, its name and its text."""

    id: str
    name: str
    text: str


@dataclass(frozen=True)
class Tool:
    """A call of a client tool; `id` is that of the call, the same for the same words at the same point of a talk."""

    name: str
    id: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """A passage that an answer stands on; `distance` is 0 for a perfect match and 1 for none."""

    document: str
    chunk: str
    distance: float


@dataclass(frozen=True)
class Reply:
    """What the agent says, the passages it rests on, the tool it calls, and whether it hangs up after that."""

    text: str
    sources: tuple[Found, ...] = ()
    tool: Tool | None = None
    ends: bool = False
