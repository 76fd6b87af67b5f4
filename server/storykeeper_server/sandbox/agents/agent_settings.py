"""What can be set of an agent: the official defaults under what was sent, and what the service refuses."""

from __future__ import annotations

from typing import Any, cast

from ..catalogue import PREMADE
from ..conversation.convai_settings import check_webhook
from ..envelopes import invalid
from ..knowledge import knowledge_base, rag
from ..schema import Body, Part, parse, strip
from ..state import Snapshot
from ..switches import Switches
from ..voices import voices
from .conversation_config import ConversationalConfig
from .platform_settings import PlatformSettings

_ALLOWLIST = 10
_ENGLISH = {"eleven_flash_v2", "eleven_turbo_v2"}
_OTHERS = {"eleven_flash_v2_5", "eleven_turbo_v2_5"}
_V3 = "eleven_v3_conversational"
_V4 = {"eleven_v4", "eleven_v4_turbo"}
# Settings whose names are the caller's own.
_MAPS = (
    {"dynamic_variable_placeholders", "language_presets", "request_headers", "text_behavior_overrides", "procedures"}
    | {"data_collection", "data_collection_scopes", "monitor_configs", "source", "text"}
    | {"nodes", "edges"}
)
_START: dict[str, Any] = {"type": "start", "position": {"x": 0.0, "y": 0.0}, "edge_order": []}


class Workflow(Part):
    """The graph of an agent; its nodes and edges are kept as sent."""

    edges: dict[str, dict[str, Any]] = {}
    nodes: dict[str, dict[str, Any]] = {"start_node": _START}
    prevent_subagent_loops: bool = False


class Settings(Part):
    """An agent as it is kept: everything that can be set, with the defaults filled in."""

    name: str = "New agent"
    tags: list[str] = []
    conversation_config: ConversationalConfig = ConversationalConfig()
    platform_settings: PlatformSettings = PlatformSettings()
    workflow: Workflow = Workflow()


class CreateBody(Body):
    """A new agent."""

    conversation_config: ConversationalConfig
    platform_settings: PlatformSettings | None = None
    workflow: Workflow = Workflow()
    name: str | None = None
    tags: list[str] | None = None


class PatchBody(Body):
    """A change: what isn't there stays as it is."""

    conversation_config: ConversationalConfig = ConversationalConfig()
    platform_settings: PlatformSettings = PlatformSettings()
    workflow: Workflow = Workflow()
    name: str | None = None
    tags: list[str] | None = None
    version_description: str | None = None
    procedures: dict[str, dict[str, Any]] | None = None


def created(body: CreateBody) -> Settings:
    """A new agent's settings."""
    return _settings(_patched(Settings().model_dump(mode="json"), _given(body), Switches()))


def changed(old: dict[str, Any], body: PatchBody, switches: Switches) -> Settings:
    """The settings after a change. At the top, null means that nothing was given."""
    return _settings(_patched(old, _given(body), switches))


def _given(body: CreateBody | PatchBody) -> dict[str, Any]:
    sent = body.model_dump(mode="json", exclude_unset=True, exclude={"version_description", "procedures"})
    return {name: value for name, value in sent.items() if value is not None}


def _patched(old: dict[str, Any], new: dict[str, Any], switches: Switches) -> dict[str, Any]:
    patched = dict(old)
    for name, value in new.items():
        before = old.get(name)
        if (
            isinstance(value, dict)
            and isinstance(before, dict)
            and not (switches.patch_replaces_maps and name in _MAPS)
        ):
            patched[name] = _patched(cast("dict[str, Any]", before), cast("dict[str, Any]", value), switches)
        elif switches.patch_appends_lists and isinstance(value, list) and isinstance(before, list):
            patched[name] = before + [item for item in cast("list[Any]", value) if item not in before]
        elif value is None and switches.patch_null_resets:
            # What isn't there gets its default.
            patched.pop(name, None)
        else:
            patched[name] = value
    return patched


def _settings(patched: dict[str, Any]) -> Settings:
    settings = parse(Settings, patched, "body")
    # A union that changed its kind leaves the fields of the old kind behind.
    strip(settings)
    tts = settings.conversation_config.tts
    tts.expressive_mode = tts.expressive_mode and tts.model_id.startswith("eleven_v3")
    return settings


def check(rows: Snapshot, settings: Settings, switches: Switches, now: float) -> None:
    """Refuse what refers to something that isn't there, or breaks a rule of the business."""
    voice = settings.conversation_config.tts.voice_id
    if switches.check_voice and voice not in PREMADE and rows.get("voice", voice) is None:
        raise voices.missing(voice)
    for item in settings.conversation_config.agent.prompt.knowledge_base:
        document = rows.get("document", item.id)
        if document is None or document["type"] != item.type:
            raise knowledge_base.missing(item.id)
    rag.check(rows, settings.conversation_config.agent.prompt, switches, now)
    if switches.check_language:
        _check_language(settings.conversation_config, switches)
    if len(settings.platform_settings.auth.allowlist) > _ALLOWLIST:
        raise invalid("invalid_agent_config", f"The allowlist can have at most {_ALLOWLIST} hosts.")
    if switches.check_webhook:
        check_webhook(rows, settings.platform_settings.workspace_overrides.webhooks)


def _check_language(config: ConversationalConfig, switches: Switches) -> None:
    english = config.agent.language == "en"
    models = _V4 | (_ENGLISH if english else _OTHERS)
    if english or switches.v3_in_other_languages:
        models |= {_V3}
    if english and config.language_presets.keys() - {"en"}:
        models |= _OTHERS
    if config.tts.model_id in models:
        return
    kind = "English Agents must use turbo or flash v2" if english else "Non-english Agents must use turbo or flash v2_5"
    raise invalid("invalid_agent_config", f"{kind}.", "model_id")
