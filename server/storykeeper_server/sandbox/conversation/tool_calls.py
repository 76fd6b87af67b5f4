"""Tools that run in the client: called, waited for, and written down."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from .. import ids
from ..brain import Tool
from ..state import Row
from . import frames
from .line import Line
from .record import Record

_SECONDS = 20


class ToolCalls:
    """The calls that wait for a result."""

    def __init__(self, line: Line, record: Record, config: Row) -> None:
        self._line = line
        self._record = record
        self._configured: dict[str, Row] = {tool.get("name", ""): tool for tool in config["agent"]["prompt"]["tools"]}
        self._waiting: dict[str, asyncio.Future[frames.ToolResult]] = {}

    async def use(self, tool: Tool, event: int) -> frames.ToolResult:
        """Call a client's tool. No answer in time is a failed result; one that isn't expected is an empty one."""
        config = self._configured.get(tool.name, {})
        tool = replace(tool, id=ids.prefixed("call"))  # the brain's own id is the same for the same words
        waiting = self._waiting[tool.id] = asyncio.get_running_loop().create_future()
        await self._line.send(frames.tool_request(event, tool.name, tool.id, "client"))
        await self._line.send(frames.tool_call(event, tool.name, tool.id, tool.parameters))
        try:
            seconds = config.get("response_timeout_secs", _SECONDS) if config.get("expects_response") else None
            result = await self._answer(tool, waiting, seconds)
        finally:
            del self._waiting[tool.id]
        self._write_down(tool, result)
        failed = result.is_error
        await self._line.send(frames.tool_response(event, tool.name, tool.id, "client", failed=failed))
        return result

    async def _answer(
        self, tool: Tool, waiting: asyncio.Future[frames.ToolResult], seconds: float | None
    ) -> frames.ToolResult:
        if seconds is None:
            return frames.ToolResult(tool_call_id=tool.id, result="")
        try:
            async with asyncio.timeout(seconds):
                return await waiting
        except TimeoutError:
            return frames.ToolResult(tool_call_id=tool.id, result="The tool did not answer.", is_error=True)

    def resolve(self, result: frames.ToolResult) -> None:
        """A result came in; one that nobody waits for is ignored."""
        waiting = self._waiting.get(result.tool_call_id)
        if waiting and not waiting.done():
            waiting.set_result(result)

    def _write_down(self, tool: Tool, result: frames.ToolResult) -> None:
        call: Row = {"name": tool.name, "id": tool.id, "type": "client"}
        outcome: Row = {"result": str(result.result), "error": result.is_error}
        self._record.called({**call, "parameters": tool.parameters}, {**call, **outcome})

    async def end_call(self, event: int) -> None:
        """Tell the client that the agent hangs up, with the built-in tool."""
        id = ids.prefixed("call")
        await self._line.send(frames.tool_request(event, "end_call", id, "system"))
        await self._line.send(frames.tool_response(event, "end_call", id, "system", failed=False))
