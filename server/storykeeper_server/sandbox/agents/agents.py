"""Agents: create, change, read, list, duplicate and delete them. Each change makes a version."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Literal

from pydantic import Field
from starlette.responses import Response

from .. import auth, ids
from ..account import access
from ..conversation import retention
from ..conversation.retention import Calls
from ..envelopes import Refusal, not_found
from ..paging import page
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Row, Rows, Snapshot
from .agent_settings import CreateBody, PatchBody, changed, check, created
from .agent_views import summary, view
from .versions import renew, save


class CreateQuery(Query):
    """All agents are versioned nowadays, whatever this says."""

    enable_versioning: bool = True


class PatchQuery(Query):
    """The sandbox has no branch but the main one."""

    enable_versioning_if_not_enabled: bool = True
    branch_id: str | None = None


class AgentQuery(Query):
    """Which version to read; by default the latest of the main branch."""

    version_id: str | None = None
    branch_id: str | None = None


class DeleteQuery(Query):
    """The official client may send `force`."""

    force: bool = False


class AgentsQuery(Query):
    """Filters of the list."""

    page_size: int = Field(default=30, ge=1, le=100)
    cursor: str | None = None
    search: str | None = None
    archived: bool | None = False
    show_only_owned_agents: bool = False
    created_by_user_id: str | None = None
    tags: list[str] | None = None
    sort_by: Literal["name", "created_at", "updated_at", "call_count_7d"] = "created_at"
    sort_direction: Literal["asc", "desc"] = "desc"


class DuplicateBody(Body):
    """What to call the copy."""

    name: str | None = None


async def create(call: Call[CreateBody, CreateQuery]) -> dict[str, str]:
    """POST /v1/convai/agents/create"""
    settings = created(call.body)
    with call.rows() as rows:
        check(rows, settings, call.setup.switches, call.now)
        agent = _make(rows, settings.model_dump(mode="json"), call.now)
    return {"agent_id": agent["id"]}


async def duplicate(call: Call[DuplicateBody, Query]) -> dict[str, str]:
    """POST /v1/convai/agents/{id}/duplicate. What an unnamed copy is called is unverified."""
    with call.rows() as rows:
        settings = find(rows, call.id)["settings"]
        agent = _make(rows, {**settings, "name": call.body.name or f"{settings['name']} (copy)"}, call.now)
    return {"agent_id": agent["id"]}


def _make(rows: Rows, settings: Row, now: float) -> Row:
    agent: Row = {
        "id": ids.prefixed("agent"),
        "created": now,
        "updated": now,
        "branch": ids.prefixed("agtbrch"),
        "version": ids.prefixed("agtvrsn"),
        "settings": settings,
    }
    save(rows, agent)
    return agent


async def patch(call: Call[PatchBody, PatchQuery]) -> dict[str, Any]:
    """PATCH /v1/convai/agents/{id}"""
    switches = call.setup.switches
    with call.rows() as rows:
        agent = find(rows, call.id, call.query.branch_id)
        settings = changed(agent["settings"], call.body, switches)
        check(rows, settings, switches, call.now)
        renew(rows, agent, settings.model_dump(mode="json"), call.now)
    return view(agent, call.workspace)


def find(rows: Snapshot, id: str, branch: str | None = None, version: str | None = None) -> Row:
    """An agent in its latest version or another one, or the service's 404."""
    agent = rows.get("agent", id)
    if agent is None:
        raise missing(id)
    if branch not in (None, agent["branch"]):
        raise not_found("branch_not_found", f"Branch with id {branch} not found.", "branch_id")
    if version is None:
        return agent
    older = rows.get("version", version)
    if older is None or older["id"] != id:
        raise not_found("version_not_found", f"Version with id {version} not found.", "version_id")
    return older


def missing(id: str) -> Refusal:
    """The service's 404 for an agent."""
    return not_found("agent_not_found", f"Agent with id {id} not found.", "agent_id")


async def read(call: Call[Body, AgentQuery]) -> dict[str, Any]:
    """GET /v1/convai/agents/{id}"""
    with call.reading() as rows:
        agent = find(rows, call.id, call.query.branch_id, call.query.version_id)
    return view(agent, call.workspace)


async def delete(call: Call[Body, DeleteQuery]) -> Response:
    """DELETE /v1/convai/agents/{id}"""
    with call.rows() as rows:
        agent = find(rows, call.id)
        rows.drop("agent", agent["id"])
        rows.erase("avatar", agent["id"])
        for version in rows.all("version"):
            if version["id"] == agent["id"]:
                rows.drop("version", version["version"])
    return Response()


_NEVER = Calls()  # the numbers of an agent that nobody called


async def index(call: Call[Body, AgentsQuery]) -> dict[str, Any]:
    """GET /v1/convai/agents"""
    query = call.query
    retention.sweep(call.setup.state, call.workspace, call.now)
    with call.reading() as rows:
        found = _matching(call.listed(rows, "agent"), query, auth.user(call.workspace))
        calls = retention.calls(rows, call.now)
    chosen, cursor = page(
        found,
        query.page_size,
        query.cursor,
        by=query.sort_by,
        key=_place(query.sort_by, calls),
        descending=query.sort_direction == "desc",
    )
    info = access(call.workspace)
    agents = [summary(agent, calls.get(agent["id"], _NEVER), info) for agent in chosen]
    return {"agents": agents, "next_cursor": cursor, "has_more": cursor is not None}


def _matching(agents: list[Row], query: AgentsQuery, me: str) -> list[Row]:
    if query.created_by_user_id not in (None, "@me", me):
        return []
    text, tags = (query.search or "").casefold(), {*(query.tags or ())}
    return [
        agent
        for agent in agents
        if query.archived in (None, agent["settings"]["platform_settings"]["archived"])
        and (not text or text in agent["settings"]["name"].casefold())
        and (not tags or not tags.isdisjoint(agent["settings"]["tags"]))
    ]


def _place(by: str, calls: dict[str, Calls]) -> Callable[[Row], str | float]:
    if by == "name":
        return lambda agent: agent["settings"]["name"]
    if by == "call_count_7d":
        return lambda agent: calls.get(agent["id"], _NEVER).week
    return itemgetter("updated" if by == "updated_at" else "created")


_PREFIX = "/v1/convai/agents"
ROUTES = [
    route("POST", f"{_PREFIX}/create", create, body=CreateBody, query=CreateQuery, scope="convai_write"),
    route("GET", _PREFIX, index, query=AgentsQuery, scope="convai_read"),
    route("GET", f"{_PREFIX}/{{id}}", read, query=AgentQuery, scope="convai_read"),
    route("PATCH", f"{_PREFIX}/{{id}}", patch, body=PatchBody, query=PatchQuery, scope="convai_write"),
    route("DELETE", f"{_PREFIX}/{{id}}", delete, query=DeleteQuery, scope="convai_write"),
    route("POST", f"{_PREFIX}/{{id}}/duplicate", duplicate, body=DuplicateBody, scope="convai_write"),
]
