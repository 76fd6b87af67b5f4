"""The MCP server: every row of the catalogue becomes a tool. No logic lives here."""

from __future__ import annotations

import base64
import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import resources as packaged
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, RequestStateSecurity
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.server.mcpserver.resources import Resource
from mcp.server.mcpserver.tools import Tool as McpTool
from mcp.types import CallToolResult, Icon, InputRequiredResult, TextContent

from storykeeper_tools.caller import Caller
from storykeeper_tools.catalogue import Tool
from storykeeper_tools.errors import StorykeeperError

from .caller import McpCaller, Unanswered
from .errors import refusal
from .guiding import INSTRUCTIONS
from .living import LivingServer
from .middleware import contained, known_names_only
from .schemas import hints, strict
from .shelf import Shelf
from .tracing import trace

WEBSITE = "https://github.com/storykeeper/storykeeper"


def build(
    tools: Iterable[Tool],
    running: Callable[[MCPServer[None]], AbstractAsyncContextManager[None]],
    version: str,
    prompts: Sequence[Prompt] = (),
    resources: Sequence[Resource] = (),
    more: Sequence[McpTool] = (),
    security: RequestStateSecurity | None = None,
    shelf: Shelf | None = None,
    look_seconds: float = 1.0,
) -> LivingServer:
    """The server, not yet running; `running` opens what the tools need and closes it. `more` are tools as they
    stand. `security` seals what clients carry from one round of a call to the next; without, this process alone can read it.
    With a `shelf` it shows what there is of companions, and looks every `look_seconds` for whoever listens."""
    exposed = [*(expose(tool) for tool in tools), *more]
    server = LivingServer(
        name="storykeeper",
        title="Storykeeper",
        website_url=WEBSITE,
        icons=[icon()],
        version=version,
        instructions=INSTRUCTIONS,
        lifespan=running,
        request_state_security=security,
        tools=exposed,
        middleware=[known_names_only([tool.name for tool in exposed], prompts)],
        prompts=prompts,
        shelf=shelf,
        look_seconds=look_seconds,
    )
    for resource in resources:
        server.add_resource(resource)
    trace(server, [tool.name for tool in exposed], [prompt.name for prompt in prompts])
    server.middleware.insert(0, contained)
    return server


def icon() -> Icon:
    """In the very words of the server, since hosts may not fetch one from elsewhere."""
    drawn = packaged.files(__package__ or "").joinpath("icon.svg").read_bytes()
    return Icon(
        src=f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}", mime_type="image/svg+xml", sizes=["any"]
    )


def expose(tool: Tool) -> McpTool:
    """A tool's own signature and result, with `caller` filled in and errors returned as results."""
    signature = inspect.signature(tool.call, eval_str=True)
    caller = next((p.name for p in signature.parameters.values() if p.annotation is Caller), None)

    @functools.wraps(tool.call)
    async def call(*, ctx: Context[None, Any], **arguments: Any) -> CallToolResult | InputRequiredResult:
        if caller:
            arguments[caller] = McpCaller(ctx)
        try:
            result = await tool.call(**arguments)
        except Unanswered as question:
            return question.result
        except StorykeeperError as error:
            return refusal(error)
        text = TextContent(type="text", text=str(result))
        return CallToolResult(content=[text], structured_content=result.model_dump(mode="json"))

    shown = [p for p in signature.parameters.values() if p.name != caller]
    vars(call)["__signature__"] = signature.replace(parameters=shown)
    return strict(call, signature.return_annotation, title=tool.title, annotations=hints(tool))
