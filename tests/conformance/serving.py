"""The server that we ship, with the fixtures of the conformance suite on top: `python -m conformance.serving` takes the
arguments of `storykeeper mcp --http`."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.prompts.base import Prompt, UserMessage
from mcp.server.mcpserver.resources import FunctionResource, Resource
from mcp.server.mcpserver.tools import Tool
from mcp.types import EmptyResult, SetLevelRequestParams, SubscribeRequestParams, UnsubscribeRequestParams
from pydantic import Field

from storykeeper_server.commands import leaving
from storykeeper_server.grammar import parser
from storykeeper_server.hosting import host
from storykeeper_server.mcp.app import build
from storykeeper_server.mcp.prompts import prompts
from storykeeper_server.mcp.resources import resources
from storykeeper_server.mcp.schemas import StrictTool
from storykeeper_server.mcp.sealing import sealed
from storykeeper_server.mcp.shelf import Shelf
from storykeeper_server.talk import embedding
from storykeeper_server.wiring import settings, wire

from .contents import CONTENTS, PICTURE, PNG, SCHEMA, SCHEMA_TOOL, embedded, test_tool_with_logging
from .contents import json_schema_2020_12_tool as schema_tool
from .rounds import ASKING, PROMPT
from .rows import ROWS

Handler = Callable[[Any, Any], Awaitable[Any]]


def fixed_tools() -> list[Tool]:
    """Those that can't be rows of our catalogue; they refuse what they don't know, as ours do."""
    tools = [StrictTool.from_function(call, structured_output=False) for call in (*CONTENTS, *ASKING)]
    # Its schema is what is judged, as it stands; no model could write it.
    lawful = StrictTool.from_function(schema_tool, name=SCHEMA_TOOL).model_copy(update={"parameters": SCHEMA})
    logging = StrictTool.from_function(test_tool_with_logging, name="test_logging_tool")
    return [*tools, lawful, logging]


def fixed_prompts() -> list[Prompt]:
    async def test_simple_prompt() -> str:
        """Says something."""
        return "This is a simple prompt for testing."

    async def test_prompt_with_arguments(
        arg1: Annotated[str, Field(description="First test argument")],
        arg2: Annotated[str, Field(description="Second test argument")],
    ) -> str:
        """Says what it was given."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    async def test_prompt_with_embedded_resource(
        resourceUri: Annotated[str, Field(description="URI of the resource to embed")],
    ) -> list[UserMessage]:
        """Hands over a document."""
        document = embedded(resourceUri, "Embedded resource content for testing.")
        return [UserMessage(document), UserMessage("Please process the embedded resource above.")]

    async def test_prompt_with_image() -> list[UserMessage]:
        """Shows a pixel."""
        return [UserMessage(PICTURE), UserMessage("Please analyze the image above.")]

    fixed = (test_simple_prompt, test_prompt_with_arguments, test_prompt_with_embedded_resource, test_prompt_with_image)
    return [*(Prompt.from_function(prompt) for prompt in fixed), PROMPT]


def fixed_resources() -> list[Resource]:
    held: dict[str, tuple[str, str | bytes]] = {
        "static-text": ("text/plain", "This is the content of the static text resource."),
        "static-binary": ("image/png", base64.b64decode(PNG)),
        "watched-resource": ("text/plain", "Watched."),
    }
    return [
        FunctionResource(
            uri=f"test://{name}",
            name=name,
            description=name,
            mime_type=kind,
            fn=partial(str, content) if isinstance(content, str) else partial(bytes, content),
        )
        for name, (kind, content) in held.items()
    ]


async def serve(arguments: argparse.Namespace) -> int:
    """What `storykeeper mcp --http` serves, and the fixtures."""
    keeper = wire(settings())

    @asynccontextmanager
    async def running(_: object) -> AsyncGenerator[None]:
        async with keeper.running():
            yield

    shelf = Shelf(keeper.companions, keeper.retirement.receipts)
    server = build(
        (*keeper.tools, *ROWS),
        running,
        version("storykeeper"),
        [*prompts(keeper.interviews, shelf), *fixed_prompts()],
        [*resources(embedding.SNIPPETS, embedding.text), *fixed_resources()],
        more=fixed_tools(),
        security=sealed(keeper.key),
        shelf=shelf,
    )
    _template(server)
    _of_before(server)
    return await host(arguments, keeper, server, leaving())


def _template(server: MCPServer[None]) -> None:
    @server.resource("test://template/{id}/data", mime_type="application/json")
    async def template(id: str) -> str:
        """Says what it was asked for."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def _of_before(server: MCPServer[None]) -> None:
    """Requests of before 2026-07-28: a level for logs, which we leave to stderr, and fixtures that can be subscribed to
    beside the companions."""
    low = server._lowlevel_server  # the SDK has no other way in for them

    async def agreed(_: Any, __: Any) -> EmptyResult:
        return EmptyResult()

    low.add_request_handler("logging/setLevel", SetLevelRequestParams, agreed)
    for method, params_type in (("subscribe", SubscribeRequestParams), ("unsubscribe", UnsubscribeRequestParams)):
        ours = low.get_request_handler(f"resources/{method}")
        assert ours
        low.add_request_handler(f"resources/{method}", params_type, partial(_either, agreed, ours.handler))


async def _either(fixed: Handler, ours: Handler, ctx: Any, params: Any) -> Any:
    return await (fixed if str(params.uri).startswith("test://") else ours)(ctx, params)


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(parser().parse_args())))
