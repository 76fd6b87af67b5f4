"""What a caller must be allowed to do for what it asks: to read, to provision, or to destroy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.types import INVALID_REQUEST

from storykeeper_tools.access import Scope
from storykeeper_tools.catalogue import Effect, Tool

# Minting lets somebody talk on the account's bill. A pause is a kind of retirement: it takes a companion away.
NEEDED: Mapping[Effect, Scope] = {
    "reads": "read",
    "reads here": "read",
    "writes here": "provision",
    "creates": "provision",
    "edits": "provision",
    "mints": "provision",
    "deletes": "destroy",
}
# They say what is in the source, or nothing: the list of tools is the same for every caller.
_OPEN = frozenset({"initialize", "server/discover", "ping", "tools/list", "prompts/list", "resources/templates/list"})

Needs = Callable[[str, Mapping[str, Any]], Scope | None]


def needs(tools: Iterable[Tool]) -> Needs:
    """Answers the scope that a method with its parameters needs; None where any caller may ask."""
    scopes: dict[str, Scope] = {tool.name: NEEDED[tool.effect] for tool in tools}

    def needed(method: str, params: Mapping[str, Any]) -> Scope | None:
        if method in _OPEN or method.startswith("notifications/"):
            return None
        if method == "tools/call":
            name = params.get("name")
            return scopes.get(name, "read") if isinstance(name, str) else "read"
        return "read"

    return needed


def needed_by(body: bytes, needs: Needs) -> Scope | None:
    """The scope that a message needs. What can't be read is let through, to be refused by who does read it."""
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    fields = cast("dict[str, Any]", message)
    params = fields.get("params")
    method = fields.get("method")
    if not isinstance(method, str):
        return None
    return needs(method, cast("dict[str, Any]", params) if isinstance(params, dict) else {})


def within_scope(needs: Needs) -> Any:
    """Refuse what the gate before has let through because two readers may read one message differently."""

    async def check(ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
        caller, scope = get_access_token(), needs(ctx.method, ctx.params or {})
        if scope and (caller is None or scope not in caller.scopes):
            raise MCPError(INVALID_REQUEST, f"insufficient_scope: this needs the scope {scope}")
        return await call_next(ctx)

    return check
