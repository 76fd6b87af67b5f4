"""Faults in action: an ASGI layer that spoils the requests that a rule is due for. No cost where there is no rule."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

import anyio
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..bodies import read_form, read_json
from ..control.request_log import note_fault, note_form, note_json
from ..envelopes import Invalid, Refusal, rendered
from .corruption import SPOILED
from .rules import Dropped, Rule

if TYPE_CHECKING:
    from ..routing import Setup

_LONGEST = 300.0
_TRICKLE, _PIECES = 5.0, 10
_NAMES = {
    401: ("authentication_error", "unauthorized"),
    402: ("payment_required", "insufficient_credits"),
    404: ("not_found", "not_found"),
    409: ("conflict", "conflict"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("service_unavailable", "service_unavailable"),
}


@dataclass
class _Answer:
    """What the handler answered, held back."""

    start: Message
    body: bytes

    @property
    def headers(self) -> MutableHeaders:
        return MutableHeaders(raw=self.start["headers"])


class Spoiler:
    """Lets a request through, or does to it what its rule says."""

    def __init__(self, app: ASGIApp, setup: Setup) -> None:
        self._app = app
        self._setup = setup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = self._setup.faults.due(scope.get("method", "WS"), scope["path"])
        if rule is None:
            await self._app(scope, receive, send)
            return
        note_fault(scope, str(rule))
        if scope["type"] == "websocket":
            await self._spoil_socket(rule, scope, receive, send)
        elif rule.commits or rule.kind in SPOILED or rule.kind in ("slow", "reset-mid-body"):
            await self._spoil(rule, await self._handled(scope, receive), scope, receive, send)
        else:
            await self._note_body(scope, receive)
            await self._spoil(rule, _Answer({"headers": [], "status": 200}, b""), scope, receive, send)

    async def _spoil(self, rule: Rule, answer: _Answer, scope: Scope, receive: Receive, send: Send) -> None:
        kind = rule.kind.removesuffix("-after-commit")
        if kind == "reset":
            raise Dropped
        if kind == "blackhole":
            await _gone(scope, receive, rule.seconds or _LONGEST)
            raise Dropped
        if kind == "slow":
            await _trickle(answer, rule.seconds or _TRICKLE, scope, receive, send)
        elif kind == "reset-mid-body":
            await send(answer.start)
            await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
            raise Dropped
        elif kind in SPOILED:
            await send({**_spoiled(rule, answer), "type": "http.response.start"})
            await send({"type": "http.response.body", "body": answer.body})
        else:
            await self._instead(rule, kind, Request(scope))(scope, receive, send)

    async def _handled(self, scope: Scope, receive: Receive) -> _Answer:
        messages: list[Message] = []

        async def hold(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, hold)
        return _Answer(messages[0], b"".join(message.get("body", b"") for message in messages))

    async def _note_body(self, scope: Scope, receive: Receive) -> None:
        # Read to its end too, else a client that is busy sending would miss the answer.
        request, limit = Request(scope, receive), self._setup.switches.max_body_bytes
        with contextlib.suppress(Invalid, Refusal):
            if request.headers.get("content-type", "").lower().startswith("multipart/"):
                form = await read_form(request, limit)
                note_form(scope, form)
                await form.close()
            else:
                note_json(scope, await read_json(request, limit))

    def _instead(self, rule: Rule, kind: str, request: Request) -> Response:
        if kind == "redirect":
            target = f"{rule.to.rstrip('/')}{request.url.path}"
            return RedirectResponse(
                f"{target}?{request.url.query}" if request.url.query else target, rule.status or 307
            )
        if kind == "echo-key":
            message = f"Something went wrong with the key {request.headers.get('xi-api-key', '')}."
            return self._error(Refusal(rule.status or 500, "internal_error", "internal_error", message), request)
        answer = self._status(rule, int(kind), request)
        if rule.retry_after:
            answer.headers["retry-after"] = self._retry_after(rule.retry_after)
        return answer

    def _status(self, rule: Rule, status: int, request: Request) -> Response:
        if rule.body == "html":
            return HTMLResponse(f"<html><body><h1>{status}</h1></body></html>", status)
        if rule.body != "json":
            return PlainTextResponse("" if rule.body == "empty" else "upstream error", status)
        usual = ("internal_error", "internal_error") if status >= 500 else ("invalid_request", "invalid_request")
        type, code = _NAMES.get(status, usual)
        message = f"The sandbox was told to answer {status} here."
        return self._error(Refusal(status, type, rule.code or code, message), request)

    def _error(self, refusal: Refusal, request: Request) -> Response:
        return rendered(refusal, request.state.trace, self._setup.switches.envelope)

    def _retry_after(self, value: str) -> str:
        ahead = value.removeprefix("date+")
        dated = ahead != value and ahead.isdecimal()
        return formatdate(self._setup.clock() + int(ahead), usegmt=True) if dated else value

    async def _spoil_socket(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        if rule.kind == "blackhole":
            await _gone(scope, receive, rule.seconds or _LONGEST)
        if rule.kind != "reset-after-open":
            raise Dropped
        await self._app(scope, receive, _cut(send, rule.messages))
        raise Dropped  # again: a handler takes the first one for a client that went away


def _cut(send: Send, messages: int) -> Send:
    left = messages

    async def counting(message: Message) -> None:
        nonlocal left
        if left < 0:
            raise Dropped
        await send(message)
        left -= message["type"] == "websocket.send"
        if left == 0 and message["type"] in ("websocket.accept", "websocket.send"):
            left = -1
            raise Dropped

    return counting


async def _gone(scope: Scope, receive: Receive, seconds: float) -> bool:
    """Wait, at most so long, for the client to go; whether it did."""
    scope["state"]["held"] = True  # what serves the sandbox needn't wait for such a request when it ends
    with anyio.move_on_after(seconds):
        while not (await receive())["type"].endswith(".disconnect"):
            pass
        return True
    return False


async def _trickle(answer: _Answer, seconds: float, scope: Scope, receive: Receive, send: Send) -> None:
    await send(answer.start)
    size = max(1, -(-len(answer.body) // _PIECES))
    for at in range(0, len(answer.body), size):
        if await _gone(scope, receive, seconds / _PIECES):
            return
        await send({"type": "http.response.body", "body": answer.body[at : at + size], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _spoiled(rule: Rule, answer: _Answer) -> Message:
    """The start of an answer whose body was spoiled in place."""
    answer.body = SPOILED[rule.kind](answer.body)
    headers = answer.headers
    headers["content-length"] = str(len(answer.body))
    if rule.kind == "html":
        headers["content-type"] = "text/html; charset=utf-8"
    return {**answer.start, "status": rule.status or answer.start["status"]}
