"""docs/mcp.md: the prompts and resources that it lists are those that there are."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client

from storykeeper_server.grammar import parser
from storykeeper_server.mcp.app import build
from storykeeper_server.mcp.prompts import prompts
from storykeeper_server.mcp.resources import resources
from storykeeper_server.mcp.shelf import Shelf
from storykeeper_server.talk.embedding import SNIPPETS, text
from storykeeper_server.wiring import wire
from storykeeper_tools.settings import Settings

pytestmark = pytest.mark.anyio
DOCS = (Path(__file__).parent.parent / "docs" / "mcp.md").read_text(encoding="utf-8")


def rows(section: str) -> list[list[str]]:
    """The cells of the table in a section, without its head."""
    part = DOCS.split(f"## {section}\n")[1].split("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `")]


@asynccontextmanager
async def listing(home: Path) -> AsyncGenerator[Client]:
    @asynccontextmanager
    async def running(_: object) -> AsyncGenerator[None]:
        yield  # nothing is called

    keeper = wire(Settings(home=home))
    shelf = Shelf(keeper.companions, keeper.retirement.receipts)
    offered = prompts(keeper.interviews, shelf), resources(SNIPPETS, text)
    async with Client(build(keeper.tools, running, "0", *offered, shelf=shelf)) as client:
        yield client


async def test_every_prompt_stands_there_with_its_arguments(tmp_path: Path) -> None:
    """In any order."""
    async with listing(tmp_path) as client:
        offered = (await client.list_prompts()).prompts
    told = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows("Prompts")}
    assert told == {prompt.name: {argument.name for argument in prompt.arguments or ()} for prompt in offered}


async def test_every_resource_stands_there(tmp_path: Path) -> None:
    """And nothing was written on the disk to list them."""
    async with listing(tmp_path) as client:
        fixed = {str(each.uri) for each in (await client.list_resources()).resources}
        templates = {each.uri_template for each in (await client.list_resource_templates()).resource_templates}
    told = {row[0].strip("`").replace("ID", "{id}").partition("`")[0] for row in rows("Resources")}
    assert templates == {uri for uri in told if "{id}" in uri}
    assert {uri for uri in told if "{id}" not in uri} <= fixed
    assert list(tmp_path.iterdir()) == []


def test_the_commands_that_it_sends_people_to_are_understood() -> None:
    """As they are written."""
    said = re.findall(r"`storykeeper ([a-z]+ [^`]+)`", DOCS)
    assert len(said) == 3
    for command in said:
        parser().parse_args(command.split())
