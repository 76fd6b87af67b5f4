"""What a change of a companion's memories begins with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .plan import StagedMemory


@dataclass(frozen=True, slots=True)
class Base:
    """What is there already: documents that stay, documents that go, and the ids of memories that go out of those that
    stay. Of `known` documents only it counts where a long file goes on in the next one."""

    kept: Sequence[StagedMemory] = ()
    removed: Sequence[StagedMemory] = ()
    items: Collection[str] = ()
    known: Sequence[StagedMemory] = ()


NOTHING = Base()
