"""Who may talk to which agent: signed URLs, public agents, allowlists, limits. The handshake itself always succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, QueryParams
from starlette.websockets import WebSocket

from .. import account, ids
from ..routing import Setup
from ..state import Row, Rows
from . import grants, retention
from .ending import POLICY, UNAUTHORIZED, Ended

_DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Visit:
    """An admitted client: the agent it talks to, and under which conversation id."""

    workspace: str
    agent: Row
    conversation: str
    method: str


def admit(setup: Setup, socket: WebSocket) -> Visit:
    """The visit, or `Ended` with the code and reason of the refusal."""
    query = socket.query_params
    id = query.get("agent_id", "")
    workspace = setup.state.owner("agent", id)
    if workspace is None:
        code = setup.switches.unknown_agent_close
        raise Ended(code, "The AI agent you are trying to reach does not exist.")
    retention.sweep(setup.state, workspace, setup.clock())
    with setup.state.rows(workspace) as rows:
        agent = rows.get("agent", id)
        if agent is None:
            raise Ended(setup.switches.unknown_agent_close, "The AI agent you are trying to reach does not exist.")
        auth = agent["settings"]["platform_settings"]["auth"]
        _check_origin(auth, socket.headers, setup.switches.allowlist_close)
        grant = _grant(rows, id, query, _bearer(socket.scope["subprotocols"]), setup.clock())
        if auth["enable_auth"] and grant is None:
            raise Ended(UNAUTHORIZED, "Could not authorize the conversation.")
        _check_limits(rows, agent, setup)
    conversation = (grant or {}).get("conversation") or ids.prefixed("conv")
    return Visit(workspace, agent, conversation, "signed_url" if grant else "public")


def _bearer(protocols: list[str]) -> str:
    return next((name.removeprefix("bearer.") for name in protocols if name.startswith("bearer.")), "")


def _grant(rows: Rows, agent: str, query: QueryParams, bearer: str, now: float) -> Row | None:
    secret = query.get("conversation_signature") or bearer
    if not secret:
        return None
    grant = grants.redeem(rows, agent, secret, query.get("conversation_id"), now)
    if grant is None:
        raise Ended(UNAUTHORIZED, "Could not authorize the conversation.")
    return grant


def _check_origin(auth: Row, headers: Headers, code: int) -> None:
    # Programs that aren't browsers send no Origin; only `require_origin_header` turns them away.
    host = urlsplit(headers.get("origin", "")).netloc
    allowed = [item["hostname"] for item in auth["allowlist"]]
    if not host and not auth["require_origin_header"]:
        return
    if not host or (allowed and host not in allowed and host.partition(":")[0] not in allowed):
        raise Ended(code, f"Host {host or '(none)'} is not allowed to connect to this agent")


def _check_limits(rows: Rows, agent: Row, setup: Setup) -> None:
    limits: dict[str, Any] = agent["settings"]["platform_settings"]["call_limits"]
    calls = [call for call in rows.all("conversation") if call["agent"] == agent["id"]]
    today = setup.clock() - setup.clock() % _DAY
    if sum(call["created"] >= today for call in calls) >= limits["daily_limit"]:
        raise Ended(POLICY, "This agent has reached its daily limit of conversations.")
    running = sum(call["status"] == "in-progress" for call in calls)
    if 0 <= limits["agent_concurrency_limit"] <= running:
        raise Ended(POLICY, "This agent has reached its limit of concurrent conversations.")
    if account.left(rows, setup.plan, setup.clock()) <= 0:
        raise Ended(1002, "This request exceeds your quota limit.", because="Quota exceeded")
