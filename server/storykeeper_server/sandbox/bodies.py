"""Reading request bodies: JSON or multipart, within a size limit, malformed or not."""

from __future__ import annotations

import codecs
import io
from collections.abc import AsyncGenerator
from typing import Any

from pydantic_core import from_json
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from .envelopes import Invalid, Refusal, invalid, schema_error

_CHARSETS = {"utf-8", "ascii", "iso8859-1", "cp1252"}
_MOST_COMMAS = 200_000
# A text hardly has a comma more often than each so many letters.
_COMMAS_OF_TEXT = 20


async def read_json(request: Request, limit: int) -> Any:
    """The JSON body, None if it is empty; a body of another type stays text, which no schema accepts."""
    raw = b"".join([chunk async for chunk in _within(request, limit)])
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if not raw:
        return None
    if kind != "application/json" and not kind.endswith("+json"):
        return raw.decode(errors="replace")
    if raw.count(b",") > max(_MOST_COMMAS, len(raw) // _COMMAS_OF_TEXT):
        # Looking through a million items that are all wrong would keep everybody waiting.
        raise _too_large("has too many items")
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
    _check_charset(request.headers["content-type"])
    # Read whole before it is parsed: when a client goes away midway, the parser leaves its temporary files open.
    chunks = [chunk async for chunk in _within(request, limit)]
    parser = MultiPartParser(request.headers, _again(chunks), max_part_size=limit)
    parser.spool_max_size = limit + 1
    try:
        return _held(await parser.parse())
    except (MultiPartException, FormParserError) as error:
        raise invalid("invalid_body", "There was an error parsing the body") from error
    finally:
        # The file of a part that has no end is in no form, and nobody else closes it.
        for file in parser._files_to_close_on_error:  # pyright: ignore[reportPrivateUsage]  # the only place that knows it
            file.close()


def _held(form: FormData) -> FormData:
    """With its files in plain memory: a request that is cancelled leaves nothing open, wherever it was waiting."""
    parts: list[tuple[str, UploadFile | str]] = []
    for name, part in form.multi_items():
        if isinstance(part, UploadFile):
            with part.file as file:
                data = io.BytesIO(file.read())
            part = UploadFile(data, size=part.size, filename=part.filename, headers=part.headers)  # noqa: PLW2901 - the same part, held otherwise
        parts.append((name, part))
    return FormData(parts)


async def _again(chunks: list[bytes]) -> AsyncGenerator[bytes]:
    for chunk in chunks:
        yield chunk


def _check_charset(kind: str) -> None:
    # Of all the codecs that Python knows, some fail, some take quadratic time, some make what no text can be.
    charset = parse_options_header(kind)[1].get(b"charset", b"utf-8").decode("latin-1")
    try:
        known = codecs.lookup(charset).name in _CHARSETS
    except (LookupError, ValueError):
        known = False
    if not known:
        raise invalid("invalid_body", f"The charset of a form must be one of {', '.join(sorted(_CHARSETS))}.")


async def _within(request: Request, limit: int) -> AsyncGenerator[bytes]:
    # What is too much is still read, else a client that is busy sending would miss the answer.
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            yield chunk
    if size > limit:
        raise _too_large(f"exceeds {limit} bytes")


def _too_large(how: str) -> Refusal:
    return Refusal(413, "validation_error", "request_too_large", f"The request body {how}.")
