"""Which agents use which documents: directly, or by a folder that holds them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal, NamedTuple, cast

from pydantic import Field

from ..agents import versions
from ..envelopes import not_found
from ..paging import page
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Row, Rows, Snapshot
from . import documents
from .documents import Tree

Kind = Literal["direct", "transitive", "all"]

_LISTS = {"knowledge_base", "additional_knowledge_base"}
# Of how many characters a page is thought to have; the service doesn't say.
_PAGE = 3000


class DependentsQuery(Query):
    """Which dependents, and how many."""

    dependent_type: Kind = "all"
    page_size: int = Field(default=30, ge=1, le=100)
    cursor: str | None = None


class DependentsBody(Body):
    """The documents. Official: a set, so that an id given twice counts once."""

    document_ids: set[str] = Field(min_length=1, max_length=20)


class Use(NamedTuple):
    """An agent, and the folders by which it depends; none if it refers to the document itself."""

    agent: Row
    by: list[str]


class Users:
    """The agents of a workspace and what they refer to, read once; good inside one transaction only."""

    def __init__(self, rows: Snapshot) -> None:
        self._agents = [(agent, referred(agent["settings"])) for agent in rows.all("agent")]

    def of(self, tree: Tree, document: Row, kind: Kind = "all") -> list[Use]:
        """The agents that use a document, in any of their languages and workflow nodes."""
        above = [folder["id"] for folder in tree.path(document)]
        uses: list[Use] = []
        for agent, used in self._agents:
            if document["id"] in used:
                uses += [Use(agent, [])] if kind != "transitive" else []
            elif kind != "direct" and (by := [id for id in above if id in used]):
                uses.append(Use(agent, by))
        return uses


def referred(settings: Row) -> set[str]:
    """The ids of the documents and folders that an agent refers to."""
    return {item["id"] for items in _lists(settings) for item in _located(items)}


def detach(rows: Rows, ids: Collection[str], now: float) -> None:
    """Take documents out of the agents that refer to them, which makes new versions of these."""
    referring = [agent["id"] for agent in rows.all("agent") if not referred(agent["settings"]).isdisjoint(ids)]
    for agent in filter(None, [rows.get("agent", id) for id in referring]):
        for items in _lists(agent["settings"]):
            gone = [item for item in _located(items) if item["id"] in ids]
            items[:] = [item for item in items if item not in gone]
        versions.renew(rows, agent, agent["settings"], now)


def _lists(value: object) -> Iterator[list[Any]]:
    if isinstance(value, dict):
        for name, part in cast("dict[str, object]", value).items():
            if name in _LISTS and isinstance(part, list):
                yield cast("list[Any]", part)
            else:
                yield from _lists(part)
    elif isinstance(value, list):
        for part in cast("list[object]", value):
            yield from _lists(part)


def _located(items: list[Any]) -> list[Row]:
    # Workflows are kept as sent, so that something else may stand in their lists.
    rows = [cast("Row", item) for item in items if isinstance(item, dict)]
    return [row for row in rows if isinstance(row.get("id"), str)]


async def index(call: Call[Body, DependentsQuery]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base/{id}/dependent-agents"""
    return _answer(call, [call.id])


async def bulk(call: Call[DependentsBody, DependentsQuery]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/dependent-agents"""
    return _answer(call, sorted(call.body.document_ids))


def _answer(call: Call[Any, DependentsQuery], ids: list[str]) -> dict[str, Any]:
    query = call.query
    uses: dict[str, Use] = {}
    with call.reading() as rows:
        tree, users = Tree(rows), Users(rows)
        for agent, by in (use for id in ids for use in users.of(tree, documents.find(rows, id), query.dependent_type)):
            known = uses.setdefault(agent["id"], Use(agent, []))
            known.by.extend(id for id in by if id not in known.by)
    chosen, cursor = page(
        (use.agent for use in uses.values()),
        query.page_size,
        query.cursor,
        by="created",
        key=lambda row: row["created"],
        descending=True,
    )
    return {
        "agents": [identified(uses[agent["id"]]) for agent in chosen],
        "branches": [_branch(agent) for agent in chosen],
        "next_cursor": cursor,
        "has_more": cursor is not None,
    }


def identified(use: Use) -> dict[str, Any]:
    """An agent in a list of dependents."""
    agent = use.agent
    return {
        "referenced_resource_ids": use.by,
        "id": agent["id"],
        "name": agent["settings"]["name"],
        "type": "available",
        "created_at_unix_secs": int(agent["created"]),
        "access_level": "admin",
    }


def _branch(agent: Row) -> dict[str, Any]:
    return {
        "agent_id": agent["id"],
        "agent_name": agent["settings"]["name"],
        "branch_id": agent["branch"],
        "branch_name": "Main",
        "is_main": True,
    }


async def size(call: Call[Body, Query]) -> dict[str, float]:
    """GET /v1/convai/agent/{id}/knowledge-base/size, in pages of three thousand characters."""
    with call.reading() as rows:
        agent = rows.get("agent", call.id)
        if agent is None:
            raise not_found("agent_not_found", f"Agent with id {call.id} not found.", "agent_id")
        tree, used = Tree(rows), referred(agent["settings"])
        inside = {below["id"] for id in used for below in tree.below(id)}
        found = [document for id in used | inside if (document := rows.get("document", id))]
    characters = sum(document.get("characters", 0) for document in found)
    return {"number_of_pages": round(characters / _PAGE, 2)}


_PREFIX = "/v1/convai/knowledge-base"
ROUTES = [
    route("POST", f"{_PREFIX}/dependent-agents", bulk, body=DependentsBody, query=DependentsQuery, scope="convai_read"),
    route("GET", f"{_PREFIX}/{{id}}/dependent-agents", index, query=DependentsQuery, scope="convai_read"),
    route("GET", "/v1/convai/agent/{id}/knowledge-base/size", size, scope="convai_read"),
]
