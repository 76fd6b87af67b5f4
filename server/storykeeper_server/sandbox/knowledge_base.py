"""Knowledge base documents: texts and files, and the agents that depend on them."""

from __future__ import annotations

import html
from pathlib import PurePath
from typing import Any, Literal

from pydantic import Field

from . import auth, ids
from .account import access
from .envelopes import Refusal, invalid, not_found
from .paging import page
from .routing import Call, route
from .schema import Body, Form, Query
from .state import Row, Rows
from .voices import Upload

_READABLE = {".txt", ".md", ".html", ".htm"}
_ACCEPTED = {*_READABLE, ".pdf", ".docx", ".epub"}


class TextBody(Body):
    """A document given as text."""

    text: str
    name: str | None = Field(default=None, min_length=1)
    parent_folder_id: str | None = None


class FileForm(Form):
    """A document given as a file."""

    file: Upload
    name: str | None = Field(default=None, min_length=1)
    parent_folder_id: str | None = None


class DocumentsQuery(Query):
    """Filters of the list."""

    page_size: int = Field(default=30, ge=1, le=100)
    cursor: str | None = None
    search: str | None = None
    types: list[Literal["file", "url", "text", "folder"]] | None = None
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


class DeleteQuery(Query):
    """`force` takes the document out of the agents that use it."""

    force: bool = False


async def add_text(call: Call[TextBody, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/text"""
    body = call.body
    document = {"type": "text", "name": body.name or "Untitled", "size": len(body.text.encode())}
    return _add(call, document, body.text, body.parent_folder_id)


async def add_file(call: Call[FileForm, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/file. The text of PDF, Word and EPUB files is not extracted."""
    filename = call.body.file.filename or "file"
    suffix = PurePath(filename).suffix.lower()
    if suffix not in _ACCEPTED:
        raise invalid("invalid_file_type", f"Files of type '{suffix}' can't be added.", "file")
    data = await call.body.file.read()
    text = data.decode(errors="replace") if suffix in _READABLE else ""
    document = {"type": "file", "name": call.body.name or filename, "filename": filename, "size": len(data)}
    return _add(call, document, text, call.body.parent_folder_id)


def _add(call: Call[Any, Any], document: Row, text: str, folder: str | None) -> dict[str, Any]:
    document |= {"id": ids.short(), "created": call.now, "updated": call.now, "characters": len(text)}
    with call.rows() as rows:
        _check_room(call, rows.all("document"), document)
        if folder:
            raise missing(folder)
        rows.put("document", document["id"], document)
        rows.put("content", document["id"], {"text": text})
    return {"id": document["id"], "name": document["name"], "folder_path": []}


def _check_room(call: Call[Any, Any], documents: list[Row], new: Row) -> None:
    switches = call.setup.switches
    for field, limit in (("size", switches.max_knowledge_bytes), ("characters", switches.max_knowledge_characters)):
        if new[field] + sum(document[field] for document in documents) > limit:
            message = (
                f"The knowledge base of this account would exceed {limit} {'bytes' if field == 'size' else field}."
            )
            raise invalid("knowledge_base_limit_exceeded", message)


def missing(id: str) -> Refusal:
    """The service's 404 for a document."""
    return not_found("knowledge_base_documentation_not_found", f"Document with id {id} not found.", "documentation_id")


async def index(call: Call[Body, DocumentsQuery]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base"""
    query = call.query
    with call.rows() as rows:
        found = [document for document in call.listed(rows, "document") if _matches(document, query, auth.user(call.workspace))]
        agents = rows.all("agent")
    field = {"created_at": "created", "updated_at": "updated"}.get(query.sort_by, query.sort_by)
    chosen, cursor = page(
        found,
        query.page_size,
        query.cursor,
        by=field,
        key=lambda row: row[field],
        descending=query.sort_direction == "desc",
    )
    documents = [
        {**_summary(document, call.workspace), "dependent_agents": _dependents(document["id"], agents)}
        for document in chosen
    ]
    return {"documents": documents, "next_cursor": cursor, "has_more": cursor is not None}


def _matches(document: Row, query: DocumentsQuery, me: str) -> bool:
    return (
        document["name"].startswith(query.search or "")
        and (not query.types or document["type"] in query.types)
        and query.created_by_user_id in (None, "@me", me)
        and not (query.parent_folder_id or query.ancestor_folder_id)
    )


async def read(call: Call[Body, DocumentQuery]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base/{id}"""
    with call.rows() as rows:
        document, content = rows.get("document", call.id), rows.get("content", call.id)
    if document is None or content is None:
        raise missing(call.id)
    more = {"filename": document["filename"]} if document["type"] == "file" else {}
    inner = html.escape(content["text"], quote=False)
    return {**_summary(document, call.workspace), **more, "extracted_inner_html": inner, "content_format": "html"}


async def delete(call: Call[Body, DeleteQuery]) -> None:
    """DELETE /v1/convai/knowledge-base/{id}"""
    with call.rows() as rows:
        if rows.get("document", call.id) is None:
            raise missing(call.id)
        using = [agent for agent in rows.all("agent") if call.id in _used(agent)]
        if using and not call.query.force:
            message = f"Document with id {call.id} has {len(using)} dependent agents. Use force to delete it."
            raise invalid("document_has_dependent_agents", message)
        for agent in using:
            _detach(rows, agent, call.id)
        rows.drop("document", call.id)
        rows.drop("content", call.id)


def _used(agent: Row) -> list[str]:
    return [item["id"] for item in _items(agent)]


def _items(agent: Row) -> list[Row]:
    return agent["settings"]["conversation_config"]["agent"]["prompt"]["knowledge_base"]


def _detach(rows: Rows, agent: Row, id: str) -> None:
    kept = [item for item in _items(agent) if item["id"] != id]
    agent["settings"]["conversation_config"]["agent"]["prompt"]["knowledge_base"] = kept
    rows.put("agent", agent["id"], agent)


def _dependents(id: str, agents: list[Row]) -> list[dict[str, Any]]:
    return [
        {
            "referenced_resource_ids": [id],
            "id": agent["id"],
            "name": agent["settings"]["name"],
            "type": "available",
            "created_at_unix_secs": int(agent["created"]),
            "access_level": "admin",
        }
        for agent in agents
        if id in _used(agent)
    ]


def _summary(document: Row, workspace: str) -> dict[str, Any]:
    return {
        "id": document["id"],
        "name": document["name"],
        "metadata": {
            "created_at_unix_secs": int(document["created"]),
            "last_updated_at_unix_secs": int(document["updated"]),
            "size_bytes": document["size"],
        },
        "supported_usages": ["prompt", "auto"],
        "access_info": access(workspace),
        "folder_parent_id": None,
        "folder_path": [],
        "type": document["type"],
    }


_PREFIX = "/v1/convai/knowledge-base"
ROUTES = [
    route("POST", f"{_PREFIX}/text", add_text, body=TextBody),
    route("POST", f"{_PREFIX}/file", add_file, body=FileForm),
    route("GET", _PREFIX, index, query=DocumentsQuery),
    route("GET", f"{_PREFIX}/{{id}}", read, query=DocumentQuery),
    route("DELETE", f"{_PREFIX}/{{id}}", delete, query=DeleteQuery),
]
