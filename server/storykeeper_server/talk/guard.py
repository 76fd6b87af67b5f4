"""Who calls: a page of ours, or somebody with a token. Everything that isn't known is refused."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .refusals import Refused

HEADER, SAID = "x-storykeeper", "talk"
COOKIE = "storykeeper-talk"
_BEARER = "bearer "


def origin(address: str) -> str:
    """As browsers say it, without the port that https has anyway."""
    return address.removesuffix(":443") if address.startswith("https:") else address


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request says who sent it; the names of headers are in small letters."""

    headers: Mapping[str, str]
    cookies: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Guard:
    """`origins` are the addresses of the page, `tokens` those of callers by name. `closed`: a page alone lets nobody in,
    since anybody can open it. The `key` signs what a page is given, and lives as long as this process."""

    origins: frozenset[str]
    tokens: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    closed: bool = False
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def cookie(self) -> str:
        """Its name: browsers keep cookies by host alone, and two pages may share one."""
        ports = sorted(str(urlsplit(origin).port or "") for origin in self.origins)
        return f"{COOKIE}-{ports[0]}" if ports and ports[0] else COOKIE

    def check_host(self, host: str) -> None:
        """Whom a browser believes to be talking to: another name that leads here is somebody's trick."""
        if host not in {urlsplit(origin).netloc for origin in self.origins}:
            raise Refused("forbidden", why="a Host that isn't ours")

    def check_origin(self, asked: Asked) -> None:
        """A browser says where a request comes from, and a page of somebody else's can't change that."""
        origin, site = asked.headers.get("origin"), asked.headers.get("sec-fetch-site", "none")
        if (origin is not None and origin not in self.origins) or site not in {"none", "same-origin"}:
            raise Refused("forbidden", why="another page's request")

    def page(self, asked: Asked) -> str:
        """What a page is given, to be shown again by it alone; the same for all pages of a visitor, who is counted once."""
        visit = self._visit(asked) or secrets.token_urlsafe(12)
        return f"{visit}.{self._signature(visit)}"

    def enter(self, asked: Asked) -> str:
        """Who reads: with a token, or, where that is enough, anybody who opens the page."""
        named = self._named(asked)
        if named is None and self.closed:
            raise Refused("unauthorized")
        return named or "page"

    def caller(self, asked: Asked) -> str:
        """Who wants something done, in a word that limits count by. Raises Refused."""
        self.check_origin(asked)
        named, visit = self._named(asked), self._visit(asked)
        if named is None and self.closed:
            raise Refused("unauthorized")
        if named is not None:
            return f"token {named} {visit}"
        if "origin" not in asked.headers or asked.headers.get(HEADER) != SAID or not visit:
            raise Refused("forbidden", why="not from a page that was opened here")
        return f"page {visit}"

    def _named(self, asked: Asked) -> str | None:
        """Whose token it is; None without one. Each is compared, in a time that tells nothing."""
        said = asked.headers.get("authorization")
        if said is None:
            return None
        if said[: len(_BEARER)].lower() != _BEARER:
            raise Refused("unauthorized", why="no bearer token")
        given = said[len(_BEARER) :].strip().encode("utf-8", "replace")
        same = [name for name, token in self.tokens.items() if hmac.compare_digest(token.encode(), given)]
        if not same:
            raise Refused("unauthorized", why="an unknown token")
        return same[0]

    def _visit(self, asked: Asked) -> str:
        visit, _, signature = asked.cookies.get(self.cookie, "").partition(".")
        good = hmac.compare_digest(self._signature(visit).encode(), signature.encode("utf-8", "replace"))
        return visit if good else ""

    def _signature(self, visit: str) -> str:
        return hmac.new(self.key, visit.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]
