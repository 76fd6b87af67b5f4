"""What tools say, for somebody at a command line: there a call is a command."""

from __future__ import annotations

import re
from contextvars import ContextVar

_COMMANDS = (
    (
        r"change it with plan_companion \(corrections, memories, wishes\), then rehearse_companion\(companion=([^)]+)\)",
        r"change its companion.yaml and provision that, or say storykeeper provision \1 --correction TEXT; then"
        r" storykeeper rehearse \1",
    ),
    (r"(call )?provision_companion\(plan_id=(\w+)\)", r"storykeeper provision --plan \2"),
    (
        r"retire_companion\(companion=([^,)]+), action=(\w+), confirm=([^)]+)\)",
        r"storykeeper retire \1 --\2 --confirm \3",
    ),
    (r"retire_companion\(companion=([^,)]+), action=(\w+)\)", r"storykeeper retire \1 --\2"),
    (
        r"get_signed_url\(of=([^)]+)\) gives a URL to talk to it(; in a terminal, `[^`]+` opens a page for that)?",
        r"storykeeper talk \1 opens a page to talk to it",
    ),
    (r"get_signed_url\(of=([^)]+)\)", r"storykeeper show \1 --link"),
    (r"rehearse_companion\(companion=([^)]+)\)", r"storykeeper rehearse \1"),
    (r"delete_resource deletes it", r"delete_resource, over MCP, deletes it"),
    (r"list_companions, or the list tool of that kind", r"storykeeper list"),
    (r"(Next: |\"next\": \")record_consent, then ", r"\1"),
    (
        r"then call record_consent",
        r"then say so with --consent and --granted-by, in the file's `consent`, or with storykeeper consent",
    ),
    (r"call plan_companion again", r"plan it again (storykeeper plan)"),
    (r"call plan_companion", r"plan it (storykeeper plan)"),
    (r"call provision_companion with its plan", r"provision it"),
    (r"call without `confirm`", r"say it without --confirm"),
    (r"then use the new one", r"then use the new token"),
    (r"plan with `overwrite`", r"plan with --overwrite"),
    (r"\bget_companion\b", r"storykeeper show"),
    (r"\blist_companions\b", r"storykeeper list"),
    (r"(;|that) check_quota shows( the slots| them)?", r"\1 `storykeeper provision quota` shows\2"),
)
_PATTERNS = [(re.compile(pattern), command) for pattern, command in _COMMANDS]
# A command with what it is said of: ids, plans, options, and what stands behind those.
_COMMAND = re.compile(
    r"\bstorykeeper (?:provision|plan|chat|apply|list|show|interview|consent|export|rehearse|retire|verify|reconcile|worker|mcp|talk|corrections|doctor)\b"
    r"(?: (?:--confirm [\w-]+|--[a-z-]+|plan_\w+|(?:[a-z0-9]+-)+[0-9a-f]{4,}\b|(?:ID|TEXT|TOKEN|NUMBER)\b))*"
)

sandboxed: ContextVar[bool] = ContextVar("sandboxed", default=False)
"""Whether this command was given `--sandbox`: the commands that it names then need it, too."""


def commanded(text: str) -> str:
    """The text with commands in place of tool calls."""
    for pattern, command in _PATTERNS:
        text = pattern.sub(command, text)
    return _COMMAND.sub(_flagged, text) if sandboxed.get() else text


def visible(text: str) -> str:
    """Only what can be read: a terminal would obey the control characters in a model's or a tool's words, and show
    what is written backwards as if it weren't."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " * sign.isspace() for sign in text)


def _flagged(command: re.Match[str]) -> str:
    return command[0] if "--sandbox" in command[0] else f"{command[0]} --sandbox"
