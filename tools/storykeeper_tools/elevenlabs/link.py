"""The way to ElevenLabs: bytes out, a document or an error back. One pooled connection set, opened at the first use."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import AuthMissing, TimedOut, Unavailable, UnexpectedAnswer, UpstreamError
from .attempts import attempt
from .errors import decipher
from .pace import Pace

if TYPE_CHECKING:
    import httpx

CONNECTING, POOLING, LONGEST = 10.0, 30.0, 240.0


@dataclass(slots=True)
class Link:
    """`base_url` may be set until the first use. Without a key every exchange is AuthMissing.

    Redirects aren't followed, so the key can't be carried to another host, and proxies of the environment aren't used,
    so nobody unnamed sees it. `pace` is for whoever sends: an exchange doesn't wait for its turn.
    `date` is what the last answer said of the time.
    """

    base_url: str
    key: str | None = field(repr=False)
    transport: httpx.AsyncBaseTransport | None = None
    ca_file: str | None = None
    pace: Pace | None = None
    date: str = ""
    _http: httpx.AsyncClient | None = None

    async def exchange(self, method: str, path: str, *, resent: int = 0, **content: Any) -> Any:
        """One request and the JSON of its answer; `resent` is how often it was sent before. Raises with `maybe_done` set
        where the service may have acted."""
        import httpx  # 40 ms that listing the tools needn't wait for

        if self.key is None:
            raise AuthMissing("there is no ElevenLabs key")
        with attempt(method, self.base_url, path, resent) as told:
            try:
                response = await self._opened().request(method, path, headers={"xi-api-key": self.key}, **content)
            except httpx.HTTPError as error:
                raise _lost(error) from error
            told.answered(response.status_code, response.headers)
            self.date = response.headers.get("date", "")
            if not response.is_success:
                raise decipher(response.status_code, response.headers, response.text, secret=self.key)
            return _document(response)

    async def close(self) -> None:
        if self._http:
            await self._http.aclose()
            self._http = None

    def _opened(self) -> httpx.AsyncClient:
        import httpx  # as above

        if self._http is None:
            self._http = httpx.AsyncClient(
                base_url=self.base_url,
                transport=self.transport,
                timeout=httpx.Timeout(LONGEST, connect=CONNECTING, pool=POOLING),
                verify=self._verification(),
                trust_env=False,
                follow_redirects=False,
            )
        return self._http

    def _verification(self) -> ssl.SSLContext | bool:
        if self.base_url.startswith("http://"):
            return False  # there is nothing to verify, and building a context costs 17 ms
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True


def _lost(error: httpx.HTTPError) -> UpstreamError:
    """No answer. Before a connection stood nothing was sent; after that, anything may have happened."""
    import httpx  # as above

    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
        return Unavailable("ElevenLabs can't be reached", maybe_done=False)
    if isinstance(error, httpx.TimeoutException):
        return TimedOut("ElevenLabs gave no answer in time", maybe_done=True)
    return Unavailable("the connection to ElevenLabs broke off", maybe_done=True)


def _document(response: httpx.Response) -> Any:
    """The JSON of a success; an empty body is an empty object, as deletes answer."""
    if not response.content:
        return {}
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise UnexpectedAnswer("ElevenLabs answered with something that isn't JSON", maybe_done=True) from None
