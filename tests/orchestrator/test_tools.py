"""Which single tools the model is given freely."""

from __future__ import annotations

from pathlib import Path

from storykeeper_orchestrator.tools import READING, WRITING
from storykeeper_server.wiring import wire
from storykeeper_tools.settings import Settings


def test_the_model_reads_freely_with_every_tool_that_only_reads_and_no_other(tmp_path: Path) -> None:
    """A new tool that reads is offered, and one that begins to write is asked about."""
    tools = wire(Settings(home=tmp_path)).tools
    assert {tool.name for tool in tools if tool.effect in {"reads", "reads here"}} == READING
    assert {tool.name for tool in tools} > WRITING.keys()
