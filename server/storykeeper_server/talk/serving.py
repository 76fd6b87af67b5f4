"""Serving the page: on the loopback interface, unless somebody who checks callers stands before it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator

import anyio
from starlette.types import ASGIApp

from ..listening import guest

LOOPBACK = "127.0.0.1"


def origins(host: str, port: int) -> frozenset[str]:
    """What browsers on this machine call the page."""
    names = [LOOPBACK, "localhost"] if host in {LOOPBACK, "localhost"} else [host]
    return frozenset(f"http://{name}:{port}" for name in names)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, listening: socket.socket) -> AsyncGenerator[None]:
    """Serve beside the caller's own work."""
    server = guest(app)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        with anyio.CancelScope(shield=True):
            await task
