"""Who may call over HTTP: callers with tokens of their own, and those for whom an identity provider vouches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from .errors import BadInput

Scope = Literal["read", "provision", "destroy"]

KNOWN = (
    "STORYKEEPER_HTTP_TOKENS",
    "STORYKEEPER_HTTP_HOSTS",
    "STORYKEEPER_HTTP_ISSUER",
    "STORYKEEPER_HTTP_AUDIENCE",
    "STORYKEEPER_HTTP_JWKS",
)
SCOPES: tuple[Scope, ...] = ("read", "provision", "destroy")
_SAFE_URL = re.compile(r"(https://[\w.-]+|http://(127\.0\.0\.1|localhost|\[::1\]))(:\d{1,5})?(/[^\s?#]*)?", re.A)
_DEFAULT_PORT = re.compile(r"(?<=^https://)([^:]+):443$|(?<=^http://)([^:]+):80$")


@dataclass(frozen=True, slots=True)
class Bearer:
    """A caller's own token, and what it may do."""

    scopes: frozenset[Scope]
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """`tokens` by caller; `hosts` are public addresses, such as `https://example.org`. Without an `issuer` there is no
    identity provider; `audience` and `jwks` are None where they follow from the address and the issuer."""

    tokens: Mapping[str, Bearer] = field(default_factory=dict[str, Bearer])
    hosts: tuple[str, ...] = ()
    issuer: str | None = None
    audience: str | None = None
    jwks: str | None = None

    @property
    def closed(self) -> bool:
        """Whether callers have to say who they are."""
        return bool(self.tokens or self.issuer)


def read(environ: Mapping[str, str]) -> Access:
    """From environment variables. Raises BadInput for what can't be meant."""
    issuer, jwks = (_safe_url(environ, f"STORYKEEPER_HTTP_{what}") for what in ("ISSUER", "JWKS"))
    audience = environ.get("STORYKEEPER_HTTP_AUDIENCE", "").strip() or None
    if (audience or jwks) and not issuer:
        raise BadInput("there is an audience or a JWKS, and no issuer", next="set STORYKEEPER_HTTP_ISSUER, too")
    return Access(_tokens(environ), _hosts(environ), issuer, audience, jwks)


def _tokens(environ: Mapping[str, str]) -> dict[str, Bearer]:
    """As in `assistant:read+provision:TOKEN`; one token is one caller's."""
    name = "STORYKEEPER_HTTP_TOKENS"
    chosen: dict[str, Bearer] = {}
    for row in _parts(environ.get(name, "")):
        found = re.fullmatch(r"([A-Za-z0-9_-]{1,32}):([a-z+]+):([A-Za-z0-9._~+/=-]{24,200})", row)
        scopes = cast("frozenset[Scope]", frozenset(found[2].split("+") if found else ()))
        taken = {bearer.token for bearer in chosen.values()}
        if not found or not scopes <= set(SCOPES) or found[1] in chosen or found[3] in taken:
            raise BadInput(
                f"{name} is not made of names with scopes and tokens",
                next="write it as assistant:read+provision:TOKEN, each token of 24 letters and digits or more;"
                " scopes are read, provision and destroy",
            )
        chosen[found[1]] = Bearer(scopes, found[3])
    return chosen


def _hosts(environ: Mapping[str, str]) -> tuple[str, ...]:
    """As browsers write them: without a default port; https unless said otherwise."""
    name = "STORYKEEPER_HTTP_HOSTS"
    chosen: list[str] = []
    for part in _parts(environ.get(name, "").lower()):
        found = re.fullmatch(r"(https?://)?([a-z0-9.-]+(:\d{1,5})?)/?", part)
        if not found:
            raise BadInput(f"{name} is not made of addresses", next="write it as keeper.example.org, without a path")
        chosen.append(_DEFAULT_PORT.sub(r"\1\2", (found[1] or "https://") + found[2]))
    return tuple(chosen)


def safe(url: str) -> bool:
    """Whether what comes from there can't be changed on the way: it decides who may call."""
    return _SAFE_URL.fullmatch(url) is not None


def _safe_url(environ: Mapping[str, str], name: str) -> str | None:
    text = environ.get(name, "").strip()
    if not text or safe(text):
        return text or None
    raise BadInput(f"{name} is no address that can be trusted", next="set it to one that begins with https://")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
