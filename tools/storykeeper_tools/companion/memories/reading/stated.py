"""What a source says outright about a memory: its title, date, contributor, people and places."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

TITLE = ("title", "heading")
DATE = ("date", "when", "year", "period", "day")
CONTRIBUTOR = ("contributor", "author", "told_by", "toldby", "by")
PEOPLE = ("people", "persons", "person", "who", "with")
PLACES = ("places", "place", "locations", "location", "where")
ALL = {*TITLE, *DATE, *CONTRIBUTOR, *PEOPLE, *PLACES}

_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ]\d.*)?)?)?\Z")
_SPAN = re.compile(r"([\d-]{4,10})\s*(?:/|\u2013|\u2014|-|to)\s*([\d-]{4,10})\Z")
_DECADE = re.compile(r"(\d{3})0s\Z")


@dataclass(frozen=True, slots=True)
class Stated:
    title: str = ""
    date: str = ""
    contributor: str = ""
    people: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def stated(fields: Mapping[str, Any]) -> Stated:
    """From fields by their usual names; the first of each that says something counts."""
    said = {spelled(name): value for name, value in fields.items()}
    return Stated(
        title=_line(_first(said, TITLE)),
        date=next((found for name in DATE if (found := iso(said.get(name)))), ""),
        contributor=", ".join(_names(_first(said, CONTRIBUTOR))),
        people=_names(_first(said, PEOPLE)),
        places=_names(_first(said, PLACES)),
    )


def spelled(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def iso(value: Any) -> str:
    """`1941-03-03`, `1941-03`, `1941` or `1939/1945`; nothing for what isn't surely one of them."""
    if isinstance(value, Mapping):
        return _stamp(cast("Mapping[str, Any]", value))
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if (found := _DECADE.match(text)) is not None:
        return f"{found[1]}0/{found[1]}9"
    if (span := _SPAN.match(text)) is not None and (start := _day(span[1])) and (end := _day(span[2])):
        return f"{start}/{end}"
    return _day(text)


def _day(text: str) -> str:
    found = _DAY.match(text)
    if found is None:
        return ""
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        date(year or 0, month or 1, day or 1)
    except ValueError:
        return ""
    return "-".join(f"{part:02}" if n else f"{part:04}" for n, part in enumerate((year, month, day)) if part)


def _stamp(value: Mapping[str, Any]) -> str:
    """Firestore's own exports write a time as seconds since 1970."""
    try:
        seconds = int(value.get("_seconds", value.get("seconds", "")))
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, TypeError, OverflowError, OSError):
        return ""


def _first(said: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((said[name] for name in names if said.get(name) not in (None, "", [], {})), None)


def _names(value: Any) -> tuple[str, ...]:
    """A list, or names parted by commas or semicolons; each once."""
    found = cast("list[Any]", value) if isinstance(value, list) else re.split(r"[,;\n]", _line(value))
    return tuple(dict.fromkeys(name for each in found if (name := _line(each))))


def _line(value: Any) -> str:
    """A scalar on one line; a mapping by its name."""
    if isinstance(value, Mapping):
        value = cast("Mapping[str, Any]", value).get("name")
    return " ".join(str(value).split()) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
