"""One span for each request of a client, under the client's own where it says so.

The SDK makes one, too, and tells what clients may choose: the names of tools that there aren't, ids of requests, and
messages of errors. This one takes its place.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from mcp import MCPError
from mcp.server import MCPServer, ServerRequestContext
from opentelemetry.trace import SpanKind

from storykeeper_tools import telemetry
from storykeeper_tools.errors import from_text
from storykeeper_tools.telemetry import CODE, ERROR, Work

_SDKS = "mcp.server._otel"
_OTHER = "_OTHER"
_METHODS = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "tools/call",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "completion/complete",
        "subscriptions/listen",
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
    }
)


def trace(server: MCPServer[Any], tools: Iterable[str], prompts: Iterable[str]) -> None:
    """Around everything else that a message passes through."""
    kept = [each for each in server.middleware if type(each).__module__ != _SDKS]
    server.middleware[:] = [_traced(frozenset(tools), frozenset(prompts)), *kept]


def _traced(tools: frozenset[str], prompts: frozenset[str]) -> Any:
    async def traced(ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
        told = _told(ctx, tools, prompts)
        target = told.get("gen_ai.tool.name") or told.get("gen_ai.prompt.name")
        method = str(told["mcp.method.name"])
        with telemetry.span(
            f"{method} {target}" if target else method,
            told,
            kind=SpanKind.SERVER,
            parent=telemetry.within(ctx.meta or {}),
            measure=telemetry.ANSWERS,
            level=logging.INFO if method == "tools/call" else logging.DEBUG,
        ) as work:
            try:
                return _outcome(work, await call_next(ctx))
            except MCPError as error:
                work.tell({"rpc.response.status_code": str(error.error.code)})
                work.fail(str(error.error.code))
                raise
            finally:
                if "gen_ai.tool.name" in told:
                    telemetry.CALLS.tell(1, {CODE: str(work.told.get(ERROR, "ok")), **told})

    return traced


def _told(ctx: ServerRequestContext[Any, Any], tools: frozenset[str], prompts: frozenset[str]) -> dict[str, Any]:
    method = ctx.method if ctx.method in _METHODS else _OTHER
    name = str((ctx.params or {}).get("name"))
    told = {"mcp.method.name": method, "mcp.protocol.version": ctx.protocol_version}
    told[telemetry.REQUEST] = telemetry.new_request()
    if isinstance(ctx.request_id, int):  # those that are texts may say anything
        told["jsonrpc.request.id"] = str(ctx.request_id)
    if method == "tools/call":
        told |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name if name in tools else _OTHER}
    if method == "prompts/get":
        told["gen_ai.prompt.name"] = name if name in prompts else _OTHER
    return told


def _outcome(work: Work, result: Any) -> Any:
    """Told as an error where it is one, by the code that its text begins with."""
    match result:
        case {"isError": True, "content": [{"text": str(text)}, *_]}:
            work.fail(from_text(text).code)
        case {"resultType": "input_required"}:
            work.tell({"storykeeper.asks": True})
        case _:
            pass
    return result
