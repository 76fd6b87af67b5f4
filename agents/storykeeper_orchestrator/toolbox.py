"""The tool server of the orchestrator: one process over stdio, seen whole by the procedure and in part by the chat."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.adk.agents.readonly_context import ReadonlyContext
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.base_toolset import BaseToolset
from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams
from google.adk.tools.tool_context import ToolContext
from mcp import StdioServerParameters

from storykeeper_tools.files import everything

from . import offline
from .hearing import Ear

LONGEST_CALL = 900.0  # ADK's default of 5 s would cancel a voice clone after it may have been made
PASSED_ON = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "ELEVENLABS_API_KEY", "XDG_DATA_HOME")


def connect(environ: Mapping[str, str], ear: Ear) -> McpToolset:
    """The tools of `storykeeper mcp`, started when first used."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "storykeeper_server", "mcp"], env=server_environ(environ)
    )
    return McpToolset(
        connection_params=StdioConnectionParams(server_params=server, timeout=LONGEST_CALL),
        tool_list_cache_ttl_seconds=300,
        elicitation_callback=ear,
    )


def server_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What the tool server gets to know. With neither a key nor an address it is the sandbox, and says so."""
    passed = {k: v for k, v in environ.items() if v and (k in PASSED_ON or k.startswith("STORYKEEPER_"))}
    if not passed.get("ELEVENLABS_API_KEY") and not passed.get("STORYKEEPER_ELEVENLABS_URL"):
        passed["STORYKEEPER_SANDBOX"] = "1"
    here = Path.cwd()
    if not everything(here, Path.home()):
        # First, since relative paths start at the first folder.
        passed["STORYKEEPER_FILES"] = os.pathsep.join(filter(None, [str(here), passed.get("STORYKEEPER_FILES")]))
    return passed


def model(environ: Mapping[str, str]) -> str:
    """The language model: the one that is set, Gemini when a Google key is, otherwise the rules."""
    chosen = environ.get("STORYKEEPER_MODEL", "").strip()
    if chosen:
        return chosen
    from google.adk.agents import LlmAgent

    return LlmAgent.DEFAULT_MODEL if environ.get("GOOGLE_API_KEY", "").strip() else offline.NAME


class View(BaseToolset):
    """Some of the tools of another toolset, over the same connection: a second toolset would be a second server."""

    def __init__(self, whole: BaseToolset, names: frozenset[str]) -> None:
        super().__init__()
        self._whole = whole
        self._names = names

    async def get_tools(self, readonly_context: ReadonlyContext | None = None) -> list[BaseTool]:
        return [tool for tool in await self._whole.get_tools(readonly_context) if tool.name in self._names]

    async def close(self) -> None:
        await self._whole.close()


class Household(BasePlugin):
    """Closes the tool server with the application, and makes what a tool raises a value the model can read."""

    def __init__(self, toolset: BaseToolset) -> None:
        super().__init__(name="household")
        self._toolset = toolset

    async def on_tool_error_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext, error: Exception
    ) -> dict[str, Any]:
        return {"error": f"internal · {tool.name} broke: {type(error).__name__} · see list_companions · try again"}

    async def close(self) -> None:
        await self._toolset.close()
