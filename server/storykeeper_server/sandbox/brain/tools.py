"""The agent's client tools: called where all words of a tool's name, or of a short description, are said."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, cast

from ..state import Row
from . import words
from .languages import Language
from .types import Tool

_EMPTY = frozenset({"get", "fetch", "set", "do", "run", "call", "tool", "client", "function", "app"})
_MOST_KEYS = 4


def choose(settings: Row, asked: str, tongue: Language, turn: int) -> Tool | None:
    """The first client tool that is asked for, with its required parameters filled."""
    said = {form for word in words.terms(asked) for form in tongue.same.get(word, {word})}
    for tool in settings["conversation_config"]["agent"]["prompt"]["tools"]:
        if tool.get("type") == "client" and _is_asked(tool, said, tongue):
            name = str(tool.get("name", ""))
            digest = hashlib.sha256(f"{name} {turn} {asked}".encode(errors="replace")).hexdigest()
            return Tool(name, f"{name}_{digest[:20]}", _parameters(tool, asked, tongue))
    return None


def ends(settings: Row) -> bool:
    """Whether the agent may hang up: its tool for that, built in or inline, is configured."""
    prompt = settings["conversation_config"]["agent"]["prompt"]
    inline = (tool.get("name") == "end_call" for tool in prompt["tools"] if tool.get("type") == "system")
    return bool(prompt["built_in_tools"].get("end_call")) or any(inline)


def _is_asked(tool: Row, said: set[str], tongue: Language) -> bool:
    name = _name(tool) - _EMPTY
    keys = {words.stem(w) for w in words.words(str(tool.get("description", ""))) if w not in tongue.stop} - _EMPTY
    return _all(name, said, tongue) or (len(keys) <= _MOST_KEYS and _all(keys, said, tongue))


def _name(tool: Row) -> set[str]:
    return {
        words.stem(word) for word in words.words(re.sub(r"(?<=[a-z])(?=[A-Z])|[_-]", " ", str(tool.get("name", ""))))
    }


def _all(needed: set[str], said: set[str], tongue: Language) -> bool:
    return bool(needed) and all(said & {word, *tongue.same.get(word, ())} for word in needed)


def _parameters(tool: Row, asked: str, tongue: Language) -> Row:
    schema: Row = tool.get("parameters") or {}
    properties: Row = schema.get("properties") or {}
    needed: list[str] = schema.get("required") or []
    rest = _rest(asked, _name(tool), tongue)
    return {name: _value(properties.get(name) or {}, asked, rest) for name in needed}


def _value(schema: Row, asked: str, rest: str) -> Any:
    if schema.get("constant_value") not in (None, ""):
        return schema["constant_value"]
    if schema.get("type", "string") == "string":
        return _text(schema, asked, rest)
    number = float(found[0]) if (found := re.search(r"-?\d{1,15}(?:\.\d{1,9})?", asked)) else 0.0
    others: Row = {"integer": int(number), "number": number, "boolean": True, "array": [rest], "object": {}}
    return others.get(str(schema["type"]), rest)


def _text(schema: Row, asked: str, rest: str) -> str:
    choices = cast("Sequence[str]", schema.get("enum") or [])
    said = f" {words.plain(asked)} "
    return next((choice for choice in choices if f" {words.plain(choice)} " in said), choices[0] if choices else rest)


def _rest(asked: str, name: set[str], tongue: Language) -> str:
    """What is said after the tool's own words: "Show me a photo of the wedding" is about the wedding."""
    found = list(re.finditer(r"[^\W_]+", asked))
    forms = {form for word in name for form in (word, *tongue.same.get(word, ()))}
    own = [at for at, word in enumerate(found) if words.stem(words.fold(word[0])) in forms]
    for part in (found[own[-1] + 1 :] if own else found, found[: own[0]] if own else []):
        kept = [word for word in part if words.fold(word[0]) not in tongue.stop]
        if kept:
            return asked[kept[0].start() : kept[-1].end()][:500]
    return asked[:500].strip()
