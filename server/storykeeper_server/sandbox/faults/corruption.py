"""Answers made wrong: what a client must survive without believing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from pydantic_core import from_json, to_json


def _json(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    def changed(body: bytes) -> bytes:
        try:
            return to_json(change(from_json(body)))
        except ValueError:
            return body  # sound, or nothing: there is no JSON to spoil

    return changed


def _wrong(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _wrong(item) for name, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_wrong(item) for item in cast("list[Any]", value)]
    if isinstance(value, bool) or value is None:
        return "maybe"
    return 7 if isinstance(value, str) else f"about {value}"


def _extra(value: Any) -> Any:
    if isinstance(value, dict):
        fields = {name: _extra(item) for name, item in cast("dict[str, Any]", value).items()}
        return {**fields, "unknown_to_everybody": {"of": ["the", "sandbox"]}}
    return [_extra(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "html": lambda _: b"<!doctype html><html><body><h1>Welcome</h1></body></html>",
    "truncated": lambda body: body[: len(body) // 2],
    "wrong-json": lambda _: b'["unexpected"]',
    "wrong-types": _json(_wrong),
    "extra-fields": _json(_extra),
}
