"""The service's error envelopes: one object for refusals, a list for schema errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from . import official

_MOST_ECHO = 1024 * 1024


class Reply(JSONResponse):
    """JSON that survives whatever a client sent and we echo: infinite numbers, uploads."""

    def render(self, content: object) -> bytes:
        return to_json(content, inf_nan_mode="null", fallback=lambda _: None)


class Refusal(Exception):
    """A request that the service refuses after its schema was found right."""

    def __init__(
        self,
        http: int,
        type: str,
        code: str,
        message: str,
        *,
        status: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.http = http
        self.headers = headers
        # `status` is what the service called `code` before; it still sends both, and they may differ.
        self.detail = {"type": type, "code": code, "message": message, "status": status or code}
        if param:
            self.detail["param"] = param


class Invalid(Exception):
    """A request whose parameters or body break the schema."""

    def __init__(self, errors: Sequence[dict[str, Any]]) -> None:
        super().__init__(f"{len(errors)} schema errors")
        self.errors = list(errors)


def not_found(code: str, message: str, param: str | None = None) -> Refusal:
    """A 404 for a resource that isn't there."""
    return Refusal(404, "not_found", code, message, param=param)


def invalid(code: str, message: str, param: str | None = None) -> Refusal:
    """A 400 for a request that breaks a rule of the business."""
    return Refusal(400, "validation_error", code, message, param=param)


def schema_error(type: str, loc: Sequence[str | int], msg: str, **more: object) -> dict[str, Any]:
    """One entry of a 422, in pydantic's words."""
    return {"type": type, "loc": list(loc), "msg": msg, "input": None, **more}


def rendered(error: Refusal, trace: str, envelope: str) -> Response:
    """A refusal in one of the service's shapes: `current`, `legacy` or `text`, see the switch of that name."""
    detail: object = {**error.detail, "request_id": trace}
    if envelope == "legacy":
        detail = {"status": error.detail["status"], "message": error.detail["message"]}
    elif envelope == "text":
        detail = error.detail["message"]
    return Reply({"detail": detail}, status_code=error.http, headers=error.headers)


def _refused(request: Request, error: Refusal) -> Response:
    return rendered(error, request.state.trace, request.app.state.setup.switches.envelope)


def _invalid(request: Request, error: Invalid) -> Response:
    return Reply({"detail": list(_echoed(error.errors))}, status_code=422)


def _echoed(errors: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    # Each error repeats its input, and many may have the same large one.
    left = _MOST_ECHO
    for error in errors:
        if left > 0:
            left -= len(to_json(error["input"], inf_nan_mode="null", fallback=lambda _: None))
        yield error if left > 0 else {**error, "input": None}


def _unrouted(request: Request, error: HTTPException) -> Response:
    # Only what the service has is "not emulated"; for the rest its framework answers.
    path = request.scope["path"]
    if operation := official.template(request.method, path):
        message = f"The sandbox does not emulate {request.method} {operation}."
        return _refused(request, Refusal(501, "not_implemented", "not_emulated", message))
    if error.status_code == 404 and (methods := official.methods(path)):
        error = HTTPException(405, headers={"allow": ", ".join(sorted(methods))})
    return Reply({"detail": error.detail}, status_code=error.status_code, headers=error.headers)


def _busy(request: Request, error: sqlite3.Error) -> Response:
    return _refused(
        request, Refusal(503, "service_unavailable", "service_unavailable", f"The sandbox's store: {error}")
    )


def _gone(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=499)


def _broken(request: Request, error: Exception) -> Response:
    # Said, because the server then drops the connection, on which a client would send its next request.
    headers = {"connection": "close"}
    message = "The sandbox failed; this is a bug."
    return _refused(request, Refusal(500, "internal_error", "internal_error", message, headers=headers))


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Response]] = {
    Refusal: _refused,
    Invalid: _invalid,
    HTTPException: _unrouted,
    sqlite3.Error: _busy,
    ClientDisconnect: _gone,
    Exception: _broken,
}
