"""Pages for the knowledge base. Only loopback addresses are contacted: of other pages the sandbox says that they weren't."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from ..addresses import is_loopback, leads_here
from ..envelopes import Refusal, invalid
from . import extraction, markup

if TYPE_CHECKING:
    import httpx

_SECONDS = 10.0
_MOST = 5 * 1024 * 1024
_HOPS = 5
_PORTS = range(1, 65536)
_ADMIN = "_sandbox"


class Page(NamedTuple):
    """A page's text and title; `missing` if the text stands only for one that wasn't fetched."""

    text: str
    title: str
    missing: bool


async def fetch(url: str, origin: str | None) -> Page:
    """The page at an address. A page that can't be had is a 400, whose codes are ours.

    `origin` is the header of who asks: what only this machine can read is not fetched for a web page of elsewhere.
    """
    # Imported late: a sandbox that fetches nothing starts without an HTTP client.
    import httpx

    try:
        address = httpx.URL(url)
        with anyio.fail_after(_SECONDS):
            async with httpx.AsyncClient(trust_env=False, timeout=_SECONDS) as client:
                return await _page(client, _checked(address), trusted=origin is None or leads_here(origin))
    except httpx.InvalidURL as error:
        raise _invalid() from error
    except (httpx.HTTPError, TimeoutError, extraction.Unreadable) as error:
        raise _failed(f"The page could not be fetched: {error or type(error).__name__}.") from error


async def _page(client: httpx.AsyncClient, address: httpx.URL, *, trusted: bool) -> Page:
    for _ in range(_HOPS):
        if not trusted or not is_loopback(address.host):
            why = "only loopback addresses are contacted" if trusted else "a page of another origin asked for it"
            return Page(f"[Sandbox: {address} was not fetched; {why}.]", "", missing=True)
        async with client.stream("GET", address) as response:
            if response.next_request is None:
                return await _read(response)
            address = _checked(response.next_request.url)
    raise _failed(f"The page is more than {_HOPS} redirects away.")


async def _read(response: httpx.Response) -> Page:
    response.raise_for_status()
    kind = extraction.kind(response.url.path, response.headers.get("content-type"))
    if kind is None:
        raise _failed("The page is of a type that can't be read.")
    data = b""
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > _MOST:
            raise _failed(f"The page is larger than {_MOST} bytes.")
    text, missing = await anyio.to_thread.run_sync(extraction.extract, data, kind)
    return Page(text, markup.title(extraction.decoded(data)) if kind == "html" else "", missing)


def _checked(address: httpx.URL) -> httpx.URL:
    if address.scheme not in ("http", "https") or not address.host or (address.port or 80) not in _PORTS:
        raise _invalid()
    # The sandbox may be told to fetch from itself, but never to turn its own switches.
    if _ADMIN in address.path:
        raise _failed("The sandbox does not fetch its own controls.")
    return address


def _invalid() -> Refusal:
    return invalid("invalid_url", "The URL must be one of http or https.", "url")


def _failed(message: str) -> Refusal:
    return invalid("url_fetch_failed", message, "url")
