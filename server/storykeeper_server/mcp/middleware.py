"""What every message passes through."""

from __future__ import annotations

from typing import Any

from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.types import INVALID_PARAMS


def known_tools_only(names: frozenset[str]) -> Any:
    """Answer a call of an unknown tool as the specification wants, with a protocol error; the SDK answers a result."""

    async def check(ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
        if ctx.method == "tools/call" and (ctx.params or {}).get("name") not in names:
            raise MCPError(INVALID_PARAMS, f"Unknown tool; there are {', '.join(sorted(names))}")
        return await call_next(ctx)

    return check
