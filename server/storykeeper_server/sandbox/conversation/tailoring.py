"""What a client may change about an agent for one conversation: overrides, and values for dynamic variables."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import cast

from ..agents.agent_settings import Settings
from ..envelopes import Invalid
from ..schema import merge, parse
from ..state import Row
from ..switches import Switches
from .ending import POLICY, Ended
from .frames import Init, Scalar

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_ALWAYS = frozenset({"client_events"})  # a choice of what is sent, which needs no permission


def normal(init: Init, switches: Switches) -> Init:
    """`text_only` where it belongs: the official Python client puts it at the top, all others inside `conversation`."""
    override = init.conversation_config_override
    rest = {name: value for name, value in override.items() if name != "text_only"}
    if "text_only" in override and switches.top_level_text_only:
        rest = merge({"conversation": {"text_only": override["text_only"]}}, rest)
    return init.model_copy(update={"conversation_config_override": rest})


def tailor(settings: Row, init: Init, switches: Switches) -> Row:
    """The agent's settings with the client's overrides in them; `Ended` for an override that isn't allowed."""
    override = init.conversation_config_override
    overrides = settings["platform_settings"]["overrides"]
    if init.custom_llm_extra_body and not overrides["custom_llm_extra_body"]:
        raise Ended(POLICY, "Override for field 'custom_llm_extra_body' is not allowed by config.")
    base = settings["conversation_config"]
    wanted = _allowed(override, overrides["conversation_config_override"], base)
    config = merge(_in_language(base, wanted), wanted)
    try:
        return parse(Settings, {**settings, "conversation_config": config}, "override").model_dump(mode="json")
    except Invalid as error:
        field = error.errors[0]["loc"][-1]
        raise Ended(POLICY, f"Override for field '{field}' has an invalid value.") from error


def _allowed(override: Row, allowed: object, base: object) -> Row:
    """The override without its empty parts. What changes nothing needs no permission: the widget always sends a language."""
    kept: Row = {}
    for name, value in override.items():
        permission, current = _inside(allowed, name), _inside(base, name)
        if isinstance(value, dict):
            kept[name] = _allowed(cast("Row", value), permission, current)
        elif value is not None:
            if permission is not True and value != current and name not in _ALWAYS:
                raise Ended(POLICY, f"Override for field '{name}' is not allowed by config.")
            kept[name] = value
    return kept


def _inside(part: object, name: str) -> object:
    return cast("Row", part).get(name) if isinstance(part, dict) else None


def _in_language(config: Row, wanted: Row) -> Row:
    # A preset belongs to the agent, so that its overrides need no permission.
    preset = config["language_presets"].get(wanted.get("agent", {}).get("language"))
    if not preset:
        return config
    translated = preset["first_message_translation"]
    first = {"agent": {"first_message": translated["text"]}} if translated else {}
    return merge(merge(config, first), _given(preset["overrides"]))


def _given(part: Row) -> Row:
    filled = {name: _given(cast("Row", value)) if isinstance(value, dict) else value for name, value in part.items()}
    return {name: value for name, value in filled.items() if value not in (None, {})}


def variables(settings: Row, init: Init, facts: Mapping[str, Scalar], switches: Switches) -> dict[str, Scalar]:
    """Values of all dynamic variables; `Ended` if the first message or the prompt needs one that isn't there."""
    agent: Row = settings["conversation_config"]["agent"]
    placeholders: dict[str, Scalar] = agent["dynamic_variables"]["dynamic_variable_placeholders"]
    known: dict[str, Scalar] = {
        **(placeholders if switches.placeholders_count else {}),
        **facts,
        **init.dynamic_variables,
    }
    for where, text in (("first message", agent["first_message"]), ("prompt", agent["prompt"]["prompt"])):
        missing = {name for name in _VARIABLE.findall(text) if name not in known}
        if missing:
            names = ", ".join(repr(name) for name in sorted(missing))
            raise Ended(POLICY, f"Missing required dynamic variables in {where}: {{{names}}}")
    return known


def system_facts(agent: str, conversation: str, now: float) -> dict[str, Scalar]:
    """The variables that the service provides."""
    time = dt.datetime.fromtimestamp(now, dt.UTC)
    return {
        "system__agent_id": agent,
        "system__conversation_id": conversation,
        "system__time_utc": time.isoformat(),
        "system__is_text_only": None,
        "system__call_duration_secs": 0,
    }


def filled(text: str, values: Mapping[str, Scalar]) -> str:
    """`text` with its variables replaced."""
    return _VARIABLE.sub(lambda match: str(values.get(match[1], match[0])), text)
