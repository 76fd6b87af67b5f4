"""Connections of strangers: each has to say soon what it wants, and together they leave room for the server's own files."""

from __future__ import annotations

import asyncio
import resource
from operator import itemgetter
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_SECONDS = 10.0
_MANY = 10_000


def room() -> int:
    """How many connections there may be: half of the files that this process may open."""
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2, _MANY)


def backlog() -> int:
    """How many are taken at once: several times that, before the first of them can be let go."""
    return max(8, min(128, room() // 8))


class Guarded(H11Protocol):
    """Lets go of whoever hasn't said in `patience` what it wants, and, where there is no more room, of who has said
    nothing for longest. Uvicorn alone waits for ever, until nobody else can come in."""

    patience = HEAD_SECONDS
    most = room()
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.most:
            self._let_go()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering():
            self._done()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # there is none before the first request
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(self.patience, self.transport.abort)

    def _done(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _let_go(self) -> None:
        silent = [(each._due.when(), each) for each in self.connections if isinstance(each, Guarded) and each._due]
        longest = min(silent, key=itemgetter(0))[1]
        longest._done()
        longest.transport.abort()
