"""What went over the wire, without its contents: operations, statuses, envelopes, and the names and types of fields."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from coverage_table import Operation, operations

Shape = Mapping[str, frozenset[str]]
_CONSTANT = re.compile(r"[a-z_]{1,60}")
# Names as the API has them; random ids are longer at a stretch, or have capitals.
_FIELD = re.compile(r"[a-z]+[0-9]{0,2}(_[a-z0-9]{1,20})*")
_TYPES = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
    type(None): "null",
}


@dataclass(frozen=True)
class Exchange:
    """An answer; `told` are the constants of a refusal, such as its code, and `shape` the types by the paths of fields."""

    operation: str
    status: int
    envelope: str
    told: tuple[str, ...]
    shape: Shape


class Book:
    """The official operations, to be found by a path."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._operations = sorted(operations(dict(spec)), key=lambda operation: operation.path.count("{"))
        self._patterns = {operation: _pattern(operation.path) for operation in self._operations}

    def find(self, method: str, path: str) -> Operation | None:
        """The most literal one that fits."""
        fitting = (one for one in self._operations if one.method == method and self._patterns[one].fullmatch(path))
        return next(fitting, None)

    def ids(self, operation: Operation, path: str) -> list[str]:
        """What stands in the path where the operation has ids."""
        found = self._patterns[operation].fullmatch(path)
        return list(found.groups()) if found else []


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^{}]+\}", path)
    return re.compile("([^/]+)".join(map(re.escape, parts)))


def seen(operation: str, answer: httpx.Response) -> Exchange:
    """An answer without its contents."""
    content = body(answer)
    envelope, told = _refusal(content) if answer.status_code >= 400 else ("", ())
    kind = answer.headers.get("content-type", "").partition(";")[0]
    return Exchange(
        operation,
        answer.status_code,
        envelope,
        told,
        shape(content) if content is not None else {"": frozenset({kind})},
    )


def body(answer: httpx.Response) -> Any:
    """The JSON of an answer, or None."""
    try:
        return answer.json()
    except ValueError:
        return None


def shape(content: object) -> Shape:
    """`voices[].name` -> {"string"}, and so on; keys that are no names of fields, such as ids, are all one."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path, kind in _walk(content, ""):
        found[path].add(kind)
    return {path: frozenset(kinds) for path, kinds in found.items()}


def _walk(value: Any, at: str) -> Iterator[tuple[str, str]]:
    yield at, _TYPES[type(value)]
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _walk(item, f"{at}.{name if _is_field(name) else '*'}")
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, f"{at}[]")


def _is_field(name: str) -> bool:
    return len(name) < 60 and bool(_FIELD.fullmatch(name)) and sum(letter.isdigit() for letter in name) < 4


def _refusal(content: Any) -> tuple[str, tuple[str, ...]]:
    """Which of the service's envelopes a refusal has, and its constants."""
    detail = content.get("detail") if isinstance(content, dict) else None
    if isinstance(detail, list):
        kinds = {str(error.get("type")) for error in detail if isinstance(error, dict)}
        return "schema", tuple(sorted(filter(_CONSTANT.fullmatch, kinds)))
    if isinstance(detail, dict):
        words = (str(detail.get(name, "")) for name in ("type", "code", "status"))
        return "current" if "code" in detail else "legacy", tuple(filter(_CONSTANT.fullmatch, words))
    return "text" if isinstance(detail, str) else "other", ()


class Recorder(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Passes requests on, whole; `allow` sees each before it is sent, and `note` each answer."""

    def __init__(
        self,
        allow: Callable[[httpx.Request, Operation | None], None],
        note: Callable[[httpx.Request, Operation | None, httpx.Response], None],
        book: Book,
    ) -> None:
        self._allow, self._note, self._book = allow, note, book
        self._now = httpx.HTTPTransport()
        self._later = httpx.AsyncHTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """For the synchronous client."""
        request.read()
        operation = self._checked(request)
        answer = self._now.handle_request(request)
        answer.read()
        return self._noted(request, operation, answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """For the asynchronous client."""
        await request.aread()
        operation = self._checked(request)
        answer = await self._later.handle_async_request(request)
        await answer.aread()
        return self._noted(request, operation, answer)

    def close(self) -> None:
        """Let the connections go."""
        self._now.close()

    async def aclose(self) -> None:
        """Let the connections go."""
        await self._later.aclose()

    def _checked(self, request: httpx.Request) -> Operation | None:
        operation = self._book.find(request.method, request.url.path)
        self._allow(request, operation)
        return operation

    def _noted(self, request: httpx.Request, operation: Operation | None, answer: httpx.Response) -> httpx.Response:
        kept = [
            (name, value)
            for name, value in answer.headers.multi_items()
            if name not in ("content-encoding", "transfer-encoding", "content-length")
        ]
        whole = httpx.Response(answer.status_code, headers=kept, content=answer.content, request=request)
        self._note(request, operation, whole)
        return whole


def jsonable(request: httpx.Request) -> Any:
    """The JSON that a request carries, or None."""
    try:
        return json.loads(request.content)
    except (ValueError, httpx.RequestNotRead):
        return None
