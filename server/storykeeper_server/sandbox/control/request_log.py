"""Which requests came: methods, paths and names, never contents nor credentials; in memory, the latest thousand."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, cast
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import auth
from ..paths import pattern

_KEPT = 1000
_MOST_NAMES, _LONGEST_NAME, _LONGEST_PATH = 100, 100, 500
# Where signed links lead: who knows the path may read what is there.
_SECRET = re.compile(r"(/storage/[^/]*/).+", re.DOTALL)
Entry = dict[str, Any]


class RequestLog:
    """The latest requests, oldest first, in the order in which they came."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Keep a request; who added it may fill in later how it ended."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()

    def matching(self, method: str = "*", path: str = "*") -> list[Entry]:
        """Those of a method and a path, either of which may be `*`."""
        return list(self._matching(method, pattern(path)))

    def _matching(self, method: str, path: re.Pattern[str]) -> Iterator[Entry]:
        for entry in self._entries:
            if method in ("*", entry["method"]) and path.fullmatch(entry["path"]):
                yield entry


class Recorder:
    """An ASGI layer that logs each request when it comes, and how it was answered when it was."""

    def __init__(self, app: ASGIApp, log: RequestLog, clock: Callable[[], float]) -> None:
        self._app = app
        self._log = log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry = _entry(scope, self._clock())
        self._log.add(entry)
        scope["state"]["entry"] = entry

        async def watching(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                entry["status"] = message["status"]
            elif message["type"] == "websocket.accept":
                entry["status"] = 101
            await send(message)

        await self._app(scope, receive, watching)


def _entry(scope: Scope, now: float) -> Entry:
    key = next((value for name, value in scope["headers"] if name == b"xi-api-key"), None)
    query = scope["query_string"].decode("latin-1")
    return {
        "at": now,
        "method": scope.get("method", "WS")[:_LONGEST_NAME],
        "path": _SECRET.sub(r"\1***", scope["path"])[:_LONGEST_PATH],
        "query": _short(name for name, _ in parse_qsl(query, keep_blank_values=True)),
        "parts": [],
        "key": auth.digest(key.decode("latin-1"))[:8] if key else None,
        "status": None,
        "fault": None,
        "trace": scope["state"]["trace"],
    }


def note_form(scope: Scope, form: FormData) -> None:
    """Log which parts a form has, in the order in which they came, and their sizes in bytes."""
    scope["state"]["entry"]["parts"] = [_part(name, value) for name, value in form.multi_items()[:_MOST_NAMES]]


def _short(names: Iterable[str]) -> list[str]:
    return [name[:_LONGEST_NAME] for name in islice(names, _MOST_NAMES)]


def _part(name: str, value: UploadFile | str) -> Entry:
    file = isinstance(value, UploadFile)
    return {
        "name": name[:_LONGEST_NAME],
        "bytes": value.size if isinstance(value, UploadFile) else len(value.encode()),
        "file": file,
    }


def note_json(scope: Scope, data: object) -> None:
    """Log which fields a JSON object has."""
    if isinstance(data, dict):
        fields = cast("dict[str, object]", data)
        scope["state"]["entry"]["parts"] = [{"name": name, "bytes": None, "file": False} for name in _short(fields)]


def note_fault(scope: Scope, fault: str) -> None:
    """Log what was done to a request."""
    scope["state"]["entry"]["fault"] = fault
