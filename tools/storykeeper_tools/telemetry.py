"""What is told of the work: spans, measures and log lines, by OpenTelemetry's API and Python's logging.

Without an SDK and at the usual log level all of it is nothing. Told are codes, counts, seconds, templates and hashes:
never what somebody said, is called or holds, no path, and no credential. A companion's own id is made of a name, so
that its marker stands for it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .errors import StorykeeperError

SCOPE = "storykeeper"
ERROR = "error.type"
REQUEST = "storykeeper.request.id"
CODE = "storykeeper.code"

request: ContextVar[str] = ContextVar("storykeeper_request", default="")
"""The id of the call that work is done for: ours, random, and the same in its spans and in its log lines."""

Value = str | int | float | bool
Told = Mapping[str, Value]
_P = ParamSpec("_P")
_T = TypeVar("_T")

_log = logging.getLogger(SCOPE)
_tracer = trace.get_tracer(SCOPE)
_w3c = TraceContextTextMapPropagator()
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)


@dataclass(frozen=True, slots=True)
class Measure:
    """`by` are the attributes that it is told by; those that it isn't told by stay with the span."""

    name: str
    kind: Literal["counter", "gauge", "seconds"]
    unit: str
    what: str
    by: tuple[str, ...] = ()

    def tell(self, value: float, told: Told | None = None) -> None:
        _instrument(self)(value, {name: told[name] for name in self.by if told and name in told})


CALLS = Measure("storykeeper.tool.calls", "counter", "{call}", "Calls of tools", ("gen_ai.tool.name", CODE))
ANSWERS = Measure(
    "mcp.server.operation.duration",
    "seconds",
    "s",
    "How long requests of MCP clients take",
    ("mcp.method.name", "gen_ai.tool.name", ERROR),
)
REQUESTS = Measure(
    "http.client.request.duration",
    "seconds",
    "s",
    "How long ElevenLabs takes to answer one request",
    ("http.request.method", "url.template", "server.address", "http.response.status_code", ERROR),
)
RETRIES = Measure(
    "storykeeper.upstream.retries", "counter", "{request}", "Requests that were sent once more", ("url.template",)
)
RUNS = Measure(
    "storykeeper.run.duration",
    "seconds",
    "s",
    "How long runs are carried",
    ("storykeeper.run.kind", "storykeeper.run.state", ERROR),
)
VISITS = Measure(
    "http.server.request.duration",
    "seconds",
    "s",
    "How long the talk page takes to answer",
    ("http.request.method", "http.route", "http.response.status_code"),
)
VOICES = Measure("storykeeper.voice_slots.spent", "counter", "{slot}", "Voices that were cloned")
CREDITS = Measure("storykeeper.credits.spent", "gauge", "{credit}", "Credits spent in this period, by whomever")
MEASURES = (CALLS, ANSWERS, REQUESTS, RETRIES, RUNS, VISITS, VOICES, CREDITS)


@dataclass(frozen=True, slots=True)
class Work:
    """A span that is open, and what was told of it."""

    span: Span
    told: dict[str, Value]

    def tell(self, told: Told) -> None:
        self.told.update(told)
        self.span.set_attributes(dict(told))

    def fail(self, code: str) -> None:
        """By a code alone: messages may quote what somebody wrote."""
        self.tell({ERROR: code})
        self.span.set_status(Status(StatusCode.ERROR))


@contextmanager
def span(
    name: str,
    told: Told | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Context | None = None,
    measure: Measure | None = None,
    level: int = logging.DEBUG,
) -> Generator[Work]:
    """Work that has a beginning and an end; what is raised in it is told by its code. Its log line has this level."""
    started, known = time.perf_counter(), dict(told or {})
    opened = _tracer.start_as_current_span(
        name, parent, kind, known, record_exception=False, set_status_on_exception=False
    )
    with opened as current:
        work = Work(current, known)
        try:
            yield work
        except (Exception, asyncio.CancelledError) as error:  # what else is raised ends a call, and is no failure
            if ERROR not in known:
                work.fail(code(error))
            raise
        finally:
            seconds = time.perf_counter() - started
            if measure:
                measure.tell(seconds, known)
            if _log.isEnabledFor(level):
                _log.log(level, name, extra={"told": {**known, "seconds": round(seconds, 4)}})


def spanned(name: str) -> Callable[[Callable[_P, Awaitable[_T]]], Callable[_P, Coroutine[Any, Any, _T]]]:
    """A function whose every call is a span."""

    def around(call: Callable[_P, Awaitable[_T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
        @functools.wraps(call)
        async def called(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            with span(name):
                return await call(*args, **kwargs)

        return called

    return around


def code(error: BaseException) -> str:
    """What an error is called: its code, or its class."""
    if isinstance(error, StorykeeperError):
        return error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__


def new_request() -> str:
    """Another id for `request`."""
    made = secrets.token_hex(8)
    request.set(made)
    return made


def origin() -> dict[str, str]:
    """What asks now, to be written down with what it asks for: `request`, and `traceparent` where there is a trace."""
    carrier: dict[str, str] = {}
    _w3c.inject(carrier)
    known = {"request": request.get(), "traceparent": carrier.get("traceparent", "")}
    return {name: value for name, value in known.items() if value}


def within(origin: Mapping[str, Any]) -> Context:
    """The context of what asked, or an empty one: whoever does the work needn't be who asked for it. Its `tracestate` may
    say anything, and stays here."""
    known = {"traceparent": said} if isinstance(said := origin.get("traceparent"), str) else {}
    return _w3c.extract(known, Context())


def linked(origin: Mapping[str, str]) -> None:
    """Link the open span to what asked first for the same."""
    there = trace.get_current_span(within(origin)).get_span_context()
    here = trace.get_current_span()
    if there.is_valid and there.trace_id != here.get_span_context().trace_id:
        here.add_link(there)


@functools.cache
def _instrument(measure: Measure) -> Callable[[float, Told], None]:
    from opentelemetry import metrics  # 3 ms that a start needn't wait for

    meter = metrics.get_meter(SCOPE)
    if measure.kind == "counter":
        return meter.create_counter(measure.name, measure.unit, measure.what).add
    if measure.kind == "gauge":
        return meter.create_gauge(measure.name, measure.unit, measure.what).set
    bounds = {"explicit_bucket_boundaries_advisory": _SECONDS}
    return meter.create_histogram(measure.name, measure.unit, measure.what, **bounds).record
