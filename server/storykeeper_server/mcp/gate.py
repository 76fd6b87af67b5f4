"""What stands before the tools when they are served over HTTP: who calls, and whether that is for them."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

import anyio
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecurityMiddleware
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storykeeper_tools.access import SCOPES

from .auth import Verifier
from .draining import CUT, lasting
from .provider import SKEW_SECONDS, OutOfReach, Unverified
from .refusals import Refused
from .scopes import Needs, needed_by

log = logging.getLogger(__name__)

MOST_BYTES = 4 * 1024 * 1024
BODY_SECONDS = 30.0
OPEN = "/healthz"
_SETTING = "STORYKEEPER_HTTP_HOSTS"
_NOT_OURS = {
    421: f"this server isn't called by that name; whoever runs it can add the name to {_SETTING}",
    403: f"pages of that site may not call this server; whoever runs it can add the site to {_SETTING}",
}
_BEARER = "bearer "
_LONGEST = 86_400  # seconds of a stream


@dataclass(frozen=True, slots=True)
class Named:
    """Around everything: another name than ours, or another site's page, gets no further."""

    app: ASGIApp
    security: TransportSecurityMiddleware

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _ambiguous(Headers(scope=scope)):
            await Response("Two lengths", 400, headers={"Connection": "close"})(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] != OPEN:  # which is asked for by an address, and tells nothing
            refusal = await self.security.validate_request(Request(scope))
            if refusal is not None:
                await _not_ours(refusal.status_code, Headers(scope=scope)).answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _not_ours(status: int, headers: Headers) -> Refused:
    """The name is told to the log alone, cut and quoted: it is whatever somebody sent."""
    name = headers.get("host" if status == 421 else "origin", "").rpartition("://")[2]
    log.warning("a call was turned away: %.80r isn't one of %s; if it is yours, add it", name, _SETTING)
    return Refused(status, _NOT_OURS[status])


def _ambiguous(headers: Headers) -> bool:
    """Whether a proxy may have read another length than we do, and somebody's next request in this one's body."""
    return "transfer-encoding" in headers and "content-length" in headers


@dataclass(frozen=True, slots=True)
class Gate:
    """Around the tools: lets in those with a token, to do what it is good for. `metadata` is where callers learn how to
    get one, if anywhere."""

    app: ASGIApp
    verifier: Verifier
    needs: Needs
    metadata: str | None = None
    most_bytes: int = MOST_BYTES
    patience: float = BODY_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = await self._caller(Headers(scope=scope))
            body = await self._body(scope, receive) if scope["method"] == "POST" else None
            if body is not None:
                self._check_scope(caller, body)
        except Refused as refusal:
            await refusal.answer(scope, receive, send)
            return
        except ClientDisconnect:
            return
        _limit(scope, caller)
        user = {**scope, "user": AuthenticatedUser(caller)}
        await AuthContextMiddleware(self.app)(user, receive if body is None else _replayed(body, receive), send)

    async def _caller(self, headers: Headers) -> AccessToken:
        said = headers.getlist("authorization")
        if not said:
            raise Refused(401, "a bearer token is needed", challenge=self._challenge(SCOPES[0]))
        try:
            if len(said) > 1 or said[0][: len(_BEARER)].lower() != _BEARER:
                raise Unverified("NoBearerToken")
            return await self.verifier.verify(said[0][len(_BEARER) :].strip())
        except Unverified as error:
            log.info("a caller was turned away: %s", str(error))
            what = "that token isn't good here"
            raise Refused(401, what, challenge=self._challenge(SCOPES[0], "invalid_token", what)) from None
        except OutOfReach:
            what = "the identity provider can't be reached; call again in a moment"
            raise Refused(503, what, again=5) from None

    def _check_scope(self, caller: AccessToken, body: bytes) -> None:
        needed = needed_by(body, self.needs)
        if needed is None or needed in caller.scopes:
            return
        log.info("%.80r may not do that: it needs the scope %s", caller.client_id, needed)
        # With those that it has: a client asks for just what is named, and would lose them.
        all_of_them = " ".join(scope for scope in SCOPES if scope == needed or scope in caller.scopes)
        what = f"this needs the scope {needed}"
        raise Refused(403, what, challenge=self._challenge(all_of_them, "insufficient_scope", what))

    def _challenge(self, scope: str, error: str = "", what: str = "") -> dict[str, str]:
        """As RFC 6750 and RFC 9728 have it; who said nothing is told no error."""
        why = {"error": error, "error_description": what} if error else {}
        return {**why, "scope": scope, **({"resource_metadata": self.metadata} if self.metadata else {})}

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self.patience):
                return await self._read(Request(scope, receive))
        except TimeoutError:
            raise Refused(408, "the request didn't come in time") from None

    async def _read(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        body = bytearray()
        if not (declared.isdigit() and int(declared) > self.most_bytes):
            async for part in request.stream():
                body += part
                if len(body) > self.most_bytes:
                    break
            else:
                return bytes(body)
        raise Refused(413, f"a request may have {self.most_bytes} bytes; give recordings as files of the server")


def _limit(scope: Scope, caller: AccessToken) -> None:
    """A stream ends with the token that it was opened with; a call may end, as it has a bound of its own."""
    if caller.expires_at is not None and CUT in scope and lasting(scope):
        left = min(caller.expires_at + SKEW_SECONDS - int(time.time()), _LONGEST)
        scope[CUT].deadline = anyio.current_time() + left


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, for whoever comes next."""
    due: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return due.pop() if due else await receive()

    return again
