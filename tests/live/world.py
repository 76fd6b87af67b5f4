"""One side of a run: the sandbox or the service, the clients of it, and what has been made there so far."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import httpx
from elevenlabs.client import AsyncElevenLabs, ElevenLabs
from pydantic import SecretStr

from coverage_table import Operation
from live.budget import Budget
from live.exchanges import Book, Exchange, Recorder, seen, shape
from live.sdk import Sdk

SERVICE = "https://api.elevenlabs.io"
PREFIX = "storykeeper-live-"


class Missing(Exception):
    """A step needs what an earlier one didn't make."""


@dataclass
class World:
    """A side. `exchanges` are by step; `ids` are of what was made; `facts` are what steps noticed in passing."""

    marker: str
    key: SecretStr
    sdk: Sdk
    http: httpx.AsyncClient
    budget: Budget
    pause: Callable[[], Awaitable[None]]
    recording: bytes
    real: bool
    step: str = ""
    exchanges: dict[str, list[Exchange]] = field(default_factory=dict[str, list[Exchange]])
    outcomes: dict[str, str] = field(default_factory=dict[str, str])
    ids: dict[str, str] = field(default_factory=dict[str, str])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    left: list[str] = field(default_factory=list[str])

    def __getitem__(self, name: str) -> str:
        """The id of something made earlier."""
        if name not in self.ids:
            raise Missing(name)
        return self.ids[name]

    @property
    def headers(self) -> dict[str, str]:
        """For requests that the SDK can't send."""
        return {"xi-api-key": self.key.get_secret_value()}

    def note(self, exchange: Exchange) -> None:
        """Remember what happened in the step that is running."""
        self.exchanges.setdefault(self.step, []).append(exchange)

    def frame(self, frame: dict[str, Any]) -> None:
        """Remember a frame of a conversation."""
        self.note(Exchange(f"WS {frame.get('type')}", 0, "", (), shape(frame)))

    async def until(self, done: Callable[[], Awaitable[bool]]) -> None:
        """Wait for something of the service's own time; a minute at most."""
        for _ in range(30):
            if await done():
                return
            await self.pause()
        raise TimeoutError


@asynccontextmanager
async def opened(
    url: str,
    key: SecretStr,
    spec: dict[str, Any],
    recording: bytes,
    *,
    client: Literal["sync", "async"] = "async",
    pause: Callable[[], Awaitable[None]] | None = None,
    real: bool = False,
) -> AsyncIterator[World]:
    """A side with its clients; `real` keeps it within the budget. The key goes to the service or this machine only."""
    if url != SERVICE and httpx.URL(url).host != "127.0.0.1":
        raise ValueError(f"{url} is neither the service nor on this machine")
    budget = Budget(Book(spec), bounded=real)
    made: list[World] = []

    def note(request: httpx.Request, operation: Operation | None, answer: httpx.Response) -> None:
        budget.note(operation, answer)
        made[0].note(seen(str(operation or f"{request.method} {request.url.path}"), answer))

    recorder = Recorder(budget.allow, note, budget.book)
    with httpx.Client(transport=recorder, timeout=60) as now:
        async with httpx.AsyncClient(transport=recorder, timeout=60, base_url=url) as later:
            official = (
                ElevenLabs(api_key=key.get_secret_value(), base_url=url, httpx_client=now)
                if client == "sync"
                else AsyncElevenLabs(api_key=key.get_secret_value(), base_url=url, httpx_client=later)
            )
            marker = PREFIX + secrets.token_hex(4)
            made.append(World(marker, key, Sdk(official), later, budget, pause or _patience, recording, real))
            yield made[0]


async def _patience() -> None:
    await anyio.sleep(2)
