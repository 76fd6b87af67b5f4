"""The MCP server: every row of the catalogue becomes a tool. No logic lives here."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.server.mcpserver.resources import Resource
from mcp.server.mcpserver.tools import Tool as McpTool
from mcp.types import CallToolResult, InputRequiredResult, TextContent

from storykeeper_tools.caller import Caller
from storykeeper_tools.catalogue import Tool
from storykeeper_tools.errors import StorykeeperError

from .caller import McpCaller, Unanswered
from .errors import refusal
from .middleware import known_names_only
from .schemas import hints, strict

INSTRUCTIONS = """\
Make and look after memory companions. Usual order: inspect_recording, plan_companion, then, once the person has agreed \
to the plan and whose voice it is has consented, record_consent and provision_companion, then rehearse_companion, then get_signed_url."""


def build(
    tools: Iterable[Tool],
    running: Callable[[MCPServer[None]], AbstractAsyncContextManager[None]],
    version: str,
    prompts: Sequence[Prompt] = (),
    resources: Sequence[Resource] = (),
) -> MCPServer[None]:
    """The server, not yet running; `running` opens what the tools need and closes it."""
    exposed = [expose(tool) for tool in tools]
    server: MCPServer[None] = MCPServer(
        name="storykeeper",
        title="Storykeeper",
        version=version,
        instructions=INSTRUCTIONS,
        lifespan=running,
        tools=exposed,
        middleware=[known_names_only([tool.name for tool in exposed], prompts)],
    )
    for prompt in prompts:
        server.add_prompt(prompt)
    for resource in resources:
        server.add_resource(resource)
    return server


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
    answer = Annotated[CallToolResult, signature.return_annotation]
    vars(call)["__signature__"] = signature.replace(parameters=shown, return_annotation=answer)
    return strict(call, title=tool.title, annotations=hints(tool))
