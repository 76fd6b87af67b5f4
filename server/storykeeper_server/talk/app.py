"""The talk page over HTTP: what it shows, and the few things that it may ask for."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storykeeper_tools.errors import BadInput, StorykeeperError
from storykeeper_tools.provisioning.proposals import LONGEST, plain

from .desk import PATIENCE, document, wish
from .gallery import Gallery, spoken
from .guard import Asked, Guard
from .limits import Gate, Limits
from .pictures import MIME, PORTRAIT
from .refusals import Refused, refused
from .tracing import visited

ASSETS = Path(__file__).parent / "assets"
HEALTH = "/healthz"
MOST_BYTES = 8 * 1024
NO_STORE = {"Cache-Control": "no-store"}
_FOREVER, _TODAY = {"Cache-Control": "public, max-age=31536000, immutable"}, {"Cache-Control": "public, max-age=86400"}
_HASHED = re.compile(r"-[A-Z0-9]{8}\.\w+$")
_UNBUILT = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Storykeeper</title><h1>The talk page isn't built yet</h1>"
    "<p>Run <code>make talk</code> where Storykeeper's sources are (it needs Node.js and npm), and open this page again."
    "<p>In a terminal it works without: <code>storykeeper talk --terminal ID</code>.</html>"
)
_LOG = logging.getLogger(__name__)
Handler = Callable[["Page", Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """`proposing` limits corrections as `Desk.gate` does talks; `patience` is how many seconds a body may take."""

    gallery: Gallery
    guard: Guard
    proposing: Gate
    assets: Path = ASSETS
    patience: float = PATIENCE


def build(
    gallery: Gallery, guard: Guard, service: str, *, proposals: Limits | None = None, assets: Path = ASSETS
) -> ASGIApp:
    """The page; `service` is the base URL of ElevenLabs, with which browsers may connect."""
    page = Page(gallery, guard, Gate(proposals or Limits(caller=10, total=60)), assets, gallery.desk.patience)
    routes = [
        Route(HEALTH, _healthy),
        Route("/", _on(page, _shell), name="index.html"),
        Route("/c/{id}", _on(page, _shell), name="companion.html"),
        Route("/assets/{file:path}", _on(page, _asset)),
        Route("/api/companions", _on(page, _all)),
        Route("/api/companions/{id}", _on(page, _one)),
        Route("/api/companions/{id}/portrait", _on(page, _picture)),
        Route("/api/companions/{id}/photos/{photo}", _on(page, _picture)),
        Route("/api/companions/{id}/session", _on(page, _session), methods=["POST"]),
        Route("/api/companions/{id}/corrections", _on(page, _correct), methods=["POST"]),
    ]
    strange = {HTTPException: _strange, Refused: _refused, StorykeeperError: _failed, Exception: _broken}
    app = Starlette(routes=routes, exception_handlers=strange)
    app.router.redirect_slashes = False
    return Fenced(app, guard, headers(service))


def headers(service: str) -> dict[str, str]:
    """What every answer says to a browser: nothing but ours, nowhere but here and the service, and no framing."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "media-src": "'self' blob:",
        "worker-src": "'self'",
        "connect-src": f"'self' {' '.join(_sockets(service))}",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), display-capture=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _sockets(service: str) -> list[str]:
    """Where talks lead to: the very address of a sandbox, or any of the service's."""
    parts = urlsplit(service)
    if parts.scheme == "http":
        return [f"ws://{parts.netloc}"]
    return ["wss://*.elevenlabs.io", f"wss://{parts.netloc}"]


@dataclass(frozen=True, slots=True)
class Fenced:
    """Around everything: names that aren't ours are refused, and every answer has the headers."""

    app: ASGIApp
    guard: Guard
    headers: Mapping[str, str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def fenced(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                ours = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
                message["headers"] = [*message["headers"], *(row for row in ours if row[0] not in given)]
            await send(message)

        try:
            if scope["path"] != HEALTH:  # which is asked for by an address, and tells nothing
                self.guard.check_host(Request(scope).headers.get("host", ""))
        except Refused as refusal:
            await _answer(refusal)(scope, receive, fenced)
            return
        with suppress(Exception):  # `_broken` has answered and logged it; the server would log where it came from
            await self.app(scope, receive, fenced)


def _on(page: Page, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        with visited(request) as work:
            page.guard.enter(_asked(request))
            response = await handler(page, request)
            work.tell({"http.response.status_code": response.status_code})
            return response

    return handle


def _asked(request: Request) -> Asked:
    return Asked(request.headers, request.cookies)


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"}, headers=NO_STORE)


async def _shell(page: Page, request: Request) -> Response:
    """The same for every companion: what is particular comes over the API."""
    file = page.assets / ("companion.html" if "id" in request.path_params else "index.html")
    if file.is_file():
        response: Response = HTMLResponse(file.read_bytes(), headers=NO_STORE)
    else:
        response = HTMLResponse(_UNBUILT, 503, headers=NO_STORE)
    secure = any(origin.startswith("https:") for origin in page.guard.origins)
    response.set_cookie(
        page.guard.cookie, page.guard.page(_asked(request)), httponly=True, samesite="strict", secure=secure
    )
    return response


async def _asset(page: Page, request: Request) -> Response:
    """Files of the build alone; the names of most change with what is in them."""
    folder = page.assets.resolve()
    try:
        file = (folder / request.path_params["file"]).resolve()
        there = file.is_relative_to(folder) and file.is_file()
    except (OSError, ValueError):  # a name that no file can have
        there, file = False, folder
    if not there or file.suffix in {"", ".html"}:
        raise Refused("not_found")
    return FileResponse(file, headers=_FOREVER if _HASHED.search(file.name) else _TODAY)


async def _all(page: Page, request: Request) -> Response:
    language = spoken(request.headers.get("accept-language", ""))
    return JSONResponse(page.gallery.all(language), headers={**NO_STORE, "Vary": "Accept-Language"})


async def _one(page: Page, request: Request) -> Response:
    return JSONResponse(await page.gallery.one(request.path_params["id"]), headers=NO_STORE)


async def _picture(page: Page, request: Request) -> Response:
    photo = request.path_params.get("photo", PORTRAIT)
    made = await page.gallery.picture(request.path_params["id"], photo)
    return Response(made, media_type=MIME, headers={"Cache-Control": "private, max-age=3600"})


async def _session(page: Page, request: Request) -> Response:
    caller = page.guard.caller(_asked(request))
    known = page.gallery.known(request.path_params["id"])
    opened = await page.gallery.desk.session(known.id, caller, wish(await _body(page, request)))
    return JSONResponse(opened, headers=NO_STORE)


async def _correct(page: Page, request: Request) -> Response:
    caller = page.guard.caller(_asked(request))
    known = page.gallery.known(request.path_params["id"])
    text = _text(await _body(page, request))
    page.proposing.admit(caller)
    page.gallery.propose(known, text)
    return JSONResponse({"proposed": True}, headers=NO_STORE)


def _text(body: bytes) -> str:
    said = document(body)
    if list(said) != ["text"] or not isinstance(said["text"], str):
        raise Refused("bad_request", why="a body that isn't a correction")
    try:
        return plain(said["text"])
    except BadInput:
        raise Refused("too_long" if len(said["text"]) > LONGEST else "bad_request", why="no correction") from None


async def _body(page: Page, request: Request) -> bytes:
    """JSON that is short: a form of another page's can't send that without being asked first."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused("bad_request", why="a body that isn't JSON")
    try:
        async with asyncio.timeout(page.patience):
            return await _read(request)
    except (TimeoutError, ClientDisconnect):
        raise Refused("bad_request", why="a body that didn't come") from None


async def _read(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Refused("too_long")
    return body


def _answer(refusal: Refused) -> Response:
    return JSONResponse(refusal.body, refusal.status, headers=refusal.headers)


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refused)  # noqa: S101 - Starlette only says Exception
    return _answer(refusal)


async def _strange(_: Request, error: Exception) -> Response:
    """What no route is for."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    answer = _answer(Refused("not_allowed" if error.status_code == 405 else "not_found"))
    answer.headers.update(error.headers or {})
    return answer


async def _failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, StorykeeperError)  # noqa: S101 - as above
    _LOG.warning("a visitor was turned away: %s", error.code)
    return _answer(refused(error))


async def _broken(_: Request, error: Exception) -> Response:
    _LOG.error("something broke: %s", type(error).__name__)
    return _answer(Refused("broken"))
