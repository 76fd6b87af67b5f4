"""From a request to a handler in the service's order: route, schema, key, and only then the business."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import auth
from .bodies import read_form, read_json
from .clock import Clock
from .concurrency import Concurrency
from .control.request_log import RequestLog, note_form, note_json
from .envelopes import Invalid, Reply, schema_error
from .faults.rules import Faults
from .plans import Plan
from .schema import Body, Form, Part, Query, gather, parse, strip
from .state import Row, Rows, Snapshot, State
from .switches import Switches

_LOG = logging.getLogger(__name__)
_TOLD, _LONGEST_NAME = 1000, 200

B = TypeVar("B", bound=Body | Form)
Q = TypeVar("Q", bound=Query)


@dataclass
class Setup:
    """What a sandbox was built with. `keys` go by their digests; `switches` may be turned while it runs."""

    state: State
    keys: dict[str, auth.Key]
    plan: Plan
    switches: Switches
    clock: Clock
    concurrency: Concurrency = field(default_factory=Concurrency)
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(default_factory=RequestLog)
    told: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])


@dataclass(frozen=True)
class Call(Generic[B, Q]):
    """A request whose schema and key were found right. `key` is None only where none is needed."""

    request: Request
    setup: Setup
    body: B
    query: Q
    key: auth.Key | None

    @property
    def workspace(self) -> str:
        """The caller's, or nothing where no key came."""
        return self.key.workspace if self.key else ""

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

    def reading(self) -> AbstractContextManager[Snapshot]:
        """The caller's workspace as it is now, for those who only read: they wait for no writer."""
        return self.setup.state.reading(self.workspace)

    def listed(self, rows: Snapshot, kind: str) -> list[Row]:
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
            setup = _setup(request)
            read = await _read(request, body, query, stack)
            unknown = _unknown(read[0], read[1], refused=setup.switches.unknown_fields == "refuse")
            keyless = public and _keyless(request)
            key = None if keyless else auth.authenticate(request.headers, request.client, setup.keys, scope)
            _tell(setup, method, path, unknown)
            answer = await handler(Call(request, setup, *read, key))
        return answer if isinstance(answer, Response) else Reply(answer)

    made = Route(path, endpoint, methods=[method])
    # Starlette answers HEAD where there is a GET; the service's framework, and so the service, doesn't.
    cast("set[str]", made.methods).discard("HEAD")
    return made


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
    switches = _setup(request).switches
    if model is Body:
        return {}
    if issubclass(model, Form):
        form = await read_form(request, switches.max_body_bytes)
        stack.push_async_callback(form.close)
        note_form(request.scope, form)
        return gather(model, form)
    largest = max(switches.max_json_bytes, switches.max_knowledge_bytes if model.holds_document else 0)
    data = await read_json(request, min(largest, switches.max_body_bytes))
    note_json(request.scope, data)
    if data is None and any(field.is_required() for field in model.model_fields.values()):
        raise Invalid([schema_error("missing", ["body"], "Field required")])
    return {} if data is None else data


def _keyless(request: Request) -> bool:
    return "xi-api-key" not in request.headers and "authorization" not in request.headers


def _setup(request: Request) -> Setup:
    return request.app.state.setup


def _unknown(body: Part, query: Part, *, refused: bool) -> list[str]:
    found = [*(f"query.{field}" for field in strip(query)), *(f"body.{field}" for field in strip(body))]
    unknown = [field[:_LONGEST_NAME] for field in found[:_TOLD]]
    if unknown and refused:
        forbidden = "Extra inputs are not permitted"
        raise Invalid([schema_error("extra_forbidden", field.split("."), forbidden) for field in unknown])
    return unknown


def _tell(setup: Setup, method: str, path: str, fields: list[str]) -> None:
    """Once for each field and operation: a misplaced setting would be a silent no-op in production."""
    operation = f"{method} {path}"
    new = [name for name in fields if (operation, name) not in setup.told][: _TOLD - len(setup.told)]
    if not new:
        return
    setup.told.update((operation, name) for name in new)
    setup.state.warn(path, new)
    for name in new:
        _LOG.warning("unknown field %s in %s", name if name.isprintable() else ascii(name), operation)
