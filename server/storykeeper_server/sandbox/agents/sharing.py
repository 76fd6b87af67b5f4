"""What an agent shows of itself to strangers: its link and its avatar."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..envelopes import invalid, not_found
from ..routing import Call, route
from ..schema import Body, Form, Query
from ..voices.voices import Upload
from . import agents, versions

_AVATARS = "/storage/avatars"
_KINDS = {
    "image/png": re.compile(rb"\x89PNG\r\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}


class AvatarForm(Form):
    """An image."""

    avatar_file: Upload


async def link(call: Call[Body, Query]) -> dict[str, Any]:
    """GET /v1/convai/agents/{id}/link. There is a token only where the agent was given a `shareable_token`."""
    with call.reading() as rows:
        agent = agents.find(rows, call.id)
    shared = agent["settings"]["platform_settings"]["auth"]["shareable_token"]
    token = {
        "agent_id": call.id,
        "conversation_token": shared,
        "expiration_time_unix_secs": None,
        "conversation_id": None,
        "purpose": "shareable_link",
        "token_requester_user_id": None,
    }
    return {"agent_id": call.id, "token": token if shared else None}


async def avatar(call: Call[AvatarForm, Query]) -> dict[str, Any]:
    """POST /v1/convai/agents/{id}/avatar. The image is served by the sandbox itself, to anybody."""
    data = await call.body.avatar_file.read()
    if _kind(data) is None:
        raise invalid("invalid_avatar", "The avatar must be a PNG, JPEG, GIF or WebP image.", "avatar_file")
    url = f"{str(call.request.base_url).rstrip('/')}{_AVATARS}/{call.id}"
    with call.rows() as rows:
        agent = agents.find(rows, call.id)
        rows.keep("avatar", call.id, data)
        agent["settings"]["platform_settings"]["widget"]["avatar"] = {"type": "image", "url": url}
        versions.renew(rows, agent, agent["settings"], call.now)
    return {"agent_id": call.id, "avatar_url": url}


async def _image(request: Request) -> Response:
    state, id = request.app.state.setup.state, request.path_params["id"]
    with state.reading(state.owner("agent", id) or "") as rows:
        data = rows.kept("avatar", id)
    if data is None:
        raise not_found("avatar_not_found", f"Agent with id {id} has no avatar.")
    return Response(data, media_type=_kind(data))


def _kind(data: bytes) -> str | None:
    return next((kind for kind, start in _KINDS.items() if start.match(data)), None)


ROUTES = [
    route("GET", "/v1/convai/agents/{id}/link", link, scope="convai_read"),
    route("POST", "/v1/convai/agents/{id}/avatar", avatar, body=AvatarForm, scope="convai_write"),
    Route(f"{_AVATARS}/{{id}}", _image),
]
