"""Schemas that say just what is needed, and tools that take just what their schema says."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, Literal, cast, get_args, get_origin

from mcp import MCPError
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError

from storykeeper_tools.catalogue import Tool as Row
from storykeeper_tools.errors import BadInput, InternalError, from_system

from .errors import argument_error, refusal

log = logging.getLogger(__name__)


class StrictTool(Tool):
    """Refuses arguments it doesn't know, which the SDK would drop, and says what is wrong in one sentence."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        try:
            return await self._answer(arguments, context, convert_result)
        except (MCPError, ToolError):
            raise
        except Exception:  # of what else breaks here, the SDK would tell the words
            return self._broke()

    async def _answer(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool) -> Any:
        try:
            json.dumps(arguments, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return refusal(BadInput("an argument holds text that isn't valid Unicode"))
        except RecursionError:
            return refusal(BadInput("an argument is nested too deeply"))
        try:
            return await super().run(arguments, context, convert_result)
        except UnexpectedToolError as error:
            return refusal(from_system(error.__cause__)) if isinstance(error.__cause__, OSError) else self._broke()
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            return refusal(argument_error(error.__cause__, self.fn_metadata.arg_model))

    def _broke(self) -> CallToolResult:
        log.exception("the tool %s broke", self.name)
        return refusal(InternalError("something broke inside Storykeeper", exists="see list_companions"))


def strict(call: Callable[..., Any], answer: type[BaseModel], *, title: str, annotations: ToolAnnotations) -> Tool:
    """A tool of a function, whose results have `answer` as their structured content; its argument model is closed, and its
    schemas are without pydantic's repetitions."""
    tool = StrictTool.from_function(
        call,
        title=title,
        description=one_line(call.__doc__),
        context_kwarg="ctx",
        annotations=annotations,
        structured_output=False,  # its own schema of the answer would be told in full, and a start waits for it
    )
    arguments = tool.fn_metadata.arg_model
    # Built with the first call, and its schema is that of the open one but for a line: a start needn't wait for either.
    config = ConfigDict(extra="forbid", strict=True, defer_build=True)
    tool.fn_metadata.arg_model = type(f"{tool.name}_arguments", (arguments,), {"model_config": config})
    tool.parameters = {**shown_input(tool.parameters), "additionalProperties": False}
    tool.fn_metadata.output_schema = shown_output(answer)
    return tool


def hints(tool: Row) -> ToolAnnotations:
    """All four, and true: minting a credential or spending isn't reading; what edits takes something away."""
    reads = tool.effect in {"reads", "reads here"}
    return ToolAnnotations(
        read_only_hint=reads,
        destructive_hint=tool.replaces or tool.effect in {"edits", "deletes"},
        idempotent_hint=tool.effect != "mints",
        open_world_hint=tool.effect not in {"reads here"},
    )


def one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def shown_input(schema: dict[str, Any]) -> dict[str, Any]:
    """An input schema as a model needs it: inline, and without what only says that nothing is the default."""
    return dict(_lean(schema, _defs(schema), _NOISE))


def shown_output(answer: type[BaseModel]) -> dict[str, Any]:
    """An output schema: names and types of the fields, which are always there. What they hold shows in the answer."""
    told = {name: field for name, field in answer.model_fields.items() if name not in _ALIKE and not field.exclude}
    return {"type": "object", "properties": {name: _type(field.annotation) for name, field in told.items()}}


def _type(annotation: Any) -> dict[str, Any]:
    """As pydantic's own schema has it, for which a start would wait until all models of all answers are built."""
    if get_origin(annotation) is not UnionType:
        return {"type": _json(annotation)}
    choices = [_json(part) for part in get_args(annotation)]
    return {} if "object" in choices else {"type": choices}


def _json(annotation: Any) -> str:
    """What JSON calls it: lists and objects whatever they hold, and a choice of words a string."""
    origin = get_origin(annotation) or annotation
    return _JSON.get(origin, "object")


# Titles only repeat names; lengths, and what more a part may hold, are checked anyway. The list is a third shorter so.
_NOISE = frozenset({"title", "$defs", "maxLength", "maxItems", "minItems", "pattern", "additionalProperties"})
_JSON: dict[Any, str] = {
    str: "string",
    Literal: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    NoneType: "null",
}
_ALIKE = frozenset({"workspace"})  # the same in all answers of a server
_EMPTY: tuple[Any, ...] = ("", [], {}, False, None)


def _defs(schema: dict[str, Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", schema.get("$defs", {}))


def _lean(schema: Any, defs: dict[str, Any], noise: frozenset[str]) -> Any:
    if isinstance(schema, list):
        return [_lean(item, defs, noise) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    node = _plain(cast("dict[str, Any]", schema), defs)
    kept = {k: v for k, v in node.items() if k not in noise and not (k == "default" and _says_nothing(v))}
    if "properties" in kept:
        kept.pop("description", None)
        shown = {k: v for k, v in node["properties"].items() if "x-seldom" not in v}
        kept["properties"] = {k: _lean(v, defs, noise) for k, v in shown.items()}
    return {k: v if k in {"properties", "default", "enum"} else _lean(v, defs, noise) for k, v in kept.items()}


def _says_nothing(default: Any) -> bool:
    """Whether a default is what anybody would take it for: nothing, or an object that holds nothing."""
    fields = list(cast("dict[str, Any]", default).values()) if isinstance(default, dict) else [default]
    return all(field in _EMPTY for field in fields)


def _plain(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """With what it refers to in place of the reference, and `X or null` as X where null is just the default."""
    if "$ref" in node:
        rest = {k: v for k, v in node.items() if k not in {"$ref", "default"}}
        return _plain({**defs[node["$ref"].rpartition("/")[2]], **rest}, defs)
    choices = [choice for choice in node.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) != 1:
        return node
    rest = {k: v for k, v in node.items() if k not in {"anyOf", "default"}}
    if node.get("default", 0) is None:
        return _plain({**choices[0], **rest}, defs)
    return {**rest, **choices[0], "type": [choices[0]["type"], "null"]} if "type" in choices[0] else node
