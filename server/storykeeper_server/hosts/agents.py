"""Storykeeper's tools for an agent of one's own, as Python for Google ADK."""

from __future__ import annotations

import json

from .known import KEY, Start

_PROGRAM = '''\
"""An agent with Storykeeper's tools."""

{imports}from google.adk.agents import LlmAgent
from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams
from mcp import StdioServerParameters

storykeeper = McpToolset(
    connection_params=StdioConnectionParams(
        server_params=StdioServerParameters(
            command={command},
            args={arguments},
            env={environ},
        ),
        timeout=900.0,  # of every call, too: cloning a voice takes longer than the usual five seconds
    ),
)
root_agent = LlmAgent(name="keeper", instruction="You look after memory companions.", tools=[storykeeper])
'''


def program(start: Start) -> str:
    """A module whose `root_agent` has the tools; the key is taken from the environment that it runs in."""
    command, *arguments = start.command
    rows = [f"{_quoted(name)}: {_quoted(value)}," for name, value in start.environ.items()]
    if not start.sandbox:
        rows.insert(0, f'"{KEY}": os.environ.get("{KEY}", ""),')
    environ = "\n".join(["{", *(f"{' ' * 16}{row}" for row in rows), f"{' ' * 12}}}"])
    return _PROGRAM.format(
        command=_quoted(command),
        arguments=_quoted(arguments),
        environ=environ,
        imports="" if start.sandbox else "import os\n\n",
    )


def _quoted(value: str | list[str]) -> str:
    """As JSON and Python both write it."""
    return json.dumps(value, ensure_ascii=False)
