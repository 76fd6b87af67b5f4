"""Errors as results: a tool that refuses says so in one sentence that helps, and repeats no input."""

from __future__ import annotations

from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError

from storykeeper_tools.companion.spec import faults
from storykeeper_tools.errors import BadInput, StorykeeperError, UnknownArgument


def refusal(error: StorykeeperError) -> CallToolResult:
    """`code · what happened · what exists now · what to call next`; raising would put the SDK's words in front."""
    return CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)


def argument_error(error: ValidationError) -> StorykeeperError:
    """What is wrong with a call's arguments."""
    unknown = [e for e in error.errors(include_url=False, include_input=False) if e["type"] == "extra_forbidden"]
    if unknown:
        names = ", ".join(".".join(str(p) for p in e["loc"])[:60] for e in unknown[:5])
        return UnknownArgument(f"there is no argument {names}")
    return BadInput(faults(error))
