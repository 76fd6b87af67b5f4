"""Serving the sandbox on the loopback interface, in the foreground or inside a running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Generator

import anyio
import uvicorn
from starlette.types import ASGIApp

from .faults.dropping import Http, Socket

_MOST_FRAME_BYTES = 16 * 1024 * 1024  # as the official Python client has it


async def serve(app: ASGIApp, port: int, *, listening: Callable[[str], None] = lambda _: None) -> None:
    """Serve on 127.0.0.1 until cancelled or signalled; port 0 is any. `listening` is told the base URL."""
    with _listener(port) as listener:
        listening(_url(listener))
        async with _running(uvicorn.Server(_config(app)), listener) as task:
            # Shielded, so that a cancellation ends the server in order.
            await asyncio.shield(task)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncGenerator[str]:
    """Serve beside the caller's own work; yields the base URL."""
    with _listener(port) as listener:
        async with _running(_Guest(_config(app)), listener):
            yield _url(listener)


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
    listener = socket.create_server(("127.0.0.1", port))
    # Connections inherit it; without, an answer's body waits 40 ms for the client to acknowledge the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Http,
        ws=Socket,
        ws_max_size=_MOST_FRAME_BYTES,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="error",
        timeout_graceful_shutdown=1,
    )
