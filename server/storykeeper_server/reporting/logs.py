"""Log lines on stderr: JSON for machines, or plain. What may name somebody, or open something, isn't in them.

Libraries quote what they were given, so that of theirs only who speaks, where, and the kind of error are told.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import PurePath
from types import TracebackType
from typing import Any

from opentelemetry import trace

from storykeeper_tools import telemetry
from storykeeper_tools.errors import StorykeeperError
from storykeeper_tools.reporting import Reporting

OURS = ("storykeeper", "storykeeper_tools", "storykeeper_server", "storykeeper_orchestrator")
_TRUSTED = frozenset({*OURS, "uvicorn", "opentelemetry"})  # the last two tell of servers and addresses, not of people
_WITHHELD = "a library says something, which may quote somebody"
_DEEPEST = 6
_HIDDEN = (
    (re.compile(r"\b(sk|xi|key|token)[_-][\w-]{6,}|\bbearer\s+\S+", re.I), "[secret]"),
    (re.compile(r"\b\w+://\S+"), "[address]"),
    (re.compile(r"(?<![\w.])~?/[^\s'\",;:)]+"), "[path]"),
    (re.compile(r"\b[a-z][a-z0-9-]*-[0-9a-f]{4}\b"), "[companion]"),
)


def configure(chosen: Reporting) -> None:
    """From now on: one handler for all, in place of those that libraries would add."""
    handler = _Stderr()
    handler.setFormatter(_Json() if chosen.shape == "json" else _Plain())
    root, level = logging.getLogger(), chosen.level.upper()
    for other in [each for each in root.handlers if isinstance(each, _Stderr)]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel("ERROR" if level == "ERROR" else "WARNING")
    for name in OURS:
        logging.getLogger(name).setLevel(level if level in {"INFO", "DEBUG"} else "NOTSET")


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What is told of a record, names first and what belongs to its work last."""
    ours = record.name.partition(".")[0] in _TRUSTED
    context = trace.get_current_span().get_span_context()
    said = {
        "message": hidden(_message(record)) if ours else _WITHHELD,
        "logger": record.name,
        "request_id": telemetry.request.get(),
        "trace_id": trace.format_trace_id(context.trace_id) if context.is_valid else "",
        "span_id": trace.format_span_id(context.span_id) if context.is_valid else "",
        "at": "" if ours else f"{record.module}:{record.lineno}",
        "error": _error(record),
    }
    told: Mapping[str, Any] = getattr(record, "told", {})
    return {**{name: value for name, value in said.items() if value}, **told}


def hidden(text: str) -> str:
    """One line without keys, addresses, paths, the ids of companions, which are made of names, and what moves a cursor."""
    for pattern, instead in _HIDDEN:
        text = pattern.sub(instead, text)
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def _message(record: logging.LogRecord) -> str:
    """With errors told by their codes: their sentences may name somebody."""
    if isinstance(record.args, tuple):
        args = tuple(_coded(each) for each in record.args)
        return str(record.msg) % args if args else str(record.msg)
    return record.getMessage()


def _coded(value: object) -> object:
    if isinstance(value, StorykeeperError):
        return value.code
    return type(value).__name__ if isinstance(value, BaseException) else value


def _error(record: logging.LogRecord) -> dict[str, Any]:
    """Which kind, and through where it came; neither its message nor what anything held."""
    found = record.exc_info[1] if record.exc_info else None
    return {"type": telemetry.code(found), "at": _places(found.__traceback__)} if found else {}


def _places(trail: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trail)[-_DEEPEST:]
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        head = {"time": f"{at}.{int(record.msecs):03d}Z", "level": record.levelname.lower()}
        return json.dumps({**head, **fields(record)}, ensure_ascii=False, default=str)


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = fields(record)
        message = told.pop("message")
        more = " ".join(f"{name}={_short(value)}" for name, value in told.items() if name not in {"logger", "span_id"})
        return f"storykeeper: {message}" + (f" ({more})" if more else "")


def _short(value: object) -> str:
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


class _Stderr(logging.StreamHandler[Any]):
    """Whatever stderr is at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)
