"""Judges HTTP exchanges by the official ElevenLabs OpenAPI file.

The real service ignores fields it does not know, so a guardrail under the wrong path is a silent no-op. The judge is
stricter than the service: whatever the file does not name is refused, at any depth.
"""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import cache, cached_property
from typing import Any, NoReturn, Protocol, cast
from urllib.parse import parse_qsl

import httpx
from jsonschema import Draft202012Validator, ValidationError, exceptions, validators
from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import openapi
from promises import Broken, Promises

Schema = dict[str, Any]
Pairs = Sequence[tuple[str, Any]]

# Stands for an uploaded file. No text a form can carry is equal to it, so files and text cannot pass for each other.
FILE = {"an uploaded file": True}

MAPS = {"properties", "patternProperties", "$defs"}
LISTS = {"anyOf", "oneOf", "allOf", "prefixItems"}
SINGLES = {"items", "additionalProperties", "propertyNames", "not"}
VALUES = {"type", "enum", "const", "required", "pattern", "uniqueItems"}
BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"}
COUNTS = {"minItems", "maxItems", "minProperties", "maxProperties"}
ASSERTIONS = VALUES | BOUNDS | COUNTS
METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}

# The service answers 422 with pydantic's `input`, `ctx` and `url` too, which the file leaves out of this one schema.
LEFT_OPEN = {"ValidationError"}

# Two names that the file refers to and does not define.
MISSING = {f"DynamicVariablesConfig-{side}": "DynamicVariablesConfig" for side in ("Input", "Output")}


class Misfit(AssertionError):
    """A request or a response that the official file does not allow."""


@cache
def official() -> Schema | None:
    """The official file, or None where it cannot be had."""
    path = openapi.ensure()
    return json.loads(path.read_text(encoding="utf-8")) if path else None


class Validator(Protocol):
    """What we use of a jsonschema validator, which carries no types of its own."""

    schema: Schema

    def is_valid(self, instance: Any) -> bool: ...
    def iter_errors(self, instance: Any) -> Iterator[ValidationError]: ...
    def descend(self, instance: Any, schema: Schema) -> Iterator[ValidationError]: ...
    def evolve(self, *, schema: Schema) -> Validator: ...


class Judge:
    """Raises Misfit for what the file does not allow, and counts what it saw by operation."""

    def __init__(self, spec: Schema) -> None:
        self._book = _book(spec)
        self.misfits: list[Misfit] = []
        self.requested: Counter[str] = Counter()
        self.responded: Counter[str] = Counter()
        self.unjudged: Counter[str] = Counter()
        self.promises = Promises()

    @property
    def requests(self) -> int:
        """How many requests were judged."""
        return self.requested.total()

    @property
    def responses(self) -> int:
        """How many responses were judged against a schema."""
        return self.responded.total()

    @property
    def undeclared(self) -> int:
        """How many responses the file says nothing about."""
        return self.unjudged.total()

    def request(
        self, method: str, path: str, query: list[tuple[str, str]], content_type: str | None, body: bytes
    ) -> None:
        """Refuse a request whose operation, query or body the file does not allow."""
        operation = self._book.find(method, path)
        if operation is None:
            raise Misfit(f"{method.upper()} {path}: path: the file has no such operation")
        self.requested[operation.name] += 1
        operation.judge_query(query)
        operation.judge_body(content_type or "", body)

    def keep(self, method: str, path: str, body: bytes) -> None:
        """Refuse an agent of ours that promises less than it must, or a change that takes a promise away."""
        try:
            self.promises.sent(method, path, body)
        except Broken as broken:
            raise Misfit(f"{method} {path}: promise: {broken}") from broken

    def response(self, method: str, path: str, status: int, content_type: str | None, body: bytes) -> None:
        """Refuse a response that the file declares differently; count it where the file declares nothing."""
        operation = self._book.find(method, path)
        name = operation.name if operation else f"{method.upper()} {path}"
        declared = operation.declared(status) if operation else None
        if operation is None or declared is None:
            self._pass_error(name, status)
        elif schemaless(declared):
            self.unjudged[f"{name} {status}"] += 1
        else:
            self.responded[name] += 1
            operation.judge_response(str(status), declared["content"], content_type or "", body)

    def _pass_error(self, name: str, status: int) -> None:
        # The file declares little but 200 and 422, while the service has every usual error.
        if status < 400:
            raise Misfit(f"{name}: {status}: the file does not declare this status")
        self.unjudged[f"{name} {status}"] += 1


class JudgedTransport(httpx.AsyncBaseTransport):
    """Judges what a client sends through another transport, and what it is answered."""

    def __init__(self, transport: httpx.AsyncBaseTransport, judge: Judge) -> None:
        self.transport = transport
        self.judge = judge

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Judge the request, pass an equivalent one on, judge the response."""
        try:
            return await self._exchange(request, await request.aread())
        except Misfit as misfit:
            # Code under test may swallow exceptions; the list still tells.
            self.judge.misfits.append(misfit)
            raise

    async def aclose(self) -> None:
        """Close the transport below."""
        await self.transport.aclose()

    async def _exchange(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path = request.url.raw_path.split(b"?")[0].decode()
        query = request.url.params.multi_items()
        self.judge.request(request.method, path, query, request.headers.get("content-type"), body)
        response = await _whole(await self.transport.handle_async_request(_replayable(request, body)))
        content_type = response.headers.get("content-type")
        self.judge.response(request.method, path, response.status_code, content_type, response.content)
        return response


class JudgedApp:
    """Judges what reaches the API paths of an application, and what it answers there.

    A Misfit is kept in `judge.misfits` and answered as a 500, because a server turns exceptions into one anyway.
    """

    def __init__(self, app: ASGIApp, judge: Judge, *, requests: bool = True) -> None:
        self.app = app
        self.judge = judge
        self.requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold the answer back until it is judged."""
        if scope["type"] != "http" or not scope["path"].startswith(("/v1/", "/v2/")):
            await self.app(scope, receive, send)
            return
        try:
            messages = await self._exchange(scope, receive)
        except Misfit as misfit:
            self.judge.misfits.append(misfit)
            answer = JSONResponse({"detail": {"status": "misfit", "message": str(misfit)}}, status_code=500)
            await answer(scope, receive, send)
            return
        for message in messages:
            await send(message)

    async def _exchange(self, scope: Scope, receive: Receive) -> list[Message]:
        path = scope.get("raw_path", b"").decode() or scope["path"]
        body = await _received(receive)
        if self.requests:
            query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
            self.judge.request(scope["method"], path, query, _content_type(scope), body)
        self.judge.keep(scope["method"], path, body)
        messages = await _answered(self.app, scope, body, receive)
        for start in (message for message in messages if message["type"] == "http.response.start"):
            answer = b"".join(message.get("body", b"") for message in messages)
            self.judge.promises.answered(scope["method"], path, body, answer)
            self.judge.response(scope["method"], path, start["status"], _content_type(start), answer)
        return messages


class _Book:
    """The file's operations, with its schemas closed."""

    def __init__(self, spec: Schema) -> None:
        self._registry = _registry(spec["components"]["schemas"])
        self._operations: defaultdict[tuple[str, int], list[_Operation]] = defaultdict(list)
        for template, item in spec["paths"].items():
            for method in METHODS & item.keys():
                operation = _Operation(self, method.upper(), template, item[method])
                self._operations[operation.method, len(operation.segments)].append(operation)
        for operations in self._operations.values():
            operations.sort(key=_Operation.looseness)

    def find(self, method: str, path: str) -> _Operation | None:
        segments = path.split("/")
        candidates = self._operations.get((method.upper(), len(segments)), [])
        return next((operation for operation in candidates if operation.matches(segments)), None)

    def validator(self, schema: Schema) -> Validator:
        return _Validator(closed(schema), registry=self._registry)


class _Operation:
    """One method of one path: validators are compiled on first use."""

    def __init__(self, book: _Book, method: str, template: str, spec: Schema) -> None:
        self.method = method
        self.name = f"{method} {template}"
        self.segments = template.split("/")
        self._book = book
        self._spec = spec
        self._compiled: dict[str, Validator] = {}

    def looseness(self) -> list[bool]:
        """Sorts `/voices/add` before `/voices/{voice_id}`."""
        return [segment.startswith("{") for segment in self.segments]

    def matches(self, segments: list[str]) -> bool:
        pairs = zip(self.segments, segments, strict=True)
        return all(ours == theirs or (ours.startswith("{") and theirs) for ours, theirs in pairs)

    def declared(self, status: int) -> Schema | None:
        return self._spec["responses"].get(str(status))

    def judge_query(self, pairs: Pairs) -> None:
        self._judge("query", *self._query.read(pairs))

    def judge_body(self, content_type: str, body: bytes) -> None:
        declared = self._spec.get("requestBody", {})
        if not body:
            if declared.get("required"):
                self._refuse("body", "it is missing")
            return
        if not declared:
            self._refuse("body", "the operation takes none")
        kind = self._kind("body", declared["content"], content_type)
        if kind == "multipart/form-data":
            self._judge("body", *self._form.read(self._parts(content_type, body)))
            return
        self._judge("body", self._validator("body", declared["content"][kind]["schema"]), self._json("body", body))

    def judge_response(self, status: str, content: Schema, content_type: str, body: bytes) -> None:
        where = f"{status} body"
        kind = self._kind(where, content, content_type)
        if _is_json(kind) and content[kind].get("schema"):
            self._judge(where, self._validator(status, content[kind]["schema"]), self._json(where, body))

    @cached_property
    def _query(self) -> _Fields:
        parameters = [parameter for parameter in self._spec.get("parameters", []) if parameter["in"] == "query"]
        properties = {parameter["name"]: parameter["schema"] for parameter in parameters}
        required = [parameter["name"] for parameter in parameters if parameter.get("required")]
        return _Fields(self._book.validator({"type": "object", "properties": properties, "required": required}))

    @cached_property
    def _form(self) -> _Fields:
        return _Fields(self._book.validator(self._spec["requestBody"]["content"]["multipart/form-data"]["schema"]))

    def _validator(self, key: str, schema: Schema) -> Validator:
        if key not in self._compiled:
            self._compiled[key] = self._book.validator(schema)
        return self._compiled[key]

    def _kind(self, where: str, content: Schema, content_type: str) -> str:
        actual = content_type.split(";", maxsplit=1)[0].strip().lower()
        for kind in content:
            if fnmatch(actual, kind):
                return kind
        self._refuse(where, f"{actual or 'no content type'!r} is not one of {sorted(content)}")

    def _json(self, where: str, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            self._refuse(where, f"not JSON: {error}")

    def _parts(self, content_type: str, body: bytes) -> Pairs:
        try:
            return _parts(content_type, body)
        except FormParserError as error:
            self._refuse("body", f"not a form: {error}")

    def _judge(self, where: str, validator: Validator, instance: Any) -> None:
        # Finding the best of several errors is slow, and nearly everything is right.
        if validator.is_valid(instance):
            return
        error: ValidationError = cast("Any", exceptions).best_match(validator.iter_errors(instance))
        self._refuse(where + _location(error.absolute_path), error.message)

    def _refuse(self, where: str, what: str) -> NoReturn:
        raise Misfit(f"{self.name}: {where}: {what if len(what) <= 300 else what[:300] + '...'}")


class _Fields:
    """Named text values, as a query or a form carries them, read as the types their schemas ask for."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator
        self._fields: dict[str, Validator] = {}

    def read(self, pairs: Pairs) -> tuple[Validator, Schema]:
        values: defaultdict[str, list[Any]] = defaultdict(list)
        for name, value in pairs:
            values[name].append(value)
        return self._validator, {name: self._value(name, found) for name, found in values.items()}

    def _value(self, name: str, found: list[Any]) -> Any:
        schema = self._properties.get(name)
        if schema is None:
            return found[0]
        if name not in self._fields:
            self._fields[name] = self._validator.evolve(schema=schema)
        readings = _readings(found, self._fields[name])
        return next(filter(self._fields[name].is_valid, readings), readings[0])

    @cached_property
    def _properties(self) -> Mapping[str, Schema]:
        return _resolved(self._validator)["properties"]


def schemaless(declared: Schema) -> bool:
    """Whether a response is declared without saying what it looks like."""
    return not any(media.get("schema") for media in declared.get("content", {}).values())


def closed(schema: Schema, *, opened: bool = False) -> Schema:
    """A copy that forbids unknown fields wherever the file lists the known ones, at any depth."""
    if "oneOf" in schema and "discriminator" in schema:
        return _tagged_union(schema, opened=opened)
    if schema.get("format") == "binary":
        return {"const": FILE}
    copy = dict(_keywords(schema, opened=opened))
    # Two schemas of the file have properties but no type: unused leftovers that list few of their fields.
    if schema.get("type") == "object" and "properties" in schema and "additionalProperties" not in schema:
        copy |= {} if opened else {"unevaluatedProperties" if _composed(schema) else "additionalProperties": False}
    elif _composed(schema) and "additionalProperties" not in schema:
        copy |= {} if opened else {"unevaluatedProperties": False}
    return copy


def _composed(schema: Schema) -> bool:
    return "allOf" in schema or ("properties" in schema and not schema.keys().isdisjoint({"anyOf", "oneOf"}))


def _keywords(schema: Schema, *, opened: bool) -> Iterator[tuple[str, Any]]:
    # Inside a composition each branch sees fields of the others, so only the whole can be closed.
    branches = opened or _composed(schema)
    for keyword, value in schema.items():
        if keyword == "$ref":
            yield keyword, _uri(value.rsplit("/", 1)[1], opened=opened)
        elif keyword in MAPS:
            yield keyword, {name: closed(_repaired(part)) for name, part in value.items()}
        elif keyword in LISTS:
            yield keyword, [closed(part, opened=branches and keyword != "prefixItems") for part in value]
        elif keyword in SINGLES:
            yield keyword, value if isinstance(value, bool) else closed(value)
        elif keyword in ASSERTIONS:
            yield keyword, value


def _repaired(part: Any) -> Schema:
    # SpeechHistoryItemResponseModel has a list where the schema of its `state` belongs.
    return cast("Schema", part) if isinstance(part, dict) else {}


def _tagged_union(schema: Schema, *, opened: bool) -> Schema:
    discriminator = schema["discriminator"]
    mapping = {tag: closed({"$ref": ref}, opened=opened) for tag, ref in discriminator["mapping"].items()}
    return {"tagged": {"property": discriminator["propertyName"], "mapping": mapping}}


def _tagged(validator: Validator, union: Schema, instance: Any, _: Schema) -> Iterator[ValidationError]:
    """Follow the tag, as the service does: a plain `oneOf` accepts no value whose branches leave their tag optional."""
    if not isinstance(instance, dict):
        yield ValidationError(f"{instance!r} is not an object")
        return
    tag: Any = cast("Schema", instance).get(union["property"])
    branch = union["mapping"].get(tag) if isinstance(tag, str) else None
    if branch is None:
        tags = ", ".join(union["mapping"])
        yield ValidationError(f"{tag!r} in {union['property']!r} is not one of {tags}")
        return
    yield from validator.descend(instance, branch)


_Validator = cast("Any", validators).extend(Draft202012Validator, {"tagged": _tagged})


def _registry(schemas: Schema) -> Registry[Any]:
    schemas = {missing: schemas[name] for missing, name in MISSING.items() if name in schemas} | schemas
    contents = {_uri(name, opened=False): closed(schema, opened=name in LEFT_OPEN) for name, schema in schemas.items()}
    contents |= {_uri(name, opened=True): closed(schema, opened=True) for name, schema in schemas.items()}
    # One resource for each schema: a lookup by name is much quicker than a pointer into one large document.
    resources = ((uri, DRAFT202012.create_resource(schema)) for uri, schema in contents.items())
    return Registry[Any]().with_resources(resources)


def _uri(name: str, *, opened: bool) -> str:
    return f"{'opened' if opened else 'closed'}:{name}"


_BOOKS: dict[int, tuple[Schema, _Book]] = {}


def _book(spec: Schema) -> _Book:
    # A judge for each test is then free. The book keeps its file alive, so an id is never used twice.
    if id(spec) not in _BOOKS:
        _BOOKS[id(spec)] = spec, _Book(spec)
    return _BOOKS[id(spec)][1]


def _resolved(validator: Any) -> Schema:
    schema = validator.schema
    while "$ref" in schema:
        schema = validator._resolver.lookup(schema["$ref"]).contents  # no public way to ask a validator
    return schema


def _readings(found: list[Any], validator: Validator) -> list[Any]:
    """What the text may mean, most specific first."""
    parsed = [_parsed(value) for value in found]
    if len(found) > 1:
        return [parsed, found]
    if isinstance(parsed[0], dict) and validator.is_valid({}):
        # A field like `labels` is declared as an object or any text: text that is an object is judged as one.
        return parsed
    return [parsed[0], found[0], parsed, found]


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _parts(content_type: str, body: bytes) -> Pairs:
    pairs: list[tuple[str, Any]] = []
    parse_form(
        {"Content-Type": content_type.encode()},
        io.BytesIO(body),
        lambda field: pairs.append(((field.field_name or b"").decode(), (field.value or b"").decode())),
        lambda file: (pairs.append(((file.field_name or b"").decode(), FILE)), file.close())[0],
    )
    return pairs


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")


def _location(path: Iterable[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _replayable(request: httpx.Request, body: bytes) -> httpx.Request:
    # The body is whole now: its length replaces the chunks it came in.
    headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"transfer-encoding"]
    return httpx.Request(request.method, request.url, headers=headers, content=body, extensions=request.extensions)


async def _whole(response: httpx.Response) -> httpx.Response:
    # The bytes are kept as they came, or a compressed body would be decoded twice.
    assert isinstance(response.stream, httpx.AsyncByteStream)
    raw = b"".join([chunk async for chunk in response.stream])
    await response.aclose()
    whole = httpx.Response(
        response.status_code, headers=response.headers, stream=httpx.ByteStream(raw), extensions=response.extensions
    )
    await whole.aread()
    return whole


async def _received(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answered(app: ASGIApp, scope: Scope, body: bytes, receive: Receive) -> list[Message]:
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    messages: list[Message] = []

    async def replay() -> Message:
        return unread.pop() if unread else await receive()

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, replay, keep)
    return messages


def _content_type(carrier: Mapping[str, Any]) -> str | None:
    found = (value for name, value in carrier.get("headers", []) if name.lower() == b"content-type")
    value = next(found, None)
    return value.decode("latin-1") if value is not None else None
