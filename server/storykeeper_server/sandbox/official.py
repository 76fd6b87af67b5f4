"""What the service has and the sandbox doesn't: such requests are told so, and not that there is nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Match, Route, WebSocketRoute

from .operations import OPERATIONS


class Operations(NamedTuple):
    """A path of the official file, with ids in braces, and its methods."""

    path: str
    methods: frozenset[str]

    @property
    def shape(self) -> tuple[str, ...]:
        """Its parts; an id is the same whatever it is called."""
        return shape(self.path)


def shape(path: str) -> tuple[str, ...]:
    """The parts of a path, empty ones for ids."""
    return tuple("" if part.startswith("{") else part for part in path.split("/")[1:])


def template(method: str, path: str) -> str | None:
    """The path, with ids in braces, of the operation that a request would be for."""
    return next((found.path for found in _at(path) if method in found.methods), None)


def methods(path: str) -> set[str]:
    """The methods that a path has."""
    return {method for found in _at(path) for method in found.methods}


def hidden(routes: Sequence[Route | WebSocketRoute]) -> list[Route]:
    """Routes to stand before `routes`, which would take such operations for ids, as `/v1/voices/accents` for a voice's."""
    served = {(method, shape(route.path)) for route in routes if isinstance(route, Route) for method in _methods(route)}
    return [
        Route(found.path, _unserved, methods=[method])
        for found in _all()
        for method in sorted(found.methods)
        if (method, found.shape) not in served and _is_taken(method, found.path, routes)
    ]


async def _unserved(request: Request) -> None:
    raise HTTPException(404)


def _is_taken(method: str, path: str, routes: Sequence[Route | WebSocketRoute]) -> bool:
    scope = {"type": "http", "method": method, "path": path}
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


def _methods(route: Route) -> set[str]:
    return set(route.methods or ())


def _at(path: str) -> Iterator[Operations]:
    parts = path.split("/")[1:]
    for found in _by_length()[len(parts)]:
        if all(part and ours in ("", part) for ours, part in zip(found.shape, parts, strict=True)):
            yield found


@cache
def _by_length() -> defaultdict[int, list[Operations]]:
    # A name before an id in the same place.
    table: defaultdict[int, list[Operations]] = defaultdict(list)
    for found in sorted(_all(), key=lambda found: [not part for part in found.shape]):
        table[len(found.shape)].append(found)
    return table


@cache
def _all() -> list[Operations]:
    split = [line.split() for line in OPERATIONS.strip().splitlines()]
    return [Operations(path, frozenset(methods)) for *methods, path in split]
