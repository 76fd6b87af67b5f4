"""The session route as other web servers have it: what they know of a request in, a status and a document out.

    POST .../{companion}/session
    Origin: https://the.site           the page's own address, as browsers send it
    X-Storykeeper: talk                which another site's page can't send without being asked first
    {"mode": "voice" or "text"}        or nothing; with "again": true the URL may begin several talks

Who visits is the site's to know: without somebody there is no session.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from storykeeper_tools.errors import BadInput

from .desk import Desk, wish
from .guard import HEADER, SAID, Asked, Guard, origin
from .refusals import Refused

MOST_BYTES = 8 * 1024
_SAFE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """`origins` are the site's own addresses; `companions` the ids that may be talked to from it."""

    origins: frozenset[str]
    companions: frozenset[str]

    async def answer(
        self, desk: Desk, companion: str, caller: str | None, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Never raises for what a visitor sends; the names of headers are in small letters."""
        try:
            self._check(companion, caller, headers, body)
            opened = await desk.session(companion, f"site {caller}", wish(body))
        except Refused as refusal:
            return Answer(refusal.status, refusal.body, {**_SAFE, **refusal.headers})
        return Answer(200, opened, dict(_SAFE))

    def _check(self, companion: str, caller: str | None, headers: Mapping[str, str], body: bytes) -> None:
        Guard(self.origins).check_origin(Asked(headers))
        if "origin" not in headers or headers.get(HEADER) != SAID:
            raise Refused("forbidden", why="not from a page of the site")
        if not caller:
            raise Refused("unauthorized")
        if companion not in self.companions:
            raise Refused("not_found")
        if len(body) > MOST_BYTES:
            raise Refused("too_long")


def route(origins: Collection[str], companions: Collection[str]) -> Route:
    """Raises BadInput where it isn't said for which pages, or for whom."""
    if not origins or not companions or isinstance(origins, str) or isinstance(companions, str):
        raise BadInput("a session route needs lists of origins and of companions' ids", next="name them")
    strange = [one for one in origins if not one.startswith(("https://", "http://127.0.0.1", "http://localhost"))]
    if strange or any(one.count("/") != 2 for one in origins):
        raise BadInput("an origin is no address such as https://family.example", next="write it like that")
    return Route(frozenset(map(origin, origins)), frozenset(companions))
