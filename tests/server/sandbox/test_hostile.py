"""Requests made from the official OpenAPI file, allowed and forbidden ones, against everything that the sandbox serves.

A few for each operation, the same ones each time; `make fuzz` makes many, and new ones.
"""

from __future__ import annotations

import asyncio
import copy
import os
import re
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import judge
from coverage_table import Operation, ask_all
from furnished import furnish
from storykeeper_server.sandbox import app
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.state import State

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries that it loads
    import schemathesis
    from schemathesis import Case, GenerationMode

BASE = "http://127.0.0.1"
ENVELOPE = {"type", "code", "message", "status", "request_id"}
Send = Callable[[httpx.Request], httpx.Response]

# `make fuzz` sets how many.
MANY = int(os.environ.get("FUZZ", "0"))
ATTACKS = settings(
    max_examples=MANY or 4,
    derandomize=not MANY,
    print_blob=bool(MANY),
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)

# What the sandbox refuses with 422 though the file allows it: the type of the error, and a name in its place. Besides
# these, an empty value in a form or a query counts as none, which for forms the service's framework does too.
STRICTER = {
    ("value_error", "file"): "an empty file is none",
    ("value_error", "files"): "an empty file is none",
    ("value_error", "avatar_file"): "an empty file is none",
    ("json_invalid", "labels"): "labels are JSON in a string; the file calls them any string or object",
    ("dict_type", "labels"): "labels are JSON in a string; the file calls them any string or object",
    ("string_type", "labels"): "labels are texts",
    ("greater_than_equal", "page_size"): "`GET /v2/voices` has a page size of 1 to 100 in the documentation only",
    ("less_than_equal", "page_size"): "`GET /v2/voices` has a page size of 1 to 100 in the documentation only",
    ("literal_error", "sort"): "the documentation lists the orders, the file only says text",
    ("literal_error", "sort_direction"): "the documentation lists the orders, the file only says text",
    ("literal_error", "voice_type"): "the documentation lists the types, the file only says text",
}

# Answers that break the file's schema on purpose.
MISFITS = {
    r"^POST /v1/text-to-speech/\{voice_id\}(/stream)?: 200 body: 'audio/": "the file says audio/mpeg for every format",
    r"/v1/convai/agents.* body\..*\b(workflow|transfers|text_behavior_overrides|tools)\b": "kept as sent, not looked into",
    r"/v1/convai/agents.* body\..*\b(evaluation_criteria|data_collection)\b": "kept as sent, not looked into",
}


def official() -> dict[str, Any]:
    """The official file; without it there is nothing to test here."""
    return judge.official() or {"paths": {}, "components": {"schemas": {}}}


@cache
def served() -> list[Operation]:
    """Every operation of the official file that the sandbox has a handler for."""
    return [operation for operation, answer in asyncio.run(ask_all(official())).items() if answer.served]


@cache
def schema() -> Any:
    """The official file, with the names defined that it forgets."""
    spec = copy.deepcopy(official())
    schemas = spec["components"]["schemas"]
    for name, known in judge.MISSING.items():
        schemas.setdefault(name, schemas.get(known, {}))
    return schemathesis.openapi.from_dict(spec)


def filled(value: Any, ids: dict[str, Any]) -> Any:
    """Generated JSON with ids, addresses and files that exist, where the names of fields ask for such."""
    if isinstance(value, dict):
        return {
            name: ids[name] if _same_kind(item, ids.get(name)) else filled(item, ids) for name, item in value.items()
        }
    if isinstance(value, list):
        return [filled(item, ids) for item in value]
    return value


def _same_kind(value: Any, real: Any) -> bool:
    """A field of the same name may be something else elsewhere: `model_id` says whether it may be overridden, too."""
    return real is not None and isinstance(value, type(real))


def request(case: Case) -> httpx.Request:
    """The bytes of a case, as they would go over the wire."""
    arguments = {name: value for name, value in case.as_transport_kwargs(BASE).items() if name != "cookies"}
    prepared = requests.Request(**arguments).prepare()
    headers = {name: value for name, value in prepared.headers.items() if name.lower() == "content-type"}
    headers["xi-api-key"] = "sandbox"
    body: Any = prepared.body or b""
    return httpx.Request(str(prepared.method), str(prepared.url), headers=headers, content=body)


def check(answer: httpx.Response, mode: GenerationMode) -> None:
    """No failure but a deliberate one, every refusal in an envelope, and nothing refused that the file allows."""
    if answer.status_code < 400:
        return
    detail = answer.json()["detail"]
    if answer.status_code == 422:
        assert {"type", "loc", "msg", "input"} <= detail[0].keys()
        strict = [error for error in detail if not stricter(error, answer.request)]
        assert mode is GenerationMode.NEGATIVE or strict == [], "the file allows what the sandbox refuses"
    elif detail["status"] == "misfit":
        assert any(re.search(pattern, detail["message"]) for pattern in MISFITS), detail["message"]
    else:
        assert answer.status_code < 500 or detail["code"] == "not_emulated", answer.text
        assert detail.keys() - {"param"} == ENVELOPE
        assert detail["request_id"] == answer.headers["x-trace-id"]


def stricter(error: dict[str, Any], request: httpx.Request) -> bool:
    """Whether this is one of the schema errors above."""
    names = [part for part in error["loc"] if isinstance(part, str)]
    as_json = request.headers.get("content-type") == "application/json"
    empty = error["type"] == "missing" and (error["loc"][0] == "query" or not as_json)
    return empty or any((error["type"], name) in STRICTER for name in names)


def modes(operation: Operation) -> list[GenerationMode]:
    """Allowed requests, and forbidden ones where there is a query or a body to get wrong."""
    spec = official()["paths"][operation.path][operation.method.lower()]
    fallible = "requestBody" in spec or any(parameter["in"] == "query" for parameter in spec.get("parameters", []))
    return [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if fallible else [GenerationMode.POSITIVE]


def attack(operation: Operation, mode: GenerationMode, ids: dict[str, Any], send: Send) -> None:
    """As many cases as the profile says; in about half of them ids are real ones."""

    @ATTACKS
    @given(schema()[operation.path][operation.method].as_strategy(generation_mode=mode), st.booleans())
    def once(case: Case, real: bool) -> None:
        if real:
            case.path_parameters = filled(case.path_parameters, ids)
            case.query = filled(case.query, ids)
            case.body = filled(case.body, ids)
        check(send(request(case)), mode)

    once()


@pytest.mark.usefixtures("judge")
def test_there_is_something_to_send_to() -> None:
    """Without the official file there would be no operations, and every test below would pass by not being there."""
    assert len(served()) >= 71


@pytest.mark.parametrize("operation", served(), ids=str)
def test_nothing_that_is_sent_breaks_the_sandbox(operation: Operation) -> None:
    """No server error, no answer that breaks its schema, and what the file allows isn't refused as forbidden."""
    state = State(None)
    sandbox = judge.JudgedApp(
        app.build(state, plan="pro", switches=Switches(rag_seconds=0)), judge.Judge(official()), requests=False
    )
    client = httpx.AsyncClient(transport=httpx.ASGITransport(sandbox))
    with asyncio.Runner() as runner:
        ids = runner.run(furnish(sandbox, state))
        for mode in modes(operation):
            attack(operation, mode, ids, lambda request: runner.run(client.send(request)))
        runner.run(client.aclose())
