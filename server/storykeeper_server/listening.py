"""How anything of ours listens, the talk page and the tools alike: where, and as a guest in its caller's loop."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from storykeeper_tools.errors import BadInput

from .connections import Guarded, backlog

_QUEUE = 2048  # connections that nobody has taken yet


def listener(host: str, port: int, option: str) -> socket.socket:
    """Listening already, so that the first request waits. Raises BadInput for an address that can't be had, which
    `option` changes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = socket.create_server((host, port), family=family, backlog=_QUEUE)
    except OSError as error:
        what = os.strerror(code) if (code := error.errno or 0) > 0 else "there is no such address"
        raise BadInput(
            f"port {port} of {host} can't be used: {what}", next=f"choose another one with {option}"
        ) from None
    # Connections inherit it; without, an answer's body waits 40 ms for the client to acknowledge the head.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


class Guest(uvicorn.Server):
    """A server that leaves signals to whoever runs the loop."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(_QUEUE)  # it was as few as are taken at once: for both asyncio has one figure

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def guest(app: ASGIApp) -> Guest:
    """Not yet serving. It logs no requests, whose addresses may name companions, and tells no server's name."""
    return Guest(
        uvicorn.Config(
            app,
            http=Guarded,
            backlog=backlog(),
            ws="none",
            lifespan="off",  # what the app needs is opened around it, so that what goes wrong there is told as ever
            access_log=False,
            log_config=None,
            log_level="error",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )
