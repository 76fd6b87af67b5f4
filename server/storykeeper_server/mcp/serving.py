"""The server over HTTP: what it answers, and how it starts and stops."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mcp.server import MCPServer
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.auth.settings import AuthSettings
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.transport_security import TransportSecurityMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from storykeeper_tools.access import SCOPES, Access
from storykeeper_tools.catalogue import Tool
from storykeeper_tools.errors import StorykeeperError

from ..listening import guest
from .addresses import PATH, allowed, public
from .auth import Verifier
from .draining import Drain, Drained
from .gate import OPEN, Gate, Named
from .provider import Provider
from .scopes import needs, within_scope
from .unreadable import Unquoting

log = logging.getLogger(__name__)

_FRESH_SECONDS = 1.0
_FAREWELL_SECONDS = 2.0


@dataclass(slots=True)
class Health:
    """Whether there is any use in sending calls here. Anybody may ask, so `check` is called once a second at most."""

    check: Callable[[], object]
    drain: Drain
    clock: Callable[[], float] = time.monotonic
    _known: tuple[float, str] = field(default=(float("-inf"), ""))

    async def answer(self, _: Request) -> Response:
        status = "draining" if self.drain.begun else self._checked()
        return JSONResponse({"status": status}, 200 if status == "ok" else 503, headers={"Cache-Control": "no-store"})

    def _checked(self) -> str:
        if self.clock() >= self._known[0] + _FRESH_SECONDS:
            self._known = self.clock(), self._found()
        return self._known[1]

    def _found(self) -> str:
        try:
            self.check()
        except StorykeeperError as error:
            log.warning("not healthy: %s", error)
            return "unavailable"
        return "ok"


@dataclass(frozen=True, slots=True)
class Site:
    """Where it is served: `host` and `port` are those of the listener. `stateless` is for several processes, which know
    nothing of each other's sessions; `check` raises while the state can't be used."""

    host: str
    port: int
    access: Access
    tools: tuple[Tool, ...]
    check: Callable[[], object]
    stateless: bool = False
    ca_file: str | None = None


def web(server: MCPServer[Any], site: Site, drain: Drain) -> Starlette:
    """The whole of what is served, once `server.session_manager` runs: the tools, what OAuth needs to know of them, and
    whether all is well."""
    security = allowed(site.host, site.port, site.access)
    server.streamable_http_app(stateless_http=site.stateless, transport_security=security)
    # The SDK's own application would let every good token do everything.
    tools: ASGIApp = Unquoting(StreamableHTTPASGIApp(server.session_manager))
    routes = [Route(OPEN, Health(site.check, drain).answer)]
    if site.access.closed:
        needed = needs(site.tools)
        server.middleware.append(within_scope(needed))
        metadata = _metadata(site)
        routes += metadata[1]
        tools = Gate(tools, _verifier(site), needed, metadata[0])
    routes.append(Route(PATH, Drained(tools, drain)))
    named = Middleware(Named, security=TransportSecurityMiddleware(security))
    app = Starlette(routes=routes, middleware=[named])
    app.router.redirect_slashes = False
    return app


def _verifier(site: Site) -> Verifier:
    access = site.access
    if not access.issuer:
        return Verifier(access.tokens)
    audience = access.audience or public(site.host, site.port, access)
    return Verifier(access.tokens, Provider(access.issuer, audience, access.jwks, site.ca_file))


def _metadata(site: Site) -> tuple[str | None, list[Route]]:
    """RFC 9728: which provider to ask for a token. There is nothing to say without one."""
    if not site.access.issuer:
        return None, []
    resource = public(site.host, site.port, site.access)
    # The SDK's settings keep addresses as they were written, and issuers are compared letter by letter.
    said = AuthSettings.model_validate(
        {"issuer_url": site.access.issuer, "resource_server_url": resource, "validate_token_resource": False}
    )
    assert said.resource_server_url  # noqa: S101 - it is given above
    routes = create_protected_resource_routes(
        said.resource_server_url, [said.issuer_url], list(SCOPES), resource_name="Storykeeper"
    )
    return str(build_resource_metadata_url(said.resource_server_url)), routes


async def serve(server: MCPServer[Any], site: Site, listening: socket.socket, leave: asyncio.Event) -> None:
    """Serve until it is time to leave, and then until what is under way has ended, or been told to."""
    logging.getLogger("mcp.server").setLevel(logging.WARNING)  # it tells ids of sessions, which are credentials
    logging.getLogger("mcp.server.transport_security").setLevel(logging.ERROR)  # what it says the gate says better
    drain = Drain()
    http = guest(web(server, site, drain))
    async with server.session_manager.run():
        serving = asyncio.ensure_future(http.serve(sockets=[listening]))
        leaving = asyncio.ensure_future(leave.wait())
        await asyncio.wait((serving, leaving), return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if not serving.done():
            await drain.finish()
        http.should_exit = True
        # What there is to lose is written down, and an engine whose database is away would wait for it.
        last = asyncio.get_running_loop().call_later(_FAREWELL_SECONDS, os._exit, 0)
        await serving
    last.cancel()
