"""Reading request bodies: JSON or multipart, within a size limit, malformed or not."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from pydantic_core import from_json
from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from .envelopes import Invalid, Refusal, invalid, schema_error


async def read_json(request: Request, limit: int) -> Any:
    """The JSON body, None if it is empty; a body of another type stays text, which no schema accepts."""
    raw = b"".join([chunk async for chunk in _within(request, limit)])
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if not raw:
        return None
    if kind != "application/json" and not kind.endswith("+json"):
        return raw.decode(errors="replace")
    try:
        # Unlike the standard library's, this parser also refuses NaN, lone surrogates and bottomless nesting.
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        entry = schema_error("json_invalid", ["body", 0], "JSON decode error", ctx={"error": str(error)})
        raise Invalid([{**entry, "input": {}}]) from error


async def read_form(request: Request, limit: int) -> FormData:
    """The multipart body; a body of another type has no fields."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        async for _ in _within(request, limit):
            pass
        return FormData()
    parser = MultiPartParser(request.headers, _within(request, limit), max_part_size=limit)
    try:
        return await parser.parse()
    except (MultiPartException, FormParserError) as error:
        raise invalid("invalid_body", "There was an error parsing the body") from error


async def _within(request: Request, limit: int) -> AsyncGenerator[bytes]:
    # What is too much is still read, else a client that is busy sending would miss the answer.
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            yield chunk
    if size > limit:
        raise Refusal(413, "validation_error", "request_too_large", f"The request body exceeds {limit} bytes.")
