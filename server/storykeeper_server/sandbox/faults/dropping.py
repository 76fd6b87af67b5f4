"""The HTTP server's protocols, able to drop a connection as a broken network would: no answer, and a reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .rules import Dropped

# Without lingering, closing a socket resets its connection instead of ending it in order.
_RESET = struct.pack("ii", 1, 0)


class Http(H11Protocol):
    """HTTP/1.1 whose connections a fault can reset."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.app: Any = _droppable(self.app, self)

    def shutdown(self) -> None:
        """End, without waiting for an answer that a fault holds back."""
        super().shutdown()
        if self.cycle and cast("Scope", self.cycle.scope)["state"].get("held"):
            self.transport.abort()


class Socket(WebSocketsSansIOProtocol):
    """A WebSocket that a fault can reset."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.app: Any = _droppable(self.app, self)


def _droppable(app: ASGIApp, protocol: Http | Socket) -> ASGIApp:
    async def dropped(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Dropped:
            _reset(protocol.transport)
            # The server takes a request without an answer for a failure, unless its client is seen to be gone.
            while not (await receive())["type"].endswith(".disconnect"):
                pass

    return dropped


def _reset(transport: asyncio.Transport) -> None:
    if not transport.is_closing():  # which it is when the client went first
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
