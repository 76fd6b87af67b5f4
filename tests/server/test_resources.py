"""The embed kit over MCP: the same files as on the command line."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from mcp import Client, MCPError

from storykeeper_server.mcp.app import build
from storykeeper_server.mcp.resources import resources
from storykeeper_server.talk.embedding import SNIPPETS, text

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(_: object) -> AsyncGenerator[None]:
    """Snippets need nothing that is opened."""
    yield


async def test_each_snippet_is_a_resource() -> None:
    """Listed with what it is, and read as it is in its file."""
    server = build((), running, "0.1.0", (), resources(SNIPPETS, text))
    async with Client(server) as client:
        listed = (await client.list_resources()).resources
        read = {str(each.uri): (await client.read_resource(each.uri)).contents[0] for each in listed}
        with pytest.raises(MCPError):
            await client.read_resource("storykeeper://embed/../../pyproject.toml")

    assert [str(each.uri) for each in listed] == [f"storykeeper://embed/{kind}" for kind in SNIPPETS]
    assert all("COMPANION_ID" in (each.description or "") for each in listed)
    shown = {uri.rpartition("/")[2]: content.text for uri, content in read.items()}  # pyright: ignore[reportAttributeAccessIssue]
    assert shown == {kind: text(kind) for kind in SNIPPETS}
