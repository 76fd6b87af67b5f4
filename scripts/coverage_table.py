"""Print which operations of the official OpenAPI file the sandbox emulates, as the tables of docs/sandbox.md.

Every operation is asked for with a key that doesn't exist: what is emulated refuses the key or the empty request, and
the rest answers 501. So the tables can't claim what isn't served.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from starlette.types import ASGIApp, Message

import openapi
from storykeeper_server.sandbox import app
from storykeeper_server.sandbox.coverage import PARTLY
from storykeeper_server.sandbox.state import State

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_ANY_ID = "x" * 20
Emulation = Literal["whole", "partly", "no"]


@dataclass(frozen=True)
class Operation:
    """An operation of the official file; `area` is the part of the API it belongs to."""

    method: str
    path: str
    area: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def url(self) -> str:
        """The path with an id in each place for one."""
        return re.sub(r"\{[^{}]+\}", _ANY_ID, self.path)


@dataclass(frozen=True)
class Answer:
    """What an operation was answered, and how many parts of its path were taken for ids."""

    status: int
    detail: Any
    ids: int

    @property
    def served(self) -> bool:
        """Whether some handler stands behind it."""
        return self.status != 501


def operations(spec: dict[str, Any]) -> list[Operation]:
    """All operations, in the file's order."""
    return [
        Operation(method.upper(), path, _area(path))
        for path, item in spec["paths"].items()
        for method in _METHODS
        if method in item
    ]


def _area(path: str) -> str:
    parts = path.split("/")[2:]
    return "/".join(parts[:2]) if parts[0] in ("convai", "workspace") else parts[0]


async def ask(sandbox: ASGIApp, operation: Operation) -> Answer:
    """Ask without a valid key, so that nothing happens."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": operation.method,
        "scheme": "http",
        "path": operation.url,
        "raw_path": operation.url.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"xi-api-key", b"nobody")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await sandbox(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return Answer(sent[0]["status"], json.loads(body)["detail"], len(scope.get("path_params", {})))


def emulation(operation: Operation, answer: Answer) -> Emulation:
    """Whole, partly for a reason that is written down, or not at all."""
    if not answer.served:
        return "no"
    return "partly" if str(operation) in PARTLY else "whole"


def tables(asked: dict[Operation, Answer]) -> str:
    """Markdown: a count for each area, then every operation."""
    found: dict[Operation, Emulation] = {operation: emulation(operation, answer) for operation, answer in asked.items()}
    return "\n".join([*_summary(found), "", *_details(found), ""])


def _summary(found: dict[Operation, Emulation]) -> Iterator[str]:
    total = Counter(found.values())
    yield f"Of {total.total()} operations, {total['whole']} are emulated, {total['partly']} partly, {total['no']} not."
    yield ""
    yield "| area | emulated | partly | not |"
    yield "|---|---|---|---|"
    areas: defaultdict[str, Counter[Emulation]] = defaultdict(Counter)
    for operation, state in found.items():
        areas[operation.area][state] += 1
    for area, counts in sorted(areas.items()):
        yield f"| {area} | {counts['whole'] or ''} | {counts['partly'] or ''} | {counts['no'] or ''} |"


def _details(found: dict[Operation, Emulation]) -> Iterator[str]:
    yield "| operation | emulated |"
    yield "|---|---|"
    for operation in sorted(found, key=lambda operation: (operation.area, operation.path, operation.method)):
        told = {"whole": "yes", "partly": f"partly: {PARTLY.get(str(operation))}", "no": ""}
        yield f"| `{operation}` | {told[found[operation]]} |"


async def ask_all(spec: dict[str, Any]) -> dict[Operation, Answer]:
    """Each operation's answer of a fresh sandbox."""
    sandbox = app.build(State(None))
    return {operation: await ask(sandbox, operation) for operation in operations(spec)}


def main() -> int:
    file = openapi.ensure()
    if file is None:
        print("The official OpenAPI file needs npm, once.", file=sys.stderr)
        return 1
    print(tables(asyncio.run(ask_all(json.loads(file.read_text(encoding="utf-8"))))), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
