"""Fixtures with what none of our tools has: pictures, sounds, logs, headers, and a schema with every keyword."""

from __future__ import annotations

import base64
import warnings
from typing import Annotated, Any

from mcp import MCPDeprecationWarning, MCPError
from mcp.server.mcpserver import Context
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

import sounds

# One red pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SCHEMA_TOOL = "json_schema_2020_12_tool"
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def said(*blocks: ContentBlock | str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=block) if isinstance(block, str) else block for block in blocks])


def embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


PICTURE = ImageContent(data=PNG, mime_type="image/png")


async def test_image_content() -> CallToolResult:
    """Shows a pixel."""
    return said(PICTURE)


async def test_audio_content() -> CallToolResult:
    """Plays a moment of sound."""
    wav = base64.b64encode(sounds.wav(sounds.speech(0.1), 8_000)).decode()
    return said(AudioContent(data=wav, mime_type="audio/wav"))


async def test_embedded_resource() -> CallToolResult:
    """Hands over a document."""
    return said(embedded("test://embedded-resource", "This is an embedded resource content."))


async def test_multiple_content_types() -> CallToolResult:
    """Says, shows and hands over."""
    document = embedded("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json")
    return said("Multiple content types test:", PICTURE, document)


async def test_tool_with_logging(ctx: Context[None, Any]) -> CallToolResult:
    """Logs three lines, which the protocol has for clients of before 2026-07-28."""
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            await ctx.info(line)
    return said("logged")


async def test_sampling(prompt: str, ctx: Context[None, Any]) -> CallToolResult:
    """Asks the client's model."""
    answer = await ctx.session.create_message(
        [SamplingMessage(role="user", content=TextContent(text=prompt))], max_tokens=100
    )
    return said(f"LLM response: {answer.content}")


async def test_missing_capability(ctx: Context[None, Any]) -> CallToolResult:
    """Works only for a client that has a model to ask."""
    able = ctx.client_capabilities
    if not able or not able.sampling:
        lacking = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "this needs sampling", data=lacking)
    return said("there is a model to ask")


async def test_x_mcp_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> CallToolResult:
    """Takes an argument that is a header, too."""
    return said(region)


async def json_schema_2020_12_tool(name: str = "") -> CallToolResult:
    """Has a schema with keywords that ours don't use."""
    return said(name)


async def test_trigger_tool_change(ctx: Context[None, Any]) -> CallToolResult:
    """Says that the list of tools is another."""
    await ctx.notify_tools_changed()
    return said("told")


async def test_trigger_prompt_change(ctx: Context[None, Any]) -> CallToolResult:
    """Says that the list of prompts is another."""
    await ctx.notify_prompts_changed()
    return said("told")


CONTENTS = (
    test_image_content,
    test_audio_content,
    test_embedded_resource,
    test_multiple_content_types,
    test_tool_with_logging,
    test_sampling,
    test_missing_capability,
    test_x_mcp_header,
    test_trigger_tool_change,
    test_trigger_prompt_change,
)
