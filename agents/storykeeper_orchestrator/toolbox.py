"""The tool server of the orchestrator: one process over stdio, seen whole by the procedures and in part by the chat."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from google.adk.agents.callback_context import CallbackContext
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.mcp_tool import StdioConnectionParams
from google.genai import types
from mcp import StdioServerParameters

from storykeeper_tools.files import everything

from .hearing import Ear
from .server import PATIENCE, Server
from .sharing import Shared
from .tools import READING, WRITING, Chest

LONGEST_CALL = 900.0  # ADK's default of 5 s would cancel a voice clone after it may have been made
START = 60.0
STORYKEEPER = (sys.executable, "-m", "storykeeper_server", "mcp")
PASSED_ON = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "ELEVENLABS_API_KEY", "XDG_DATA_HOME")


class Progress(Protocol):
    async def __call__(self, progress: float, total: float | None, message: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Toolbox:
    whole: Shared
    server: Server
    start: float = START

    def chest(self, *, only_reading: bool = False) -> Chest:
        """What the model may use on its own."""
        return Chest(self.whole, READING if only_reading else READING | frozenset(WRITING), self.server.patience)

    async def ready(self, callback_context: CallbackContext) -> types.Content | None:
        """What to say instead of anything else where the tool server is down: a model without tools would make things up."""
        try:
            async with asyncio.timeout(self.start):
                await self.whole.get_tools()
        except (ConnectionError, TimeoutError):
            return types.ModelContent(
                "The tool server did not start, so nothing can be looked up or made now, and nothing was. "
                "`storykeeper mcp` shows why; then say it again."
            )
        return None


def connect(
    environ: Mapping[str, str],
    progress: Progress | None = None,
    *,
    command: Sequence[str] = STORYKEEPER,
    patience: Mapping[str, float] = PATIENCE,
    start: float = START,
) -> Toolbox:
    """The tools of `storykeeper mcp`, or of another command, started when first used and again when it died.

    `patience` and `start` are seconds: for an answer of each tool, and for the first sign of life.
    """
    ear, elicits = Ear(), environ.get("STORYKEEPER_CONSENT", "").strip().lower() == "elicit"
    passed = server_environ(environ)
    server = StdioServerParameters(command=command[0], args=list(command[1:]), env=passed)
    whole = Shared(
        connection_params=StdioConnectionParams(server_params=server, timeout=LONGEST_CALL),
        tool_list_cache_ttl_seconds=300,
        elicitation_callback=ear,
        progress_callback=progress,
    )
    return Toolbox(
        whole,
        Server(whole, ear, patience, elicits=elicits, sandbox=passed.get("STORYKEEPER_SANDBOX") == "1"),
        start,
    )


def server_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What the tool server gets to know. With neither a key nor an address it is the sandbox, and says so."""
    passed = {k: v for k, v in environ.items() if v and (k in PASSED_ON or k.startswith(("STORYKEEPER_", "OTEL_")))}
    if not passed.get("ELEVENLABS_API_KEY") and not passed.get("STORYKEEPER_ELEVENLABS_URL"):
        passed["STORYKEEPER_SANDBOX"] = "1"
    here = Path.cwd()
    if not everything(here, Path.home()):
        # First, since relative paths start at the first folder.
        passed["STORYKEEPER_FILES"] = os.pathsep.join(filter(None, [str(here), passed.get("STORYKEEPER_FILES")]))
    return passed


class Closing(BasePlugin):
    """Closes the tool server with the application."""

    def __init__(self, box: Toolbox) -> None:
        super().__init__(name="closing")
        self._box = box

    async def close(self) -> None:
        await self._box.whole.close()
