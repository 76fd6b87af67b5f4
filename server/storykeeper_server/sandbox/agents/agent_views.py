"""How agents are shown: whole, and as items of a list."""

from __future__ import annotations

from typing import Any

from ..account import access
from ..conversation.retention import Calls
from ..state import Row


def view(agent: Row, workspace: str) -> dict[str, Any]:
    """An agent, as GET and PATCH answer it."""
    return {
        "agent_id": agent["id"],
        **agent["settings"],
        "metadata": {
            "created_at_unix_secs": int(agent["created"]),
            "updated_at_unix_secs": int(agent["updated"]),
        },
        "phone_numbers": [],
        "whatsapp_accounts": [],
        "access_info": access(workspace),
        "version_id": agent["version"],
        "branch_id": agent["branch"],
        "main_branch_id": agent["branch"],
        "procedures": {},
    }


def summary(agent: Row, calls: Calls, access_info: dict[str, Any]) -> dict[str, Any]:
    """An agent, as lists show it."""
    settings = agent["settings"]
    return {
        "agent_id": agent["id"],
        "name": settings["name"],
        "voice_id": settings["conversation_config"]["tts"]["voice_id"],
        "tags": settings["tags"],
        "created_at_unix_secs": int(agent["created"]),
        "access_info": access_info,
        "last_call_time_unix_secs": None if calls.last is None else int(calls.last),
        "archived": settings["platform_settings"]["archived"],
    }
