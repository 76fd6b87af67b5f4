"""The knowledge base: its documents listed, read and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field
from starlette.responses import HTMLResponse

from .. import auth
from ..agents.conversation_config import DocumentType
from ..envelopes import Refusal, invalid
from ..paging import page
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Row, Rows, Snapshot
from . import documents, ingestion, rag
from .dependents import Users, detach
from .documents import Tree, failure, missing
from .passages import summarised

__all__ = ["ROUTES", "missing"]


class DocumentsQuery(Query):
    """Filters of the list."""

    page_size: int = Field(default=30, ge=1, le=100)
    cursor: str | None = None
    search: str | None = None
    types: list[DocumentType] | None = None
    show_only_owned_documents: bool = False
    created_by_user_id: str | None = None
    parent_folder_id: str | None = None
    ancestor_folder_id: str | None = None
    folders_first: bool = False
    sort_by: Literal["name", "created_at", "updated_at", "size"] = "created_at"
    sort_direction: Literal["asc", "desc"] = "desc"


class DocumentQuery(Query):
    """`agent_id` only matters to shared agents."""

    agent_id: str = ""


class SummariesQuery(Query):
    """Which documents."""

    document_ids: list[str] = Field(min_length=1, max_length=100)


class DeleteQuery(Query):
    """`force` takes the document out of the agents that use it, and deletes what is in a folder."""

    force: bool = False


class BulkDeleteBody(Body):
    """What to delete. Official: a set, so that an id given twice counts once."""

    document_ids: set[str] = Field(min_length=1, max_length=20)
    force: bool = False


async def index(call: Call[Body, DocumentsQuery]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base"""
    query = call.query
    with call.reading() as rows:
        tree, users = Tree(rows), Users(rows)
        found = [row for row in call.listed(rows, "document") if _matches(call, tree, row)]
        chosen, cursor = page(
            found,
            query.page_size,
            query.cursor,
            by=f"{query.sort_by} {query.folders_first}",
            key=lambda row: _place(row, query),
            descending=query.sort_direction == "desc",
        )
        shown = [summarised(users, tree, row, call.workspace) for row in chosen]
    return {"documents": shown, "next_cursor": cursor, "has_more": cursor is not None}


def _matches(call: Call[Body, DocumentsQuery], tree: Tree, document: Row) -> bool:
    query = call.query
    return (
        document["name"].startswith(query.search or "")
        and (not query.types or document["type"] in query.types)
        and query.created_by_user_id in (None, "@me", auth.user(call.workspace))
        and query.parent_folder_id in (None, document.get("folder"))
        and (
            query.ancestor_folder_id is None
            or query.ancestor_folder_id in {folder["id"] for folder in tree.path(document)}
        )
    )


def _place(document: Row, query: DocumentsQuery) -> str:
    field = {"created_at": "created", "updated_at": "updated"}.get(query.sort_by, query.sort_by)
    value = document[field]
    # Descending lists are read from their end, so that what is to come first there needs the higher rank.
    first = (document["type"] == "folder") == (query.sort_direction == "desc")
    rank = int(first) if query.folders_first else 0
    return f"{rank} {value if isinstance(value, str) else format(value, '020.6f')}"


async def read(call: Call[Body, DocumentQuery]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base/{id}"""
    with call.reading() as rows:
        document, text = documents.find(rows, call.id), documents.text(rows, call.id)
        return documents.view(Tree(rows), document, text, call.workspace, call.setup.switches.knowledge_format)


async def content(call: Call[Body, Query]) -> HTMLResponse:
    """GET /v1/convai/knowledge-base/{id}/content"""
    with call.reading() as rows:
        documents.find(rows, call.id)
        text = documents.text(rows, call.id)
    # Whatever was uploaded, no script of it runs on the sandbox's own origin.
    guard = {"content-security-policy": "sandbox", "x-content-type-options": "nosniff"}
    return HTMLResponse(documents.shown(text, call.setup.switches.knowledge_format), headers=guard)


async def summaries(call: Call[Body, SummariesQuery]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base/summaries"""
    with call.reading() as rows:
        return dict(_summaries(call, rows))


def _summaries(call: Call[Body, SummariesQuery], rows: Snapshot) -> Iterator[tuple[str, dict[str, Any]]]:
    tree, users = Tree(rows), Users(rows)
    for id in call.query.document_ids:
        document = rows.get("document", id)
        if document:
            yield id, {"status": "success", "data": summarised(users, tree, document, call.workspace)}
        else:
            yield id, failure(missing(id))


async def delete(call: Call[Body, DeleteQuery]) -> None:
    """DELETE /v1/convai/knowledge-base/{id}"""
    with call.rows() as rows:
        _delete(rows, call.id, call.now, force=call.query.force)


async def bulk_delete(call: Call[BulkDeleteBody, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/bulk-delete. Each id succeeds or fails by itself; what is in folders goes first."""
    answers: dict[str, Any] = {}
    with call.rows() as rows:
        for id in _deepest_first(rows, call.body.document_ids):
            try:
                _delete(rows, id, call.now, force=call.body.force)
                answers[id] = {"status": "success", "data": {"id": id}}
            except Refusal as refusal:
                answers[id] = failure(refusal)
    return answers


def _deepest_first(rows: Snapshot, ids: set[str]) -> list[str]:
    tree = Tree(rows)
    depth = {id: len(tree.path(row)) if (row := rows.get("document", id)) else 0 for id in ids}
    return sorted(sorted(ids), key=depth.__getitem__, reverse=True)


def _delete(rows: Rows, id: str, now: float, *, force: bool) -> None:
    tree, document = Tree(rows), documents.find(rows, id)
    inside = tree.below(id)
    if not force:
        if inside:
            raise invalid("folder_not_empty", f"Folder with id {id} is not empty. Use force to delete it.")
        if users := Users(rows).of(tree, document):
            message = f"Document with id {id} has {len(users)} dependent agents. Use force to delete it."
            raise invalid("document_has_dependent_agents", message)
    gone = [row["id"] for row in [document, *inside]]
    detach(rows, gone, now)
    for each in gone:
        ingestion.erase(rows, each)
        rag.erase(rows, each)


_PREFIX = "/v1/convai/knowledge-base"
ROUTES = [
    route("GET", _PREFIX, index, query=DocumentsQuery, scope="convai_read"),
    route("GET", f"{_PREFIX}/summaries", summaries, query=SummariesQuery, scope="convai_read"),
    route("POST", f"{_PREFIX}/bulk-delete", bulk_delete, body=BulkDeleteBody, scope="convai_write"),
    route("GET", f"{_PREFIX}/{{id}}", read, query=DocumentQuery, scope="convai_read"),
    route("DELETE", f"{_PREFIX}/{{id}}", delete, query=DeleteQuery, scope="convai_write"),
    route("GET", f"{_PREFIX}/{{id}}/content", content, scope="convai_read"),
]
