"""One connection for whoever runs the application, several at a time too: each closes it when it has done."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from google.adk.agents.readonly_context import ReadonlyContext
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.mcp_tool import McpToolset


class Shared(McpToolset):
    """Isn't closed while a call is under way: that is another one's, who closes it later. Used again, it opens again."""

    _calls = 0

    @contextmanager
    def used(self) -> Generator[None]:
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    async def get_tools(self, readonly_context: ReadonlyContext | None = None) -> list[BaseTool]:
        with self.used():
            return await super().get_tools(readonly_context)

    async def close(self) -> None:
        if not self._calls:
            await super().close()
