"""What every message passes through."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, cast

from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from pydantic import ValidationError

log = logging.getLogger(__name__)


def known_names_only(tools: Iterable[str], prompts: Iterable[Prompt]) -> Any:
    """Answer a call of an unknown tool, or a prompt that isn't there or isn't asked for as it must be, as the
    specification wants: with a protocol error of invalid parameters. The SDK answers a result, or an internal error."""
    names, known = frozenset(tools), {prompt.name: prompt for prompt in prompts}

    async def check(ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
        params: dict[str, Any] = dict(ctx.params or {})
        if ctx.method == "tools/call" and str(params.get("name")) not in names:
            raise MCPError(INVALID_PARAMS, f"Unknown tool; there are {', '.join(sorted(names))}")
        if ctx.method == "prompts/get":
            _check_prompt(known.get(str(params.get("name"))), params.get("arguments"), known)
        return await call_next(ctx)

    return check


async def contained(ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
    """Around everything else. In the older era the SDK tells what broke in the words of the exception, and in both it
    repeats a method that it doesn't know."""
    try:
        return await call_next(ctx)
    except MCPError as error:
        if error.error.code == METHOD_NOT_FOUND:
            raise MCPError(METHOD_NOT_FOUND, "Method not found") from None
        raise
    except ValidationError:
        raise  # parameters that don't fit: the SDK answers those without a word of them
    except Exception:
        log.exception("a request broke")
        raise MCPError(INTERNAL_ERROR, "Something broke inside Storykeeper") from None


def _check_prompt(prompt: Prompt | None, given: Any, known: Iterable[str]) -> None:
    if prompt is None:
        raise MCPError(INVALID_PARAMS, f"Unknown prompt; there is {', '.join(known) or 'none'}")
    arguments = prompt.arguments or []
    names = set(cast("dict[str, Any]", given)) if isinstance(given, dict) else set[str]()
    missing = [argument.name for argument in arguments if argument.required and argument.name not in names]
    if missing:
        raise MCPError(INVALID_PARAMS, f"The prompt {prompt.name} needs {', '.join(missing)}")
    if names - {argument.name for argument in arguments}:
        raise MCPError(INVALID_PARAMS, f"The prompt {prompt.name} takes {', '.join(a.name for a in arguments)}")
