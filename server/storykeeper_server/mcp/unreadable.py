"""What to say to what is no message, whichever way it came: why, and nothing of what was sent."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from mcp.types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REASONS = {
    PARSE_ERROR: "Parse error: not JSON, nested too deeply, or with text that isn't Unicode",
    INVALID_REQUEST: "Invalid Request: not a single JSON-RPC 2.0 message",
}


def answer(error: ValidationError) -> JSONRPCError | None:
    """What to say to a line that is no message; None for an empty one, and for what was meant as an answer."""
    first = error.errors(include_url=False)[0]
    broken = first["type"] == "json_invalid"
    if broken and not str(first["input"]).strip():
        return None
    said = _read(str(first["input"])) if broken else _whole(error)
    if "method" not in said and said.keys() & {"result", "error"}:
        return None
    code = PARSE_ERROR if broken else INVALID_REQUEST
    return JSONRPCError(jsonrpc="2.0", id=_id(said), error=ErrorData(code=code, message=REASONS[code]))


def _id(said: dict[str, Any]) -> str | int | None:
    """Only a request's own; under another one the answer would end somebody else's call."""
    id = said.get("id") if "method" in said else None
    if isinstance(id, str):
        return id if id.isprintable() else None
    return id if isinstance(id, int) and not isinstance(id, bool) else None


def _read(line: str) -> dict[str, Any]:
    """Python reads some lines that aren't quite JSON, such as those with half a character, and so says whose they are."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if _is_object(said) else {}


def _whole(error: ValidationError) -> dict[str, Any]:
    """The object that lacks what a message has."""
    inputs = (each["input"] for each in error.errors(include_url=False) if each["type"] == "missing")
    nothing: dict[str, Any] = {}
    return next((each for each in inputs if _is_object(each)), nothing)


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


class Unquoting:
    """An ASGI layer. To a body that is no message, the SDK answers with what it found where, in the older era."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def holding(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 400:
                held.append(message)
            elif not held:
                await send(message)
            else:
                await _say(held, message, send)

        await self._app(scope, receive, holding)


async def _say(held: list[Message], message: Message, send: Send) -> None:
    held.append(message)
    if message.get("more_body"):
        return
    start, *parts = held
    body = _unquoted(b"".join(part.get("body", b"") for part in parts))
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


def _unquoted(body: bytes) -> bytes:
    """An error without an id is about the body as a whole."""
    said = _read(body.decode(errors="replace"))
    error: Any = said.get("error")
    if said.get("id", "") is not None or not _is_object(error):
        return body
    code = INVALID_REQUEST if error.get("code") == INVALID_PARAMS else error.get("code")
    if code not in REASONS:
        return body
    return json.dumps({**said, "error": {"code": code, "message": REASONS[code]}}).encode()
