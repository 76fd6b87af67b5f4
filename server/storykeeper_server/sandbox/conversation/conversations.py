"""How a conversation begins: signed URLs and tokens."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any
from urllib.parse import urlencode

from .. import ids
from ..agents import agents
from ..envelopes import Refusal
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Row, Rows
from . import grants


class SessionQuery(Query):
    """Which agent to talk to."""

    agent_id: str
    branch_id: str | None = None
    version_id: str | None = None
    environment: str | None = None
    debug_events_request: bool = False


class SignedUrlQuery(SessionQuery):
    """With a conversation id in it, a URL can be used once."""

    include_conversation_id: bool = False


class TokenQuery(SessionQuery):
    """Who takes part."""

    participant_name: str | None = None


async def signed_url(call: Call[Body, SignedUrlQuery]) -> dict[str, str]:
    """GET /v1/convai/conversation/get-signed-url"""
    query = call.query
    conversation = ids.prefixed("conv") if query.include_conversation_id else None
    signature = grants.signature()
    with call.rows() as rows:
        _grant(call, rows, signature, conversation)
    fields = {"agent_id": query.agent_id, "conversation_signature": signature}
    if conversation:
        fields["conversation_id"] = conversation
    base = call.request.base_url
    host = base.replace(scheme="wss" if base.scheme == "https" else "ws")
    return {"signed_url": f"{str(host).rstrip('/')}/v1/convai/conversation?{urlencode(fields)}"}


async def token(call: Call[Body, TokenQuery]) -> dict[str, str]:
    """GET /v1/convai/conversation/token. Agents without authentication give tokens to anybody."""
    state, conversation = call.setup.state, ids.prefixed("conv")
    made = _jwt(call, conversation)
    with state.rows(call.workspace or state.owner("agent", call.query.agent_id) or "") as rows:
        agent = _grant(call, rows, made, conversation)
        if not call.workspace and agent["settings"]["platform_settings"]["auth"]["enable_auth"]:
            raise unauthorized()
    return {"token": made, "conversation_id": conversation}


def unauthorized() -> Refusal:
    """The 401 of an agent that isn't public, where others need no key."""
    message = "This agent requires authentication, and no API key was received."
    return Refusal(401, "authentication_error", "unauthorized", message, status="needs_authorization")


def _grant(call: Call[Body, Any], rows: Rows, secret: str, conversation: str | None) -> Row:
    query = call.query
    agent = agents.find(rows, query.agent_id, query.branch_id, query.version_id)
    grants.grant(rows, secret, agent, conversation, call.now, call.setup.switches.signed_url_seconds)
    return agent


def _jwt(call: Call[Body, TokenQuery], conversation: str) -> str:
    # Shaped like the service's, but signed with nothing: the sandbox has no WebRTC server to take it.
    claims = {
        "exp": int(call.now) + call.setup.switches.signed_url_seconds,
        "name": call.query.participant_name or "",
        "sub": ids.prefixed("user"),
        "video": {"roomJoin": True, "room": conversation},
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in [*parts, secrets.token_bytes(32)])


_PREFIX = "/v1/convai/conversation"
ROUTES = [
    route("GET", f"{_PREFIX}/get-signed-url", signed_url, query=SignedUrlQuery, scope="convai_write"),
    # Deprecated, and no longer in the official file; older clients still ask here.
    route("GET", f"{_PREFIX}/get_signed_url", signed_url, query=SignedUrlQuery, scope="convai_write"),
    route("GET", f"{_PREFIX}/token", token, query=TokenQuery, public=True, scope="convai_write"),
]
