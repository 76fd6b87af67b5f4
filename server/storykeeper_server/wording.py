"""What tools say, for somebody at a command line: there a call is a command."""

from __future__ import annotations

import re

_COMMANDS = (
    (r"(call )?provision_companion\(plan_id=(\w+)\)", r"storykeeper provision --plan \2"),
    (
        r"retire_companion\(companion=([^,)]+), action=(\w+), confirm=([^)]+)\)",
        r"storykeeper retire \1 --\2 --confirm \3",
    ),
    (r"retire_companion\(companion=([^,)]+), action=(\w+)\)", r"storykeeper retire \1 --\2"),
    (r"get_signed_url\(of=([^)]+)\)", r"storykeeper show \1 --link"),
    (r"delete_resource deletes it", r"delete_resource, over MCP, deletes it"),
    (r"list_companions, or the list tool of that kind", r"storykeeper list"),
    (r"Next: record_consent, then ", r"Next: "),
    (r"then call record_consent", r"then say so with --consent and --granted-by, or in the file's `consent`"),
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


def commanded(text: str) -> str:
    """The text with commands in place of tool calls."""
    for pattern, command in _PATTERNS:
        text = pattern.sub(command, text)
    return text
