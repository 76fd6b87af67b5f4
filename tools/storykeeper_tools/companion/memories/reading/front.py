"""YAML front matter: what a Markdown file says about itself between two lines of dashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from .stated import Stated, stated

_LONGEST = 200


def front(lines: Sequence[str]) -> tuple[Stated, int]:
    """What is stated, and how many lines it takes; none where a text only starts with a line of dashes."""
    if not lines or lines[0].rstrip() != "---":
        return Stated(), 0
    end = next((n for n, line in enumerate(lines[1:_LONGEST], 1) if line.rstrip() in {"---", "..."}), 0)
    fields = _mapping("\n".join(lines[1:end])) if end else None
    return (stated(fields), end + 1) if fields else (Stated(), 0)


def _mapping(text: str) -> dict[str, Any] | None:
    import yaml  # not needed to start a server

    if len(text) > 20_000:
        return None
    try:
        found = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes strings, lists and mappings only
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
