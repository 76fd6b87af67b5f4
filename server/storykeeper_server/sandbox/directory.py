"""Finding a route among a hundred without trying each: that alone would take as long as answering."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, NoMatchFound, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

_FOUND = "storykeeper.route"


class Directory(BaseRoute):
    """Routes by their whole path, or, with an id in it, by how long it is and how it begins."""

    def __init__(self, routes: Sequence[Route | WebSocketRoute]) -> None:
        self.routes = list(routes)
        self._whole: defaultdict[str, list[BaseRoute]] = defaultdict(list)
        self._begun: defaultdict[tuple[int, str], list[BaseRoute]] = defaultdict(list)
        for route in routes:
            if "{" in route.path:
                place = _place(route.path)
                if "{" in place[1]:
                    raise ValueError(f"{route.path}: no request would be found to be for an id that comes so early")
                self._begun[place].append(route)
            else:
                self._whole[route.path].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The first route that takes the path and the method, else the first that takes the path."""
        if "path" not in scope:
            return Match.NONE, {}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        best: tuple[Match, Scope] = (Match.NONE, {})
        for route in (*self._whole.get(path, ()), *self._begun.get(_place(path), ())):
            match, child = route.matches(scope)
            if match is Match.FULL or (match is Match.PARTIAL and best[0] is Match.NONE):
                best = match, {**child, _FOUND: route}
            if match is Match.FULL:
                break
        return best

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with the route that was found."""
        await scope[_FOUND].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]  # never used
        """The sandbox names no routes."""
        raise NoMatchFound(name, path_params)


def _place(path: str) -> tuple[int, str]:
    # Ids come after the third slash at the earliest, as in /v1/voices/{id}.
    return path.count("/"), "/".join(path.split("/", 3)[:3])
