"""Which calls of the tool server are under way, and what they made; and links, which nobody but the person gets to see."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext

_LINK = re.compile(r"\bwss?://[^\s\"'<>]*conversation_signature=[^\s\"'<>()]+")
_HIDDEN = "(the link, which was shown to the person and is kept nowhere)"


class Watch(BasePlugin):
    """With `link`, links are handed to it and taken out of what the model reads and a session keeps."""

    def __init__(self, link: Callable[[str], None] | None) -> None:
        super().__init__(name="watch")
        self._link = link
        self.going: dict[str, str] = {}
        self.made: list[str] = []  # companions that are done, though there may be more to do about them

    async def before_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext
    ) -> dict[str, Any] | None:
        self.going[str(tool_context.function_call_id)] = tool.name

    async def after_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext, result: dict[str, Any]
    ) -> dict[str, Any] | None:
        self.going.pop(str(tool_context.function_call_id), None)
        view = cast("dict[str, Any]", result.get("structuredContent") or {})
        if tool.name == "provision_companion" and view.get("status") == "done":
            self.made.append(view["companion"])
        if self._link is None or not (links := dict.fromkeys(_LINK.findall(str(result)))):
            return None
        for link in links:
            self._link(link)
        return cast("dict[str, Any]", without_links(result))

    async def on_tool_error_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext, error: Exception
    ) -> dict[str, Any] | None:
        self.going.pop(str(tool_context.function_call_id), None)


def without_links(told: object) -> object:
    """The same without links that let somebody talk to a companion."""
    if isinstance(told, str):
        return _LINK.sub(_HIDDEN, told)
    if isinstance(told, dict):
        return {name: without_links(value) for name, value in cast("dict[str, object]", told).items()}
    if isinstance(told, list):
        return [without_links(value) for value in cast("list[object]", told)]
    return told
