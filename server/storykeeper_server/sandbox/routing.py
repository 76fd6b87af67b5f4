"""From a request to a handler in the service's order: route, schema, key, and only then the business."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import auth
from .bodies import read_form, read_json
from .clock import Clock
from .envelopes import Invalid, Reply, schema_error
from .plans import Plan
from .schema import Body, Form, Part, Query, gather, parse, strip
from .state import Row, Rows, State
from .switches import Switches

B = TypeVar("B", bound=Body | Form)
Q = TypeVar("Q", bound=Query)


@dataclass(frozen=True)
class Setup:
    """What a sandbox was built with."""

    state: State
    workspaces: frozenset[str]
    plan: Plan
    switches: Switches
    clock: Clock


@dataclass(frozen=True)
class Call(Generic[B, Q]):
    """A request whose schema and key were found right. `workspace` is empty only where no key is needed."""

    request: Request
    setup: Setup
    body: B
    query: Q
    workspace: str

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.request.path_params["id"]

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self.setup.clock()

    def rows(self) -> AbstractContextManager[Rows]:
        """A transaction over the caller's workspace."""
        return self.setup.state.rows(self.workspace)

    def listed(self, rows: Rows, kind: str) -> list[Row]:
        """Every row of a kind that lists show already; the newest may lag behind what reads by id see."""
        newest = self.now - self.setup.switches.list_lag_seconds
        return [row for row in rows.all(kind) if row["created"] <= newest]


Handler = Callable[[Call[B, Q]], Awaitable[object]]


def route(
    method: str,
    path: str,
    handler: Handler[B, Q],
    *,
    body: type[B] = Body,
    query: type[Q] = Query,
    public: bool = False,
    scope: str = "",
) -> Route:
    """A route of the service. `public` ones let a call without any key through; `scope` is what a key must allow."""

    async def endpoint(request: Request) -> Response:
        async with AsyncExitStack() as stack:
            read = await _read(request, body, query, stack)
            workspace = (
                "" if public and _keyless(request) else auth.authenticate(request.headers, _setup(request).workspaces, scope)
            )
            call = Call(request, _setup(request), *read, workspace)
            _record_unknown(call)
            answer = await handler(call)
        return answer if isinstance(answer, Response) else Reply(answer)

    return Route(path, endpoint, methods=[method])


async def _read(request: Request, body: type[B], query: type[Q], stack: AsyncExitStack) -> tuple[B, Q]:
    errors: list[dict[str, Any]] = []
    parsed: list[Any] = []
    for model, where in ((query, "query"), (body, "body")):
        try:
            data = gather(query, request.query_params) if where == "query" else await _body(request, body, stack)
            parsed.append(parse(model, data, where))
        except Invalid as error:
            errors += error.errors
    if errors:
        raise Invalid(errors)
    return parsed[1], parsed[0]


async def _body(request: Request, model: type[Body | Form], stack: AsyncExitStack) -> object:
    limit = _setup(request).switches.max_body_bytes
    if model is Body:
        return {}
    if issubclass(model, Form):
        form = await read_form(request, limit)
        stack.push_async_callback(form.close)
        return gather(model, form)
    data = await read_json(request, limit)
    if data is None and any(field.is_required() for field in model.model_fields.values()):
        raise Invalid([schema_error("missing", ["body"], "Field required")])
    return {} if data is None else data


def _keyless(request: Request) -> bool:
    return "xi-api-key" not in request.headers and "authorization" not in request.headers


def _setup(request: Request) -> Setup:
    return request.app.state.setup


def _record_unknown(call: Call[Any, Any]) -> None:
    parts: tuple[Part, Part] = (call.query, call.body)
    unknown = [*(f"query.{field}" for field in strip(parts[0])), *(f"body.{field}" for field in strip(parts[1]))]
    if unknown:
        call.setup.state.warn(call.request.url.path, unknown)
