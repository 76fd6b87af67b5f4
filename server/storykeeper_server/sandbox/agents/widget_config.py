"""What the widget on a web page reads of an agent before it calls."""

from __future__ import annotations

from typing import Any

from ..conversation import grants
from ..conversation.conversations import unauthorized
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Row
from . import agents

# Settings of the widget that it is shown in another shape, or not at all.
_RESHAPED = {"language_selector", "supports_text_only", "custom_avatar_path", "language_presets"}


class WidgetQuery(Query):
    """The signature of a signed URL, for agents that aren't public."""

    conversation_signature: str | None = None


async def read(call: Call[Body, WidgetQuery]) -> dict[str, Any]:
    """GET /v1/convai/agents/{id}/widget. A signature that opens it isn't used up."""
    state, signature = call.setup.state, call.query.conversation_signature
    with state.reading(call.workspace or state.owner("agent", call.id) or "") as rows:
        agent = agents.find(rows, call.id)
        signed = signature is not None and grants.known(rows, call.id, signature, call.now) is not None
    public = not agent["settings"]["platform_settings"]["auth"]["enable_auth"]
    if not (public or signed or call.workspace):
        raise unauthorized()
    return {"agent_id": agent["id"], "widget_config": _view(agent["settings"])}


def _view(settings: Row) -> dict[str, Any]:
    config, widget = settings["conversation_config"], settings["platform_settings"]["widget"]
    conversation, presets = config["conversation"], config["language_presets"]
    return {
        **{name: value for name, value in widget.items() if name not in _RESHAPED},
        "language": config["agent"]["language"],
        "supported_language_overrides": sorted(presets) if widget["language_selector"] else None,
        "language_presets": {
            code: _preset(presets[code], widget["language_presets"].get(code, {})) for code in presets
        },
        "text_only": conversation["text_only"],
        "supports_text_only": widget["supports_text_only"],
        "first_message": config["agent"]["first_message"],
        # There is no WebRTC server here: the widget takes the WebSocket instead.
        "use_rtc": False,
        "file_input_config": conversation["file_input"],
    }


def _preset(preset: Row, texts: Row) -> dict[str, Any]:
    agent, translation = preset["overrides"]["agent"], preset["first_message_translation"]
    own = agent and agent["first_message"]
    names = ("text_contents", "terms_text", "terms_html", "terms_key")
    return {
        "first_message": own or (translation and translation["text"]),
        **{name: texts.get(name) for name in names},
    }


ROUTES = [route("GET", "/v1/convai/agents/{id}/widget", read, query=WidgetQuery, public=True, scope="convai_read")]
