"""Telling whoever listens that something about a companion changed, whichever process changed it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable
from dataclasses import dataclass, field

import anyio

from storykeeper_tools.errors import StorykeeperError

from .resources import companion_of

Tell = Callable[[str], Awaitable[None]]
MOST = 100  # addresses of one listener
_MANY = 1000  # companions that are looked at in all
_LONGEST = 200  # characters of an address


@dataclass(slots=True)
class Watch:
    """Looks at the ledger every so often while somebody listens, and not otherwise: another process may carry a run, and it
    can tell us nothing. `look` answers the same for a companion's id while nothing changes."""

    look: Callable[[str], str]
    seconds: float = 1.0
    _wanted: dict[str, Counter[tuple[Tell, str]]] = field(
        default_factory=dict[str, "Counter[tuple[Tell, str]]"], repr=False
    )
    _seen: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def looking(self) -> bool:
        return self._task is not None

    @contextlib.contextmanager
    def listening(self, uris: Iterable[str], tell: Tell) -> Generator[None]:
        """While it lasts, `tell` is called with each of these addresses when what it shows has changed."""
        wanted = [uri for uri in list(dict.fromkeys(uris))[:MOST] if companion_of(uri) and self.add(tell, uri)]
        try:
            yield
        finally:
            for uri in wanted:
                self.remove(tell, uri)

    def add(self, tell: Tell, uri: str) -> bool:
        """False for one that would be too much: whoever listens may be anybody who may read."""
        id = companion_of(uri)
        if len(uri) > _LONGEST or (id not in self._wanted and len(self._wanted) >= _MANY):
            return False
        if id not in self._wanted:
            self._wanted[id] = Counter()
            self._seen[id] = self._look(id, "")
        self._wanted[id][tell, uri] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        return True

    def remove(self, tell: Tell, uri: str) -> None:
        id = companion_of(uri)
        listeners = self._wanted[id]
        listeners[tell, uri] -= 1
        if not listeners[tell, uri]:
            del listeners[tell, uri]
        if not listeners:
            del self._wanted[id], self._seen[id]
        if not self._wanted and self._task:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.seconds)
            for id in list(self._wanted):
                await asyncio.sleep(0)  # calls have their turn between two looks
                if id in self._wanted:
                    await self._told(id)

    async def _told(self, id: str) -> None:
        before = self._seen[id]
        self._seen[id] = self._look(id, before)
        if self._seen[id] == before:
            return
        for tell, uri in list(self._wanted[id]):
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # it is just leaving
                await tell(uri)

    def _look(self, id: str, before: str) -> str:
        try:
            return self.look(id)
        except StorykeeperError:  # a ledger that is busy, or away for a moment
            return before
