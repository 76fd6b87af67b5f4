"""Errors as results: a tool that refuses says so in one sentence that helps, and repeats no input."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ValidationError

from storykeeper_tools.companion.spec import faults
from storykeeper_tools.errors import BadInput, StorykeeperError, UnknownArgument


def refusal(error: StorykeeperError) -> CallToolResult:
    """`code · what happened · what exists now · what to call next`; raising would put the SDK's words in front."""
    return CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)


def argument_error(error: ValidationError, arguments: type[BaseModel]) -> StorykeeperError:
    """What is wrong with a call's arguments, and what a misspelt one may have been meant to be."""
    unknown = [e["loc"] for e in error.errors(include_url=False, include_input=False) if e["type"] == "extra_forbidden"]
    if not unknown:
        return BadInput(faults(error))
    told = ", ".join(_stray(path) for path in unknown[:5])
    meant = [near for path in unknown[:5] if (near := _nearest(path, arguments))]
    hint = f"did you mean {', '.join(meant)}?" if meant else f"it takes {_taken(unknown[0], arguments)}"
    return UnknownArgument(f"there is no argument {told}; {hint}")


Path = tuple[int | str, ...]


def _stray(path: Path) -> str:
    """Where it stands, and its name, if it is one: anything else may be a value in the wrong place."""
    *above, name = map(str, path)
    plain = re.fullmatch(r"[\w.-]{1,40}", name, re.ASCII)
    return ".".join([*above, name if plain else "of that name"])


def _nearest(path: Path, arguments: type[BaseModel]) -> str:
    """The real argument that is spelled most like a stray one, or called so further inside, with where it stands."""
    *above, name = path
    model = _inside(arguments, above)
    near = difflib.get_close_matches(str(name)[:60], model.model_fields if model else (), n=1)
    near = near or list(_deeper(model, str(name)))[:1]
    return ".".join(map(str, [*above, *near])) if near else ""


def _deeper(model: type[BaseModel] | None, name: str) -> Iterator[str]:
    """Where below a model's own fields one of that name stands."""
    for field, info in model.model_fields.items() if model else ():
        for inner in _models(info.annotation):
            yield from (f"{field}.{found}" for found in (*({name} & {*inner.model_fields}), *_deeper(inner, name)))


def _taken(path: Path, arguments: type[BaseModel]) -> str:
    model = _inside(arguments, path[:-1])
    return ", ".join(model.model_fields if model else ()) or "none"


def _inside(model: type[BaseModel] | None, path: Sequence[int | str]) -> type[BaseModel] | None:
    """The model that a part of the arguments is checked by."""
    for step in path:
        found = model.model_fields.get(str(step)) if model else None
        if not isinstance(step, int):
            model = next(_models(found.annotation), None) if found else None
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type such as `list[Model] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
