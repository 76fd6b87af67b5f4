"""Serving over a pipe: what isn't a message is answered, and nothing but messages is ever written."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Self, TypeVar

import anyio
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from .unreadable import answer

Lifespan = TypeVar("Lifespan")


class PipedServer(MCPServer[Lifespan]):
    """The SDK's server leaves a line that it can't read without an answer, so that its sender would wait for ever."""

    async def run_stdio_async(self) -> None:
        """Serve until the client goes. Whatever was or is printed goes to stderr: it could only spoil a message."""
        server = self._lowlevel_server
        _flush_aside()
        try:
            async with stdio_server() as (reading, writing):
                messages: Any = Answering(reading, writing)
                await server.run(messages, writing, server.create_initialization_options())
        finally:
            os.dup2(2, 1)


class Answering:
    """The messages of a stream; what is none is answered here, and goes no further."""

    def __init__(self, reading: Any, writing: Any) -> None:  # the SDK's kinds of streams are private
        self._reading = reading
        self._writing = writing

    @property
    def last_context(self) -> Any:
        """What the SDK takes the sender's context from."""
        return getattr(self._reading, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        while True:
            item = await self._reading.receive()
            if not isinstance(item, ValidationError):
                return item
            if told := answer(item):
                with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # nobody reads any more
                    await self._writing.send(SessionMessage(told))

    async def aclose(self) -> None:
        await self._reading.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _flush_aside() -> None:
    """What was printed before there was anything to say, and still waits."""
    kept = os.dup(1)
    os.dup2(2, 1)
    sys.stdout.flush()
    os.dup2(kept, 1)
    os.close(kept)
