"""Conversations over the socket, without any client's opinion of them."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from live.world import World

HELLO = {"type": "conversation_initiation_client_data"}
TEXT_ONLY = {"conversation": {"text_only": True}}
PATIENCE = 60


@asynccontextmanager
async def dialled(
    url: str, override: dict[str, Any] | None = None, origin: str | None = None
) -> AsyncIterator[ClientConnection]:
    """A socket that has said hello."""
    proxy = None if urlsplit(url).hostname == "127.0.0.1" else True
    headers = {"Origin": origin} if origin else None
    async with connect(url, additional_headers=headers, proxy=proxy) as socket:
        with suppress(ConnectionClosed):  # it may have been turned away already
            await socket.send(json.dumps({**HELLO, "conversation_config_override": override or {}}))
        yield socket


async def frames(world: World, socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    """What comes, pings answered; ends with the connection, or when nothing came for long."""
    while True:
        try:
            with anyio.fail_after(PATIENCE):
                frame = json.loads(await socket.recv())
        except (ConnectionClosed, TimeoutError):
            return
        if frame["type"] == "conversation_initiation_metadata":
            id = frame["conversation_initiation_metadata_event"]["conversation_id"]
            world.budget.made[id] = "conversation"
            world.ids["latest conversation"] = id
        if frame["type"] == "ping":
            with suppress(ConnectionClosed):
                await socket.send(json.dumps({"type": "pong", "event_id": frame["ping_event"]["event_id"]}))
        yield frame


async def talk(world: World, url: str, *, until: str = "agent_response", override: dict[str, Any] | None = None) -> str:
    """Listen until a frame of a type comes, and note them all; answers the conversation's id."""
    async with dialled(url, override) as socket:
        async for frame in frames(world, socket):
            world.frame(frame)
            if frame["type"] == until:
                break
    return world["latest conversation"]


async def closed(world: World, url: str, override: dict[str, Any] | None = None, origin: str | None = None) -> int:
    """The code with which a conversation is refused; 0 if it begins, that is, if the agent speaks or a ping comes."""
    async with dialled(url, override, origin) as socket:
        async for frame in frames(world, socket):
            if frame["type"] in ("agent_response", "audio", "ping"):
                return 0
        return socket.close_code or 0


async def ping_seconds(world: World, url: str, override: dict[str, Any]) -> float:
    """How long from one ping to the next, at the least."""
    came: list[float] = []
    async with dialled(url, override) as socket:
        async for frame in frames(world, socket):
            if frame["type"] == "ping":
                came.append(time.monotonic())
            if len(came) == 4:
                break
    return min((later - sooner for sooner, later in itertools.pairwise(came)), default=0.0)
