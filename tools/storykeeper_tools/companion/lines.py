"""YAML or JSON as plain data, with the line of each part, so that what is wrong can be pointed at."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yaml import MarkedYAMLError, SafeLoader, YAMLError
    from yaml.nodes import Node

MOST_PARTS = 20_000  # no honest file has a tenth of them; aliases of aliases reach them in a few lines
Place = tuple[str | int, ...]


class Unreadable(Exception):
    """A text that is no YAML or JSON, or more than that. `line` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


@dataclass(frozen=True, slots=True)
class Lined:
    """`repeated` are the keys that a mapping has more than once, with the line of each repetition."""

    data: Any
    lines: dict[Place, int]
    repeated: list[tuple[Place, int]]

    def line(self, place: Place) -> int:
        """Where something stands; for what isn't there, where it should be."""
        while place not in self.lines:
            place = place[:-1]
        return self.lines[place]


def parse(text: str, *, as_json: bool = False) -> Lined:
    """Raises Unreadable for anything but plain data: there are no tags that make objects, and few aliases."""
    import yaml  # 15 ms that only files need

    data = _json(text) if as_json else None
    # JSON is YAML but for tabs, which stand only between its tokens.
    loader = yaml.SafeLoader(_checked(text.replace("\t", " ") if as_json else text))
    reading = _Reading(loader)
    try:
        node = loader.get_single_node()
        if node is None:
            raise Unreadable(1, "it is empty")
        found = reading.value(node, ())
    except yaml.YAMLError as error:
        raise _told(error) from error
    except RecursionError:
        raise Unreadable(1, "it is nested too deeply") from None
    finally:
        loader.dispose()
    return Lined(data if as_json else found, reading.lines, reading.repeated)


@dataclass(slots=True)
class _Reading:
    """A walk through the nodes of one document."""

    loader: SafeLoader
    lines: dict[Place, int] = field(default_factory=dict[Place, int])
    repeated: list[tuple[Place, int]] = field(default_factory=list[tuple[Place, int]])

    def value(self, node: Node, place: Place) -> Any:
        line = node.start_mark.line + 1
        if len(self.lines) > MOST_PARTS:
            raise Unreadable(line, "it holds too much")
        self.lines[place] = line
        kind: Callable[[Any, Place], Any] | None = {
            "tag:yaml.org,2002:map": self._mapping,
            "tag:yaml.org,2002:seq": self._sequence,
        }.get(node.tag)
        if kind:
            return kind(node, place)
        return self._scalar(node, line)

    def _sequence(self, node: Node, place: Place) -> list[Any]:
        if isinstance(node.value, str):
            raise Unreadable(node.start_mark.line + 1, "this is no list")
        return [self.value(item, (*place, n)) for n, item in enumerate(node.value)]

    def _mapping(self, node: Node, place: Place) -> dict[str, Any]:
        if isinstance(node.value, str):
            raise Unreadable(node.start_mark.line + 1, "these are no keys and values")
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key.value, str):
                raise Unreadable(line, "a key must be a word")
            inside = (*place, key.value)
            if key.value in found:
                self.repeated.append((inside, line))
                continue
            found[key.value] = self.value(value, inside)
            self.lines[inside] = line
        return found

    def _scalar(self, node: Node, line: int) -> Any:
        if not isinstance(node.value, str):
            raise Unreadable(line, f"the tag {node.tag} isn't known here")
        try:
            return self.loader.construct_object(node)  # pyright: ignore[reportUnknownMemberType]  # typed so loosely
        except ValueError:
            raise Unreadable(line, "that is no date or number; put it in quotes if it is a text") from None


def _checked(text: str) -> str:
    """What YAML allows: control characters would end in an error that has no line."""
    for n, line in enumerate(text.split("\n"), 1):
        if any(ord(c) < 32 and c not in "\t\r" for c in line):
            raise Unreadable(n, "it holds a control character")
    return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(error.lineno, f"it is not JSON: {error.msg[0].lower()}{error.msg[1:]}") from error
    except RecursionError:
        raise Unreadable(1, "it is nested too deeply") from None


def _told(error: YAMLError | MarkedYAMLError) -> Unreadable:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it can't be parsed"
    return Unreadable(mark.line + 1 if mark else 1, f"it is not YAML: {problem}")
