"""Nested configurations: reading, comparing and cutting them, whatever else the service puts into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

Tree = dict[str, Any]


def tree(value: Any) -> Tree:
    """An object as it is; nothing for anything else."""
    return cast("Tree", value) if isinstance(value, dict) else {}


def rows(value: Any) -> list[Any]:
    """A list as it is; nothing for anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def at(document: Any, path: str) -> Any:
    """What stands at `a.b.c`; None where there is nothing."""
    for step in path.split("."):
        document = tree(document).get(step)
    return document


def missing(sent: Any, stored: Any, path: str = "") -> list[str]:
    """The paths of what was sent and isn't stored that way; what the service adds of its own doesn't count."""
    if isinstance(sent, dict) and isinstance(stored, dict):
        pairs = [(key, value, tree(stored).get(key)) for key, value in tree(sent).items()]
        return [gap for key, a, b in pairs for gap in missing(a, b, f"{path}.{key}" if path else key)]
    if isinstance(sent, list) and isinstance(stored, list):
        return _missing_rows(rows(sent), rows(stored), path)
    if isinstance(sent, float) and isinstance(stored, (int, float)):
        return [] if abs(sent - stored) < 1e-6 else [path]
    return [] if sent == stored else [path]


def _missing_rows(sent: list[Any], stored: list[Any], path: str) -> list[str]:
    """A list is one value: when an entry differs, the list does."""
    same = len(sent) == len(stored) and not any(missing(a, b) for a, b in zip(sent, stored, strict=True))
    return [] if same else [path]


def smallest(patch: Tree, stored: Any) -> Tree:
    """The part of a patch that says something new."""
    news = {key: value for key, value in patch.items() if missing(value, tree(stored).get(key))}
    form = {"type": patch["type"]} if news and "type" in patch else {}  # without it nobody could tell what it is
    return form | {k: smallest(tree(v), tree(stored).get(k)) if isinstance(v, dict) else v for k, v in news.items()}


def merged(base: Tree, more: Tree) -> Tree:
    """Both, nested objects put into each other; what isn't an object is replaced."""
    both = {**base, **more}
    inner = {k for k in base if isinstance(base[k], dict) and isinstance(more.get(k), dict)}
    return {k: merged(tree(base[k]), tree(more[k])) if k in inner else v for k, v in both.items()}


def differences(paths: Sequence[str], before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    return [(path, at(before, path), at(after, path)) for path in paths]
