"""One span for each request of the page, by its route: addresses name companions. Visitors' own traces aren't joined."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from starlette.requests import Request

from storykeeper_tools import telemetry
from storykeeper_tools.errors import StorykeeperError
from storykeeper_tools.telemetry import Work

from .refusals import Refused, refused


@contextmanager
def visited(request: Request) -> Generator[Work]:
    """Whatever is raised in it is told by the status that it becomes."""
    route = str(getattr(request.scope.get("route"), "path", ""))
    told = {"http.request.method": request.method, "http.route": route, telemetry.REQUEST: telemetry.new_request()}
    with telemetry.span(
        f"{request.method} {route}", told, kind=SpanKind.SERVER, parent=Context(), measure=telemetry.VISITS
    ) as work:
        try:
            yield work
        except (Refused, StorykeeperError) as error:
            turned_away = error if isinstance(error, Refused) else refused(error)
            work.tell({"http.response.status_code": turned_away.status})
            work.fail(turned_away.code)
            raise
