"""New documents: from text, from files and from pages, and the files themselves to be had again."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Any

import anyio.to_thread
from pydantic import Field
from starlette.responses import Response

from ..envelopes import Refusal, invalid, not_found
from ..routing import Call, route
from ..schema import Body, Form, Query
from ..state import Row, Rows
from ..voices.voices import Upload
from . import auto_sync, documents, extraction, fetching
from .extraction import Extract

_FILE = "document file"
_LINK = "document link"

Name = Annotated[str | None, Field(min_length=1)]


class TextBody(Body):
    """A document given as text."""

    holds_document = True

    text: str
    name: Name = None
    parent_folder_id: str | None = None


class FileForm(Form):
    """A document given as a file."""

    file: Upload
    name: Name = None
    parent_folder_id: str | None = None


class UrlBody(auto_sync.Schedule, Body):
    """A document made from a page."""

    url: str
    name: Name = None
    parent_folder_id: str | None = None


class EitherForm(Form):
    """The form of the old way to add: a file or a page."""

    name: Name = None
    url: str | None = None
    file: Upload | None = None


class AgentQuery(Query):
    """`agent_id` is accepted; the document isn't given to the agent, as the official file notes."""

    agent_id: str = ""


async def add_text(call: Call[TextBody, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/text"""
    body = call.body
    document = {"type": "text", "name": body.name or "Untitled", "size": len(body.text.encode())}
    return _add(call, document, Extract(body.text), body.parent_folder_id)


async def add_file(call: Call[FileForm, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/file"""
    return await _add_file(call, call.body.file, call.body.name, call.body.parent_folder_id)


async def add_url(call: Call[UrlBody, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/url. Without a name, the document gets the page's title or its address."""
    return await _add_url(call, call.body)


async def add_either(call: Call[EitherForm, AgentQuery]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base, the old way. With both, the file counts; the refusal's code is ours."""
    form = call.body
    if form.file:
        return await _add_file(call, form.file, form.name, None)
    if not form.url:
        raise invalid("missing_source", "Either a file or a URL is needed.")
    return await _add_url(call, UrlBody(url=form.url, name=form.name))


async def _add_file(call: Call[Any, Any], file: Upload, name: str | None, folder: str | None) -> dict[str, Any]:
    fields, data, found = await opened(call, file)
    return _add(call, {**fields, "type": "file", "name": name or fields["filename"]}, found, folder, data)


async def opened(call: Call[Any, Any], file: Upload, *, besides: str = "") -> tuple[Row, bytes, Extract]:
    """An uploaded file: its name and size, its bytes and its text; `besides` is the document that it replaces."""
    name = file.filename or "file"
    kind = extraction.kind(name, file.content_type)
    if kind is None or (kind == "markdown" and not call.setup.switches.accept_markdown):
        raise invalid("invalid_file_type", f"A file such as '{name}' can't be added.", "file")
    with call.reading() as rows:
        documents.room(call, rows, file.size or 0, 0, besides=besides)
    data = await file.read()
    try:
        found = await anyio.to_thread.run_sync(extraction.extract, data, kind)
    except extraction.Unreadable as error:
        raise invalid("invalid_file", f"The file '{name}' can't be read: {error}.", "file") from error
    return {"filename": name, "mime": file.content_type or "", "size": len(data)}, data, found


async def _add_url(call: Call[Any, Any], body: UrlBody) -> dict[str, Any]:
    page = await fetching.fetch(body.url, call.request.headers.get("origin"))
    with call.reading() as rows:
        sync = auto_sync.planned(rows, body, body.parent_folder_id, call.now)
    document = {"type": "url", "url": body.url, "name": body.name or page.title or body.url, "sync": sync}
    size = len(page.text.encode())
    return _add(call, {**document, "size": size}, Extract(page.text, page.missing), body.parent_folder_id)


def _add(
    call: Call[Any, Any], document: Row, found: Extract, folder: str | None, data: bytes | None = None
) -> dict[str, Any]:
    with call.rows() as rows:
        made = documents.add(call, rows, {**document, **contents(found), "folder": folder}, found.text)
        if data is not None:
            keep_file(rows, made["id"], data)
    return made


def keep_file(rows: Rows, id: str, data: bytes) -> None:
    """Keep the file that a document was made from."""
    rows.keep(_FILE, id, data)


def erase(rows: Rows, id: str) -> None:
    """Forget a document with its text and its file."""
    rows.drop("document", id)
    rows.drop("content", id)
    rows.erase(_FILE, id)


def contents(found: Extract) -> Row:
    """What a document remembers of its text: its length, and whether it only stands for one that isn't there."""
    return {"characters": 0 if found.missing else len(found.text), "missing": found.missing}


async def source_url(call: Call[Body, Query]) -> dict[str, str]:
    """GET /v1/convai/knowledge-base/{id}/source-file-url. As good as a signed URL of a conversation for as long."""
    token = secrets.token_urlsafe(32)
    expires = call.now + call.setup.switches.signed_url_seconds
    with call.rows() as rows:
        if documents.find(rows, call.id)["type"] != "file":
            raise invalid("not_a_file", f"Document with id {call.id} has no source file.", "documentation_id")
        for link in rows.all(_LINK):
            if link["expires"] <= call.now:
                rows.drop(_LINK, link["id"])
        rows.put(_LINK, _digest(token), {"id": _digest(token), "document": call.id, "expires": expires})
    return {"signed_url": f"{str(call.request.base_url).rstrip('/')}/storage/knowledge-base/{token}"}


async def download(call: Call[Body, Query]) -> Response:
    """GET /storage/knowledge-base/{id}: where those URLs lead. The service's own lead to other people's storage."""
    state, link = call.setup.state, _digest(call.id)
    with state.reading(state.owner(_LINK, link) or "") as rows:
        found = rows.get(_LINK, link)
        if found is None or found["expires"] <= call.now:
            raise Refusal(403, "authorization_error", "link_expired", "This link is not valid, or not any more.")
        document, data = rows.get("document", found["document"]), rows.kept(_FILE, found["document"])
    if document is None or data is None:
        raise not_found("file_not_found", "The file was deleted.")
    # As a download, so that no uploaded page runs in a browser on the sandbox's own origin.
    return Response(data, media_type="application/octet-stream", headers={"content-disposition": "attachment"})


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


_PREFIX = "/v1/convai/knowledge-base"
ROUTES = [
    route("POST", _PREFIX, add_either, body=EitherForm, query=AgentQuery, scope="convai_write"),
    route("POST", f"{_PREFIX}/text", add_text, body=TextBody, scope="convai_write"),
    route("POST", f"{_PREFIX}/file", add_file, body=FileForm, scope="convai_write"),
    route("POST", f"{_PREFIX}/url", add_url, body=UrlBody, scope="convai_write"),
    route("GET", f"{_PREFIX}/{{id}}/source-file-url", source_url, scope="convai_read"),
    route("GET", "/storage/knowledge-base/{id}", download, public=True),
]
