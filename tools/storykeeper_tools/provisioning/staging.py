"""From a person's files to staged bytes: all of them, or none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio.from_thread
import anyio.to_thread

from ..caller import NOBODY, Caller, Interrupted
from ..companion.recordings.verdict import Recording
from ..companion.spec import Wish
from ..errors import StorykeeperError
from ..part import part
from .base import NOTHING, Base
from .blobs import Blobs, Staging
from .plan import Plan, StagedMemory, StagedRecording
from .sounds import Sounds, Telling

if TYPE_CHECKING:  # a start needn't wait for the readers and the rules of memories
    from ..companion.memories.provenance import Entry
    from .texts import Texts

LONG = 4 * 3600.0  # seconds of a recording, of which no more is heard


@dataclass(frozen=True, slots=True)
class Staged:
    """`left_out` names what lay in a folder of memories and isn't one."""

    recordings: list[StagedRecording]
    judged: list[Recording]
    memories: list[StagedMemory]
    left_out: list[str]
    staging: Staging
    doubts: list[str] = field(default_factory=list[str])
    """What a keeper should know about the memories."""

    @property
    def hashes(self) -> list[str]:
        return [*(r.sha256 for r in self.recordings), *(m.sha256 for m in self.memories)]


@part
class Stager:
    """`texts` makes what reads memories, when there are some."""

    sounds: Sounds
    texts: Callable[[], Texts]
    blobs: Blobs

    @asynccontextmanager
    async def staged(
        self,
        recordings: Sequence[str],
        memories: Sequence[str],
        memory_id: str = "",
        *,
        wish: Wish | None = None,
        base: Base = NOTHING,
    ) -> AsyncGenerator[Staged]:
        """Stage everything, or raise and keep nothing; also when the block that it is for refuses it."""
        staged = await anyio.to_thread.run_sync(self._stage, recordings, memories, memory_id, wish, base)
        try:
            yield staged
        except (StorykeeperError, Interrupted):
            staged.staging.undo()
            raise

    @asynccontextmanager
    async def amended(
        self, plan: Plan, wish: Wish, base: Base, more: Sequence[str], recordings: Sequence[str] = ()
    ) -> AsyncGenerator[Staged]:
        """What a plan has already, with other memories or recordings; nothing that isn't new is read again."""
        async with self.staged(recordings, more, wish=wish, base=base) as staged:
            yield replace(staged, recordings=staged.recordings or plan.recordings)

    async def hashes(self, recordings: Sequence[str]) -> list[str]:
        """The sha256 of recordings, which are judged and not kept."""
        async with self.staged(recordings, []) as staged:
            staged.staging.undo()
            return staged.hashes

    def _stage(
        self, recordings: Sequence[str], memories: Sequence[str], memory_id: str, wish: Wish | None, base: Base
    ) -> Staged:
        language = wish.language if wish else "en"
        with self.blobs.staging() as staging:
            heard = self.sounds.stage(staging, recordings, telling(NOBODY))
            texts = self.texts().stage(staging, memories, memory_id, language=language, base=base)
            doubts = [*texts.notes, *_doubts(wish, texts.entries)] if wish else texts.notes
            return Staged([s for s, _ in heard], [j for _, j in heard], texts.memories, texts.left_out, staging, doubts)


def _doubts(wish: Wish, entries: Sequence[Entry]) -> list[str]:
    from ..companion.memories.book import Book  # a start needn't wait for the rules
    from ..companion.memories.findings import findings, warnings
    from ..companion.memories.tongue import told_in

    language = told_in((entry.item.text for entry in entries), wish.language)
    book = Book(wish.subject.name, language, tuple(wish.corrections), tuple(entries))
    return warnings(findings(book))


def telling(caller: Caller) -> Telling:
    """For a thread of anyio's: tells a caller about recordings that take long, and ends when the call is cancelled."""
    told = 0.0

    def tell(done: int, total: int, name: str, seconds: float) -> None:
        nonlocal told
        anyio.from_thread.check_cancelled()
        if abs(seconds - told) >= 60:
            told = seconds
            part = done + min(0.95, seconds / LONG)
            anyio.from_thread.run(caller.report, part, total, f"{name}: {seconds / 60:.0f} min heard")

    return tell
