"""The session route for Flask. Flask itself is the site's: Storykeeper doesn't install it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from flask import Blueprint, Response, jsonify, request

from .portal import Opening, Portal
from .route import MOST_BYTES, route


def sessions(
    opening: Opening, visitor: Callable[[], str | None], *, origins: Collection[str], companions: Collection[str]
) -> Blueprint:
    """`POST /{companion}/session` under the prefix that it is registered with.

    `visitor` says who visits, or None for nobody, from what Flask knows of the request. Limits are counted by it, in
    each process of the server by itself.
    """
    allowed, portal = route(origins, companions), Portal(opening)
    blueprint = Blueprint("storykeeper", __name__)

    @blueprint.post("/<companion>/session")
    def session(companion: str) -> Response:  # pyright: ignore[reportUnusedFunction]  # Flask calls it
        who, headers = visitor(), {name.lower(): value for name, value in request.headers.items()}
        body = request.stream.read(MOST_BYTES + 1)
        answer = portal.call(lambda desk: allowed.answer(desk, companion, who, headers, body))
        response = jsonify(answer.body)
        response.status_code = answer.status
        response.headers.update(answer.headers)
        return response

    return blueprint
