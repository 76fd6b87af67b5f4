"""Schemas that say just what is needed, and tools that take just what their schema says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import ConfigDict, ValidationError

from storykeeper_tools.errors import InternalError

from .errors import argument_error, refusal

log = logging.getLogger(__name__)


class StrictTool(Tool):
    """Refuses arguments it doesn't know, which the SDK would drop, and says what is wrong in one sentence."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        try:
            return await super().run(arguments, context, convert_result)
        except UnexpectedToolError:
            log.exception("the tool %s broke", self.name)
            return refusal(InternalError("something broke inside Storykeeper", exists="see list_companions"))
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            return refusal(argument_error(error.__cause__))


def strict(call: Callable[..., Any], *, title: str, annotations: ToolAnnotations) -> Tool:
    """A tool of a function; its argument model is closed, and its schemas are without pydantic's repetitions."""
    tool = StrictTool.from_function(
        call,
        title=title,
        description=one_line(call.__doc__),
        context_kwarg="ctx",
        annotations=annotations,
        structured_output=True,
    )
    arguments = tool.fn_metadata.arg_model
    closed = type(f"{tool.name}_arguments", (arguments,), {"model_config": ConfigDict(extra="forbid")})
    tool.fn_metadata.arg_model = closed
    tool.parameters = lean(closed.model_json_schema(by_alias=True))
    if tool.fn_metadata.output_schema:
        tool.fn_metadata.output_schema = lean(tool.fn_metadata.output_schema)
    return tool


def one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def lean(schema: Any, *, names: bool = False) -> Any:
    """A schema without the titles that pydantic makes of names, a fifth of its size. `names`: keys are field names."""
    if isinstance(schema, list):
        return [lean(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in cast("dict[str, Any]", schema).items() if names or k != "title"}
    return {k: lean(v, names=not names and k in {"properties", "$defs"}) for k, v in kept.items()}
