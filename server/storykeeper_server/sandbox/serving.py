"""Serving the sandbox on the loopback interface, in the foreground or inside a running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator

import anyio
import uvicorn
from starlette.types import ASGIApp


async def serve(app: ASGIApp, port: int) -> None:
    """Serve on 127.0.0.1 until cancelled or signalled."""
    with _listener(port) as listener:
        async with _running(uvicorn.Server(_config(app)), listener) as task:
            # Shielded, so that a cancellation ends the server in order.
            await asyncio.shield(task)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncGenerator[str]:
    """Serve beside the caller's own work; yields the base URL."""
    with _listener(port) as listener:
        async with _running(_Guest(_config(app)), listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class _Guest(uvicorn.Server):
    """A server that leaves signals to whoever runs the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextlib.asynccontextmanager
async def _running(server: uvicorn.Server, listener: socket.socket) -> AsyncGenerator[asyncio.Task[None]]:
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield task
    finally:
        server.should_exit = True
        with anyio.CancelScope(shield=True):
            await task


def _listener(port: int) -> socket.socket:
    # Listening before the server runs: the first request waits in the queue and isn't refused.
    return socket.create_server(("127.0.0.1", port))


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="error",
        timeout_graceful_shutdown=1,
    )
