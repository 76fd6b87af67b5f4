"""The sandbox's own routes under `/_sandbox`: what it is, what it saw, and what it should do otherwise.

They take no key, are never logged nor made to fail, and answer only programs and pages of this machine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import auth
from ..addresses import is_loopback, split
from ..bodies import read_json
from ..envelopes import Invalid, Refusal, Reply, schema_error
from ..faults import rules
from ..routing import Setup
from ..switches import turned

PREFIX = "/_sandbox"
_KINDS: tuple[str, ...] = ("voice", "document", "agent", "conversation")
_LARGEST = 1024 * 1024
_LONGEST = 10 * 366 * 24 * 60 * 60
Answer = dict[str, Any]


class _Clock(BaseModel):
    """By how much the sandbox's time goes forward."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    advance: float = Field(ge=0, le=_LONGEST)


_RULE = TypeAdapter[rules.Rule](rules.Rule)
_CLOCK = TypeAdapter(_Clock)


async def overview(request: Request, setup: Setup) -> Answer:
    """GET /_sandbox"""
    from ..voices.speech import synthesiser  # looks for a program on the disk: not needed to start

    return {
        "service": "Storykeeper's sandbox: a local ElevenLabs; nothing in it is real.",
        "plan": asdict(setup.plan),
        "speech": synthesiser(),
        "now": setup.clock(),
        "switches": asdict(setup.switches),
        "keys": [_key(key) for key in setup.keys.values()],
        "counts": _counts(setup),
        "requests": len(setup.log),
        "faults": setup.faults.rows(),
        "warnings": len(setup.state.warnings),
    }


def _key(key: auth.Key) -> Answer:
    return {
        "sha256": key.digest[:8],
        "workspace": key.workspace,
        "scopes": None if key.scopes is None else sorted(key.scopes),
        "credits": key.credits,
        "addresses": [str(network) for network in key.networks],
    }


def _counts(setup: Setup) -> dict[str, int]:
    counts = dict.fromkeys(_KINDS, 0)
    for workspace in {key.workspace for key in setup.keys.values()}:
        with setup.state.reading(workspace) as rows:
            for kind in _KINDS:
                counts[kind] += rows.count(kind)
    return counts


async def requests(request: Request, setup: Setup) -> Answer:
    """GET /_sandbox/requests?method=&path="""
    query = request.query_params
    found = setup.log.matching(query.get("method", "*"), query.get("path", "*"))
    return {"requests": found, "count": len(found)}


async def forget_requests(request: Request, setup: Setup) -> Answer:
    """DELETE /_sandbox/requests"""
    setup.log.clear()
    return {"requests": [], "count": 0}


async def warnings(request: Request, setup: Setup) -> Answer:
    """GET /_sandbox/warnings"""
    return {"warnings": [asdict(warning) for warning in setup.state.warnings]}


async def advance(request: Request, setup: Setup) -> Answer:
    """POST /_sandbox/clock"""
    given = await _body(request, _CLOCK)
    try:
        setup.clock.advance(given.advance)
    except ValueError as error:
        raise Invalid([schema_error("value_error", ["body", "advance"], str(error))]) from error
    # A file is opened again later, when what was made in its future must not be ahead of time.
    setup.state.ahead = setup.clock.ahead
    return {"now": setup.clock()}


async def turn(request: Request, setup: Setup) -> Answer:
    """PATCH /_sandbox/switches"""
    given = await _body(request, TypeAdapter(dict[str, Any]))
    try:
        setup.switches = turned(setup.switches, given)
    except ValueError as error:
        raise Invalid([schema_error("value_error", ["body"], str(error))]) from error
    return asdict(setup.switches)


async def list_faults(request: Request, setup: Setup) -> Answer:
    """GET /_sandbox/faults"""
    return {"faults": setup.faults.rows()}


async def add_fault(request: Request, setup: Setup) -> Answer:
    """POST /_sandbox/faults. A JSON object, or the text of a rule as a JSON string."""
    given = await _body(request, TypeAdapter(str | dict[str, Any]))
    try:
        setup.faults.add(rules.rule(given) if isinstance(given, str) else _RULE.validate_python(given))
    except ValidationError as error:
        raise _invalid(error) from error
    except ValueError as error:
        raise Invalid([schema_error("value_error", ["body"], str(error))]) from error
    return {"faults": setup.faults.rows()}


async def clear_faults(request: Request, setup: Setup) -> Answer:
    """DELETE /_sandbox/faults"""
    setup.faults.clear()
    return {"faults": []}


async def _body(request: Request, model: TypeAdapter[Any]) -> Any:
    try:
        return model.validate_python(await read_json(request, _LARGEST))
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> Invalid:
    return Invalid([schema_error(item["type"], ["body", *item["loc"]], item["msg"]) for item in error.errors()])


def _route(method: str, path: str, handler: Callable[[Request, Setup], Awaitable[Answer]]) -> Route:
    async def endpoint(request: Request) -> Response:
        _check_here(request)
        return Reply(await handler(request, request.app.state.setup))

    return Route(f"{PREFIX}{path}", endpoint, methods=[method])


def _check_here(request: Request) -> None:
    """A page of somewhere else may make a browser ask; that Host is this machine was seen to before."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if not is_loopback(request.client and request.client.host):
        raise _forbidden("The sandbox's own routes are only for this machine.")
    if origin is not None and split(origin).netloc != host:
        raise _forbidden("The sandbox's own routes are not for pages of other origins.")


def _forbidden(message: str) -> Refusal:
    return Refusal(403, "authorization_error", "forbidden", message)


ROUTES = [
    _route("GET", "", overview),
    _route("GET", "/requests", requests),
    _route("DELETE", "/requests", forget_requests),
    _route("GET", "/warnings", warnings),
    _route("POST", "/clock", advance),
    _route("PATCH", "/switches", turn),
    _route("GET", "/faults", list_faults),
    _route("POST", "/faults", add_fault),
    _route("DELETE", "/faults", clear_faults),
]
