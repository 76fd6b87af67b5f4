"""JSON and JSON Lines as items: one for each record, whatever application wrote them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from ....errors import BadInput
from ..item import Item
from .encoding import writable
from .stated import ALL, DATE, TITLE, iso, spelled, stated

TEXT = ("text", "memory", "story", "content", "body")
ID = ("id", "_id", "key", "uuid")
LISTS = ("memories", "items", "entries", "records", "stories", "documents", "messages", "data")
DEEPEST = 100
_WORDS = re.compile(r"[^\W\d_]+(?:[ _-][^\W\d_]+)*\Z")

Record = tuple[str, Any]


def items(text: str, source: str) -> list[Item]:
    """Numbers stay as they are written; a date that isn't ISO, and prose in other fields, stay in the text.

    Raises BadInput for what isn't JSON, is nested too deeply, or tells nothing.
    """
    found = list(_unique(_told(_records(_loaded(text, source)), source)))
    if not found:
        raise BadInput(
            f"'{source}' holds no memories", next='give a list of records, such as [{"text": "...", "date": "1947"}]'
        )
    return found


def _loaded(text: str, source: str) -> Any:
    try:
        value = _values(text)
    except json.JSONDecodeError as error:
        what = f"'{source}' is not JSON: {error.msg}, line {error.lineno}"
        raise BadInput(what, next="mend it there, or save it as .txt") from error
    except RecursionError:
        value = None
    else:
        if not _is_deep(value):
            return value
    raise BadInput(f"'{source}' is nested too deeply", next="make it a plain list of records")


def _values(text: str) -> Any:
    """The whole, or each line; an error is that of the whole."""
    try:
        return _parsed(text)
    except json.JSONDecodeError as error:
        whole = error
    try:
        return [_parsed(line) for line in text.split("\n") if line.strip()]
    except json.JSONDecodeError:
        raise whole from None


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _held(each)]
    return bool(level)


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()


def _parsed(text: str) -> Any:
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)


def _records(value: Any, key: str = "") -> Iterator[Record]:
    """What holds a memory each, in order; of an object that holds some, its own fields are one more."""
    if isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from _records(each)
    elif not isinstance(value, dict) or _body(cast("dict[str, Any]", value)):
        yield key, value
    else:
        yield from _inside(cast("dict[str, Any]", value), key)


def _inside(value: dict[str, Any], key: str) -> Iterator[Record]:
    if value and all(isinstance(each, dict) for each in value.values()):
        for name, each in value.items():
            yield from _records(each, name)
        return
    held = [name for name, each in value.items() if _collection(name, each)]
    own = {name: each for name, each in value.items() if name not in held}
    if own:
        yield key, own
    for name in held:
        yield from _records(value[name])


def _collection(name: str, value: Any) -> bool:
    rows = cast("list[Any]", value) if isinstance(value, list) else []
    return any(isinstance(row, dict) for row in rows) or bool(rows and spelled(name) in LISTS)


def _told(records: Iterator[Record], source: str) -> Iterator[Item]:
    for at, (key, value) in enumerate(records, 1):
        fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {"text": value}
        if _WORDS.match(key) and key[1:] == key[1:].lower():  # no id that a program made
            fields = {"title": key.replace("_", " "), **fields}
        text = _text(fields)
        if text.strip():
            yield _item(text, fields, _scalar(_field(fields, ID)) or key, source, at)


def _item(text: str, fields: Mapping[str, Any], id: str, source: str, at: int) -> Item:
    said = stated(fields)
    return Item(
        text=text,
        source=source,
        at=at,
        unit="record",
        title=_clean(said.title),
        date=said.date,
        contributor=_clean(said.contributor),
        people=tuple(map(_clean, said.people)),
        places=tuple(map(_clean, said.places)),
        key=_clean(f"{source}#{id}") if id else "",
    )


def _unique(found: Iterator[Item]) -> Iterator[Item]:
    """An id used again for another text names both wrongly: the second goes without."""
    keys: dict[str, str] = {}
    for item in found:
        if item.key and keys.setdefault(item.key, item.text) != item.text:
            yield replace(item, key="")
        else:
            yield item


def _text(fields: Mapping[str, Any]) -> str:
    """A record's own text under its title, and in lines below what else it says in words."""
    body, title = _body(fields), stated(fields).title
    head = f"# {title}" if title and not body.lstrip("# ").startswith(title) else ""
    rest = _lines({name: value for name, value in fields.items() if _is_said(name, value, bool(body))}, "")
    lines = [line for line in rest if not body or " " in line.partition(": ")[2] or _is_date(line.partition(":")[0])]
    return _clean("\n\n".join(part for part in (head, body, "\n".join(lines)) if part.strip()))


def _is_said(name: str, value: Any, beside_text: bool) -> bool:
    """Whether a field is told in words: what the item holds in fields of its own needn't be."""
    if _is_date(name) and (beside_text or isinstance(value, dict)):
        return not iso(value)
    return spelled(name) not in ({*ALL, *ID, *TEXT} if beside_text else {*ID, *TITLE})


def _is_date(name: str) -> bool:
    return spelled(name) in DATE


def _lines(value: Any, path: str) -> Iterator[str]:
    """Nested fields as `key: value`, the keys joined by dots."""
    if isinstance(value, dict):
        for name, each in cast("dict[str, Any]", value).items():
            yield from _lines(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        rows = cast("list[Any]", value)
        if any(isinstance(row, dict | list) for row in rows):
            for n, row in enumerate(rows, 1):
                yield from _lines(row, f"{path}.{n}")
        elif rows:
            yield f"{path}: {', '.join(filter(None, map(_scalar, rows)))}"
    elif value not in (None, ""):
        yield f"{path}: {_scalar(value)}"


def _body(fields: Mapping[str, Any]) -> str:
    """The text of a record: a string, or a list of paragraphs."""
    for value in (_field(fields, (name,)) for name in TEXT):
        parts = cast("list[Any]", value) if isinstance(value, list) else [value]
        if not any(isinstance(part, dict | list) for part in parts) and (
            text := "\n\n".join(filter(None, map(_scalar, parts)))
        ):
            return text
    return ""


def _field(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    said = {spelled(name): value for name, value in fields.items()}
    return next((said[name] for name in names if said.get(name) not in (None, "", [], {})), None)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str) else ""


def _clean(text: str) -> str:
    return writable(text).replace("\r\n", "\n").replace("\r", "\n").rstrip()
