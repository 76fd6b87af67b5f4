"""Tokens of an identity provider: signed by one of its keys, for this server, and still good."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import anyio.to_thread
import httpx
import jwt
from anyio import CapacityLimiter
from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWKClientError, PyJWKSetError, PyJWTError
from mcp.client.auth.utils import build_oauth_authorization_server_metadata_discovery_urls as metadata_urls

from storykeeper_tools.access import safe

log = logging.getLogger(__name__)

# With a secret that both sides know (HS256) a public key could be taken for one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SKEW_SECONDS = 10
_FETCH_SECONDS = 5
_AGAIN_SECONDS = 5.0  # who can't be reached isn't asked again by every caller
_AWAY = (PyJWKClientConnectionError, PyJWKSetError, httpx.HTTPError, OSError, ValueError, RecursionError)
_TYPES = {"JWT", "AT+JWT", "APPLICATION/AT+JWT"}  # an id token or a logout token may have others


class Unverified(Exception):
    """A token that lets nobody in; what it says is for the log, and holds nothing of the token."""


class OutOfReach(Exception):
    """The provider's keys can't be had now, so that nothing can be said of a token."""


@dataclass(slots=True)
class Provider:
    """`jwks` is where its keys are, None where its metadata says so. For `cooldown` seconds after they were fetched they
    aren't fetched again, whatever key a token names."""

    issuer: str
    audience: str
    jwks: str | None = None
    ca_file: str | None = None
    cooldown: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _keys: PyJWKClient | None = field(default=None, repr=False)
    _not_before: float = 0.0
    _threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(4), repr=False)

    async def claims(self, token: str) -> dict[str, Any]:
        """What a token says. Raises Unverified, or OutOfReach."""
        try:
            kid = _named_key(jwt.get_unverified_header(token))
            key = await anyio.to_thread.run_sync(self._key, kid, limiter=self._threads, abandon_on_cancel=True)
            return self._decoded(token, key)
        except PyJWTError as error:
            raise Unverified(type(error).__name__) from None

    def _decoded(self, token: str, key: PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=self.audience,
            issuer=self.issuer,
            leeway=SKEW_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )

    def _key(self, kid: str) -> PyJWK:
        """Blocks while keys are fetched, which is seldom: they are kept for five minutes."""
        if known := self._known(kid):
            return known
        if self.clock() < self._not_before:
            raise OutOfReach
        try:
            return self._client().get_signing_key(kid)
        except _AWAY as error:
            raise self._away(error) from None
        except PyJWKClientError as error:
            if not self._fetched():  # what came was no set of keys
                raise self._away(error) from None
            raise Unverified("UnknownKey") from None

    def _away(self, error: Exception) -> OutOfReach:
        self._not_before = self.clock() + _AGAIN_SECONDS
        log.warning("the keys of the identity provider can't be had: %s", type(error).__name__)
        return OutOfReach()

    def _fetched(self) -> bool:
        cache = self._keys.jwk_set_cache if self._keys else None
        return cache is not None and cache.get() is not None

    def _known(self, kid: str) -> PyJWK | None:
        """Of the keys that were fetched already: strangers who make it look for others are no matter to who has these."""
        if self._keys is None or not self._fetched():
            return None
        return self._keys.match_kid(self._keys.get_signing_keys(), kid)

    def _client(self) -> PyJWKClient:
        if self._keys is None:
            context = _trusting(self.ca_file)
            where = self.jwks or _discovered(self.issuer, context)
            self._keys = PyJWKClient(
                where, timeout=_FETCH_SECONDS, ssl_context=context, cooldown_duration=self.cooldown
            )
        return self._keys


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    """As the client of ElevenLabs has it: what is told, or else what httpx brings along, since some systems have none."""
    return ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context()


def _named_key(header: dict[str, Any]) -> str:
    """The id of the key. Raises Unverified for a header that no access token of a provider has."""
    if header.get("alg") not in ALGORITHMS:
        raise Unverified("InvalidAlgorithm")
    if str(header.get("typ", "JWT")).upper() not in _TYPES:
        raise Unverified("InvalidType")
    if not isinstance(kid := header.get("kid"), str):
        raise Unverified("NoKeyNamed")
    return kid


def _discovered(issuer: str, context: ssl.SSLContext) -> str:
    """Where the issuer says that its keys are. Raises ValueError where it doesn't."""
    with httpx.Client(verify=context, timeout=_FETCH_SECONDS) as http:
        for url in metadata_urls(issuer, issuer):
            answer = http.get(url)
            if not answer.is_success:
                continue
            said = cast("dict[str, Any]", found) if isinstance(found := answer.json(), dict) else {}
            if said.get("issuer") == issuer and safe(where := str(said.get("jwks_uri", ""))):
                return where
    raise ValueError("no metadata")
