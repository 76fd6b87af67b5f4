"""Changes of documents: their name, content, file, page and schedule."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..envelopes import Refusal, invalid
from ..routing import Call, route
from ..schema import Body, Form, Query
from ..state import Row, Rows
from ..voices.voices import Upload
from . import auto_sync, documents, fetching, ingestion, rag
from .extraction import Extract


class PatchBody(auto_sync.Change, Body):
    """A change: what isn't there, or null, stays as it is."""

    holds_document = True

    name: str | None = Field(default=None, min_length=1)
    content: str | None = None


class FileForm(Form):
    """The file that replaces a document's."""

    file: Upload


async def patch(call: Call[PatchBody, Query]) -> dict[str, Any]:
    """PATCH /v1/convai/knowledge-base/{id}"""
    body = call.body
    with call.rows() as rows:
        document = documents.find(rows, call.id)
        changes: Row = {"name": body.name or document["name"], "sync": auto_sync.changed(document, body, call.now)}
        if document["type"] == "folder" and body.model_fields_set & auto_sync.Change.model_fields.keys():
            auto_sync.spread(rows, {**document, **changes}, tighten=body.tighten_only or False)
        if body.content is None:
            return _change(call, rows, {**document, **changes})
        _check_editable({**document, **changes})
        changes["size"] = len(body.content.encode())
        return _change(call, rows, {**document, **changes}, Extract(body.content))


def _check_editable(document: Row) -> None:
    if document["type"] == "folder" or (document["type"] == "url" and document["sync"]):
        raise _unsupported("Only texts, files and pages without auto-sync have a content that can be changed.")


async def update_file(call: Call[FileForm, Query]) -> dict[str, Any]:
    """PATCH /v1/convai/knowledge-base/{id}/update-file. The document takes the new file's name, too."""
    with call.reading() as rows:
        _check_type(documents.find(rows, call.id), "file")
    fields, data, found = await ingestion.opened(call, call.body.file, besides=call.id)
    with call.rows() as rows:
        document = documents.find(rows, call.id)
        ingestion.keep_file(rows, call.id, data)
        return _change(call, rows, {**document, **fields, "name": fields["filename"]}, found)


async def refresh(call: Call[Body, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/{id}/refresh"""
    with call.reading() as rows:
        old = documents.find(rows, call.id)
        _check_type(old, "url")
    page = await fetching.fetch(old["url"], call.request.headers.get("origin"))
    with call.rows() as rows:
        document = documents.find(rows, call.id)
        if document["sync"]:
            document["sync"]["synced"] = call.now
        document["size"] = len(page.text.encode())
        return _change(call, rows, document, Extract(page.text, page.missing))


def _check_type(document: Row, wanted: str) -> None:
    if document["type"] != wanted:
        raise _unsupported(f"Document with id {document['id']} is not of type {wanted}.")


def _change(call: Call[Any, Any], rows: Rows, document: Row, found: Extract | None = None) -> dict[str, Any]:
    document["updated"] = call.now
    if found is not None:
        document |= ingestion.contents(found)
        documents.room(call, rows, document["size"], document["characters"], besides=call.id)
        rows.put("content", call.id, {"text": found.text})
    rows.put("document", call.id, document)
    if found is not None:
        rag.restart(rows, document, call.setup.plan, call.now)
    text, shape = documents.text(rows, call.id), call.setup.switches.knowledge_format
    return documents.view(documents.Tree(rows), document, text, call.workspace, shape)


def _unsupported(message: str) -> Refusal:
    # The official file says where this isn't supported, not how it is refused.
    return invalid("unsupported_document_type", message, "documentation_id")


_PREFIX = "/v1/convai/knowledge-base"
ROUTES = [
    route("PATCH", f"{_PREFIX}/{{id}}", patch, body=PatchBody, scope="convai_write"),
    route("PATCH", f"{_PREFIX}/{{id}}/update-file", update_file, body=FileForm, scope="convai_write"),
    route("POST", f"{_PREFIX}/{{id}}/refresh", refresh, scope="convai_write"),
]
