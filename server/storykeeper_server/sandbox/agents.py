"""Agents: their settings with the official defaults, their references, and a version for each change."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from starlette.responses import Response

from . import auth, ids, knowledge_base, voices
from .account import access
from .catalogue import PREMADE
from .conversation_config import ConversationalConfig
from .envelopes import Refusal, invalid, not_found
from .paging import page
from .platform_settings import PlatformSettings
from .routing import Call, route
from .schema import Body, Part, Query, merge, parse, strip
from .state import Row, Rows
from .switches import Switches

_ALLOWLIST = 10
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


async def create(call: Call[CreateBody, CreateQuery]) -> dict[str, str]:
    """POST /v1/convai/agents/create"""
    settings = _settings(Settings(), call.body)
    agent: Row = {
        "id": ids.prefixed("agent"),
        "created": call.now,
        "updated": call.now,
        "branch": ids.prefixed("agtbrch"),
        "version": ids.prefixed("agtvrsn"),
        "settings": settings.model_dump(mode="json"),
    }
    with call.rows() as rows:
        _check(rows, settings, call.setup.switches)
        _save(rows, agent)
    return {"agent_id": agent["id"]}


async def patch(call: Call[PatchBody, PatchQuery]) -> dict[str, Any]:
    """PATCH /v1/convai/agents/{id}"""
    with call.rows() as rows:
        agent = _find(rows, call.id, call.query.branch_id)
        settings = _settings(parse(Settings, agent["settings"], "body"), call.body)
        _check(rows, settings, call.setup.switches)
        agent |= {"updated": call.now, "version": ids.prefixed("agtvrsn"), "settings": settings.model_dump(mode="json")}
        _save(rows, agent)
    return _view(agent, call.workspace)


def _settings(old: Settings, body: CreateBody | PatchBody) -> Settings:
    sent = body.model_dump(mode="json", exclude_unset=True, exclude={"version_description", "procedures"})
    given = {name: value for name, value in sent.items() if value is not None}
    settings = parse(Settings, merge(old.model_dump(mode="json"), given), "body")
    # A union that changed its kind leaves the fields of the old kind behind.
    strip(settings)
    tts = settings.conversation_config.tts
    tts.expressive_mode = tts.expressive_mode and tts.model_id.startswith("eleven_v3")
    return settings


def _save(rows: Rows, agent: Row) -> None:
    rows.put("agent", agent["id"], agent)
    rows.put("version", agent["version"], agent)


def _find(rows: Rows, id: str, branch: str | None = None) -> Row:
    agent = rows.get("agent", id)
    if agent is None:
        raise missing(id)
    if branch not in (None, agent["branch"]):
        raise not_found("branch_not_found", f"Branch with id {branch} not found.", "branch_id")
    return agent


def missing(id: str) -> Refusal:
    """The service's 404 for an agent."""
    return not_found("agent_not_found", f"Agent with id {id} not found.", "agent_id")


def _check(rows: Rows, settings: Settings, switches: Switches) -> None:
    voice = settings.conversation_config.tts.voice_id
    if switches.check_voice and voice not in PREMADE and rows.get("voice", voice) is None:
        raise voices.missing(voice)
    for item in settings.conversation_config.agent.prompt.knowledge_base:
        document = rows.get("document", item.id)
        if document is None or document["type"] != item.type:
            raise knowledge_base.missing(item.id)
    if switches.check_language:
        _check_language(settings.conversation_config)
    if len(settings.platform_settings.auth.allowlist) > _ALLOWLIST:
        raise invalid("invalid_agent_config", f"The allowlist can have at most {_ALLOWLIST} hosts.")


def _check_language(config: ConversationalConfig) -> None:
    model, english = config.tts.model_id, config.agent.language == "en"
    if model.startswith(("eleven_v3", "eleven_v4")) or model.endswith("_v2" if english else "_v2_5"):
        return
    kind = "English Agents must use turbo or flash v2" if english else "Non-english Agents must use turbo or flash v2_5"
    raise invalid("invalid_agent_config", f"{kind}.", "model_id")


async def read(call: Call[Body, AgentQuery]) -> dict[str, Any]:
    """GET /v1/convai/agents/{id}"""
    with call.rows() as rows:
        latest = _find(rows, call.id, call.query.branch_id)
        version = call.query.version_id
        agent = rows.get("version", version) if version else latest
    if agent is None or agent["id"] != call.id:
        raise not_found("version_not_found", f"Version with id {version} not found.", "version_id")
    return _view(agent, call.workspace)


async def delete(call: Call[Body, DeleteQuery]) -> Response:
    """DELETE /v1/convai/agents/{id}"""
    with call.rows() as rows:
        agent = _find(rows, call.id)
        rows.drop("agent", agent["id"])
        for version in rows.all("version"):
            if version["id"] == agent["id"]:
                rows.drop("version", version["version"])
    return Response()


async def index(call: Call[Body, AgentsQuery]) -> dict[str, Any]:
    """GET /v1/convai/agents"""
    query = call.query
    with call.rows() as rows:
        found = [agent for agent in call.listed(rows, "agent") if _matches(agent, query, auth.user(call.workspace))]
    chosen, cursor = page(
        found,
        query.page_size,
        query.cursor,
        by=query.sort_by,
        key=lambda agent: _place(agent, query.sort_by),
        descending=query.sort_direction == "desc",
    )
    agents = [_summary(agent, call.workspace) for agent in chosen]
    return {"agents": agents, "next_cursor": cursor, "has_more": cursor is not None}


def _matches(agent: Row, query: AgentsQuery, me: str) -> bool:
    settings = agent["settings"]
    return (
        (query.search or "").casefold() in settings["name"].casefold()
        and (query.archived is None or settings["platform_settings"]["archived"] == query.archived)
        and (not query.tags or bool({*query.tags} & {*settings["tags"]}))
        and query.created_by_user_id in (None, "@me", me)
    )


def _place(agent: Row, by: str) -> str | float:
    # No calls are counted yet, so that all agents have had as many.
    return {"name": agent["settings"]["name"], "updated_at": agent["updated"], "call_count_7d": 0}.get(
        by, agent["created"]
    )


def _summary(agent: Row, workspace: str) -> dict[str, Any]:
    settings = agent["settings"]
    return {
        "agent_id": agent["id"],
        "name": settings["name"],
        "voice_id": settings["conversation_config"]["tts"]["voice_id"],
        "tags": settings["tags"],
        "created_at_unix_secs": int(agent["created"]),
        "access_info": access(workspace),
        "last_call_time_unix_secs": None,
        "archived": settings["platform_settings"]["archived"],
    }


def _view(agent: Row, workspace: str) -> dict[str, Any]:
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


_PREFIX = "/v1/convai/agents"
ROUTES = [
    route("POST", f"{_PREFIX}/create", create, body=CreateBody, query=CreateQuery),
    route("GET", _PREFIX, index, query=AgentsQuery),
    route("GET", f"{_PREFIX}/{{id}}", read, query=AgentQuery),
    route("PATCH", f"{_PREFIX}/{{id}}", patch, body=PatchBody, query=PatchQuery),
    route("DELETE", f"{_PREFIX}/{{id}}", delete, query=DeleteQuery),
]
