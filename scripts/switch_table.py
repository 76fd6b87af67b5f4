"""Print the sandbox's switches, their defaults and what they mean, as the table of docs/sandbox.md."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import fields
from typing import cast

from storykeeper_server.sandbox.switches import Switches


def table() -> str:
    """Markdown: a row for each switch; several that share a docstring share a row."""
    defaults = {field.name: field.default for field in fields(Switches)}
    rows = ["| switch | default | means |", "|---|---|---|"]
    for names, told in _documented():
        switches = "<br>".join(f"`{name}`" for name in names)
        values = "<br>".join(f"`{_shown(defaults[name])}`" for name in names)
        rows.append(f"| {switches} | {values} | {told} |")
    return "\n".join([*rows, ""])


def _documented() -> Iterator[tuple[list[str], str]]:
    """Names with the docstring that follows them; Python itself forgets those of fields."""
    [definition] = ast.parse(inspect.getsource(Switches)).body
    assert isinstance(definition, ast.ClassDef)
    names: list[str] = []
    for part in definition.body[1:]:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            names.append(part.target.id)
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
            yield names, " ".join(str(part.value.value).split())
            names = []
    if names:
        yield names, ""


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " / ".join(map(str, cast("tuple[object, ...]", value)))
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    print(table(), end="")
