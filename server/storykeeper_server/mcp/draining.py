"""Going without breaking anything off: calls under way end, new ones are sent elsewhere, and all of it has a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyio import CancelScope
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusals import Refused

DRAIN_SECONDS = 6.0  # of the ten that containers are usually given
_ANSWERING_SECONDS = 1.0
CUT = "storykeeper.cut"  # what ends a request, for whoever stands within
_GOING = "the server is about to stop; what was begun goes on, call again in a moment"


@dataclass(slots=True)
class Drain:
    """What is under way: calls, which are waited for, and streams, which would never end by themselves."""

    begun: bool = False
    _calls: set[CancelScope] = field(default_factory=set[CancelScope])
    _streams: set[CancelScope] = field(default_factory=set[CancelScope])
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def during(self, *, lasting: bool) -> Generator[CancelScope]:
        """One more, as long as this lasts."""
        kind = self._streams if lasting else self._calls
        with CancelScope() as scope:
            kind.add(scope)
            try:
                yield scope
            finally:
                kind.discard(scope)
                self._ended.set()

    async def finish(self, seconds: float = DRAIN_SECONDS) -> None:
        """Take no more; return when all have ended, those that take longer than that having been told to."""
        self.begun = True
        _cancel(self._streams)
        await self._quiet(seconds)
        _cancel(self._calls)
        await self._quiet(_ANSWERING_SECONDS)

    async def _quiet(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while self._calls or self._streams:
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            return


def _cancel(scopes: set[CancelScope]) -> None:
    for scope in tuple(scopes):
        scope.cancel()


@dataclass(frozen=True, slots=True)
class Drained:
    """An app whose requests a drain may end."""

    app: ASGIApp
    drain: Drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.drain.begun:
            await Refused(503, _GOING, again=1).answer(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        with self.drain.during(lasting=lasting(scope)) as cut:
            await self.app({**scope, CUT: cut}, receive, watched)
        if not cut.cancelled_caught:
            return
        if started:  # a stream, which ends in order
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await Refused(503, _GOING, again=1).answer(scope, receive, send)


def lasting(scope: Scope) -> bool:
    """Whether it is a stream on which a client listens."""
    return scope["method"] == "GET" or Headers(scope=scope).get("mcp-method") == "subscriptions/listen"
