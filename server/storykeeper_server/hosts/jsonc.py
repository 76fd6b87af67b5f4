"""Changes to JSON as people keep it: only the new value is written, every other sign stays, comments included."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

BLANK = "{}\n"
_GAP = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.S)
_STRICT_GAP = re.compile(r"[ \t\r\n]*")
_UNIT = re.compile(r"\n([ \t]+)\S")


class Broken(ValueError):
    """What is wrong with a document, and where."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands. `items` are the members of an object or the elements of an array, each from its first
    sign to its last, with its key."""

    start: int
    end: int
    value: Any
    items: tuple[tuple[str, int, Node], ...] = ()

    @property
    def is_object(self) -> bool:
        return isinstance(self.value, dict)

    def at(self, key: str) -> Node | None:
        """A member; the last of several, as every reader has it."""
        return next((node for name, _, node in reversed(self.items) if name == key), None)


def parse(text: str, *, comments: bool = True) -> Node:
    """The document; `comments` allows them, and a comma after the last item. Raises Broken."""
    scanner = _Scanner(text, comments=comments)
    try:
        root = scanner.value(scanner.gap(0))
    except RecursionError:
        raise Broken("it is nested too deep") from None
    if scanner.gap(root.end) != len(text):
        raise Broken(f"there is something after its end, {_place(text, root.end)}")
    return root


def put(text: str, path: Sequence[str], value: Any, *, comments: bool = True) -> str:
    """The text with a value at a path of keys; objects on the way are made. Raises Broken where the way leads through
    something else, or the text is no such document."""
    node = parse(text, comments=comments)
    for depth, key in enumerate(path):
        if not node.is_object:
            raise Broken(f"{'.'.join(path[:depth]) or 'the whole'} is not an object")
        member = node.at(key)
        if member is None:
            for missing in reversed(path[depth + 1 :]):
                value = {missing: value}
            return _inserted(text, node, value, key)
        node = member
    if _same(node.value, value):
        return text
    return text[: node.start] + _written(text, value, _margin(text, node.start)) + text[node.end :]


def append(text: str, path: Sequence[str], value: Any, *, comments: bool = True) -> str:
    """The text with one more element in an array, which is made where there is none. Raises Broken, as `put` does."""
    node: Node | None = parse(text, comments=comments)
    for key in path:
        node = node.at(key) if node else None
    if node is None:
        return put(text, path, [value], comments=comments)
    if not isinstance(node.value, list):
        raise Broken(f"{'.'.join(path)} is not an array")
    return _inserted(text, node, value)


class _Scanner:
    """Where each value stands. Scalars are read by the json module."""

    def __init__(self, text: str, *, comments: bool) -> None:
        self.text = text
        self.comments = comments
        self._gap = _GAP if comments else _STRICT_GAP
        self._decoder = json.JSONDecoder(parse_constant=_no_number)

    def gap(self, at: int) -> int:
        found = self._gap.match(self.text, at)
        return found.end() if found else at

    def value(self, at: int) -> Node:
        opening = self.text[at : at + 1]
        if opening == "{":
            return self._object(at)
        if opening == "[":
            items, end = self._items(at, "]", keyed=False)
            return Node(at, end, [node.value for _, _, node in items], items)
        return self._scalar(at)

    def _object(self, at: int) -> Node:
        items, end = self._items(at, "}", keyed=True)
        return Node(at, end, {key: node.value for key, _, node in items}, items)

    def _items(self, at: int, closing: str, *, keyed: bool) -> tuple[tuple[tuple[str, int, Node], ...], int]:
        found: list[tuple[str, int, Node]] = []
        at = self.gap(at + 1)
        while self.text[at : at + 1] != closing or self._promised(found, at):
            key, start, at = self._key(at) if keyed else ("", at, at)
            node = self.value(at)
            found.append((key, start, node))
            at = self.gap(node.end)
            if self.text[at : at + 1] == ",":
                at = self.gap(at + 1)
            elif self.text[at : at + 1] != closing:
                raise Broken(f"a comma or a bracket is missing, {_place(self.text, at)}")
        return tuple(found), at + 1

    def _promised(self, found: list[tuple[str, int, Node]], at: int) -> bool:
        """Whether a comma before the bracket promised another item, where none may stand there for nothing."""
        if self.comments or not found:
            return False
        return "," in self.text[found[-1][2].end : at]

    def _key(self, at: int) -> tuple[str, int, int]:
        name = self._scalar(at)
        colon = self.gap(name.end)
        if not isinstance(name.value, str) or self.text[colon : colon + 1] != ":":
            raise Broken(f"a name and a colon are missing, {_place(self.text, at)}")
        return name.value, at, self.gap(colon + 1)

    def _scalar(self, at: int) -> Node:
        if self.text[at : at + 1] in {"{", "["}:
            raise Broken(f"a name is missing, {_place(self.text, at)}")
        try:
            value, end = self._decoder.raw_decode(self.text, at)
        except Broken:
            raise
        except (ValueError, StopIteration):  # of numbers, too, that are longer than Python takes
            raise Broken(f"a value is missing, {_place(self.text, at)}") from None
        return Node(at, end, value)


def _no_number(name: str) -> NoReturn:
    raise Broken(f"{name} is no number of JSON")


def _place(text: str, at: int) -> str:
    return f"in line {text.count(chr(10), 0, at) + 1}"


def _same(one: Any, other: Any) -> bool:
    """Equal, and not merely so to Python, where 1 is True."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _inserted(text: str, node: Node, value: Any, key: str | None = None) -> str:
    """With one more item at the end, after the comments that stand there."""
    closing = node.end - 1
    spread = not node.items or "\n" in text[node.start : node.end]
    newline = "\r\n" if "\r\n" in text else "\n"
    margin = _margin(text, node.items[-1][1]) if node.items else _margin(text, node.start) + _unit(text)
    name = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
    item = name + (_written(text, value, margin) if spread else json.dumps(value, ensure_ascii=False))
    last = node.items[-1][2].end if node.items else node.start + 1
    place = _settled(text, last, closing)
    comma = "," if node.items and not _comma(text[last:place]) else ""
    before = text[:last] + comma + text[last:place] + (newline + margin if spread else " ") + item
    return before + (text[place:] if node.items else newline + _margin(text, node.start) + text[closing:])


def _settled(text: str, start: int, closing: int) -> int:
    """Where the last comment or comma before a closing bracket ends."""
    return start + len(text[start:closing].rstrip(" \t\r\n"))


def _comma(gap: str) -> bool:
    """Whether there is a comma outside the comments."""
    return "," in re.sub(r"//[^\n]*|/\*.*?\*/", "", gap, flags=re.S)


def _written(text: str, value: Any, margin: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(text)).split("\n")
    return (newline + margin).join(lines)


def _unit(text: str) -> str:
    found = _UNIT.search(text)
    return found[1] if found else "  "


def _margin(text: str, at: int) -> str:
    """The blanks with which a line begins."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]
