"""Serving the page: on the loopback interface, unless somebody who checks callers stands before it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Generator

import anyio
import uvicorn
from starlette.types import ASGIApp

from storykeeper_tools.errors import BadInput

LOOPBACK = "127.0.0.1"


def listener(host: str, port: int) -> socket.socket:
    """Listening already, so that the first request waits. Raises BadInput for an address that can't be had."""
    try:
        found = socket.create_server((host, port))
    except OSError as error:
        what = os.strerror(code) if (code := error.errno or 0) > 0 else "there is no such address"
        raise BadInput(f"port {port} of {host} can't be used: {what}", next="choose another one with --port") from None
    # Connections inherit it; without, an answer's body waits 40 ms for the client to acknowledge the head.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def origins(host: str, port: int) -> frozenset[str]:
    """What browsers on this machine call the page."""
    names = [LOOPBACK, "localhost"] if host in {LOOPBACK, "localhost"} else [host]
    return frozenset(f"http://{name}:{port}" for name in names)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, listening: socket.socket) -> AsyncGenerator[None]:
    """Serve beside the caller's own work; signals are left to whoever runs the loop."""
    server = _Guest(_config(app))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        with anyio.CancelScope(shield=True):
            await task


class _Guest(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _config(app: ASGIApp) -> uvicorn.Config:
    """No log of requests: their addresses name companions, and their answers hold credentials."""
    return uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
