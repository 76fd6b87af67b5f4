"""What of a conversation a language model is sent, and what of its last turn a person hasn't been told.

A conversation only grows, and a model's window doesn't: one that was too long once would be too long ever after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from google.genai import types

LONGEST = 40_000  # characters, about 10,000 tokens


def recent(contents: Sequence[types.Content], longest: int = LONGEST) -> list[types.Content]:
    """The turn under way, whatever its length, and as many of the last ones as there is room for: never an answer of a
    tool without its call."""
    kept, size = 0, 0
    begins = _begins(contents)
    for start, end in zip(reversed(begins), [len(contents), *reversed(begins)], strict=False):
        size += sum(len(content.model_dump_json(exclude_none=True)) for content in contents[start:end])
        if kept and size > longest:
            break
        if _paired(contents[start:]):
            kept = start
    return list(contents[kept:])


def unheard(contents: Sequence[types.Content]) -> str:
    """What procedures report in the turn under way."""
    return "\n".join(str(told["report"]) for _, told in _answers(contents) if "report" in told)


def answered(contents: Sequence[types.Content]) -> list[str]:
    """The tools that have done what they were asked in the turn under way."""
    return [name for name, told in _answers(contents) if "error" not in told]


def _answers(contents: Sequence[types.Content]) -> list[tuple[str, dict[str, Any]]]:
    start = (_begins(contents) or [0])[-1]
    found = [part.function_response for content in contents[start:] for part in content.parts or []]
    return [(one.name or "", _told(one.response or {})) for one in found if one]


def _told(response: dict[str, Any]) -> dict[str, Any]:
    """ADK wraps what isn't a mapping of ours."""
    inner = response.get("result", response)
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else response


def _begins(contents: Sequence[types.Content]) -> list[int]:
    """Where a person begins to speak."""
    said = [content.role == "user" and any(part.text for part in content.parts or []) for content in contents]
    return [i for i, now in enumerate(said) if now and not (i and said[i - 1])]


def _paired(contents: Sequence[types.Content]) -> bool:
    parts = [part for content in contents for part in content.parts or []]
    calls = Counter(part.function_call.name for part in parts if part.function_call)
    answers = Counter(part.function_response.name for part in parts if part.function_response)
    return not answers - calls
