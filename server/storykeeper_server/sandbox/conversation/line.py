"""The socket: frames out and in. Of the optional events only those go out that the agent's settings ask for."""

from __future__ import annotations

from pydantic_core import to_json
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..schema import strip
from ..state import Row, State
from . import frames
from .ending import Ended, Gone

# Without these no conversation works, so they are sent even where the settings don't name them.
_ESSENTIAL = frozenset({"conversation_initiation_metadata", "ping", "client_tool_call", "error"})


class Line:
    """One client. Frames with unknown fields, or of unknown types, are recorded as warnings."""

    def __init__(self, socket: WebSocket, state: State) -> None:
        self._socket = socket
        self._state = state
        self.events: frozenset[str] = frozenset()

    async def send(self, frame: Row) -> None:
        """Send a frame if it is wanted; `Gone` if nobody is there any more."""
        if frame["type"] in _ESSENTIAL or frame["type"] in self.events:
            try:
                await self._socket.send_text(to_json(frame).decode())
            except (WebSocketDisconnect, RuntimeError) as error:
                raise Gone from error

    async def receive(self) -> frames.Frame:
        """The next frame of the client; `Gone` when it left, `Ended` for what is no frame."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise Gone
        frame = frames.parse(message.get("text"))
        unknown = ["type"] if isinstance(frame, frames.Unknown) else strip(frame)
        if unknown:
            name = type(frame).__name__.lower()
            self._state.warn(self._socket.url.path, [f"{name}.{field}" for field in unknown])
        return frame

    async def close(self, end: Ended) -> None:
        """Say why, where there is more to say than a code, and close."""
        if isinstance(end, Gone) or self._socket.client_state is WebSocketState.DISCONNECTED:
            return
        try:
            if end.kind:
                await self.send(frames.error(end))
            await self._socket.close(end.code, end.reason)
        except (Gone, WebSocketDisconnect, RuntimeError):
            return  # it left at the same moment; that is as good
