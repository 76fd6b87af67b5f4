"""Pages of a sorted list, found again by the last item and not by a number, so that deletes don't shift them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

from pydantic_core import from_json

from .envelopes import invalid
from .state import Row

Key = Callable[[Row], str | int | float]


def page(
    rows: Iterable[Row], size: int, token: str | None, *, by: str, key: Key, descending: bool
) -> tuple[list[Row], str | None]:
    """The page after `token`, and the token of the next page if there is one."""
    ordered = sorted(rows, key=lambda row: (key(row), row["id"]), reverse=descending)
    if token:
        last = _decode(token, f"{by} {descending}", type(key(ordered[0])) if ordered else object)
        ordered = [row for row in ordered if _after((key(row), row["id"]), last, descending)]
    chosen = ordered[:size]
    more = len(ordered) > size
    return chosen, _encode(f"{by} {descending}", [key(chosen[-1]), chosen[-1]["id"]]) if more else None


def _after(place: tuple[Any, str], last: tuple[Any, str], descending: bool) -> bool:
    return place < last if descending else place > last


def _encode(order: str, place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, place]).encode()).decode().rstrip("=")


def _decode(token: str, order: str, kind: type) -> tuple[Any, str]:
    try:
        # Unlike the standard library's, this parser refuses bottomless nesting.
        made_for, (value, id) = from_json(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError) as error:
        raise invalid("invalid_cursor", "The cursor is not one of this list.", "cursor") from error
    if made_for != order or not isinstance(value, kind) or not isinstance(id, str):
        raise invalid("invalid_cursor", "The cursor belongs to another order.", "cursor")
    return value, id
