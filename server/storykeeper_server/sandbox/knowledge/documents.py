"""Knowledge documents as they are kept and shown: files, pages, texts and folders, in a tree."""

from __future__ import annotations

import html
from collections import defaultdict
from functools import cached_property
from typing import Any

from .. import ids
from ..account import access
from ..envelopes import Refusal, invalid, not_found
from ..routing import Call
from ..state import Row, Rows, Snapshot

_COUNTED = 1001


class Tree:
    """The documents of a workspace and how folders hold them, read when needed; good inside one transaction only."""

    def __init__(self, rows: Snapshot) -> None:
        self._rows = rows

    def path(self, document: Row) -> list[Row]:
        """The folders above a document, from the root."""
        above: list[Row] = []
        while folder := document.get("folder"):
            document = self._documents[folder]
            above.insert(0, document)
        return above

    def children(self, id: str) -> list[Row]:
        """What is directly in a folder, oldest first."""
        return self._children[id]

    def below(self, id: str) -> list[Row]:
        """Everything in a folder, at any depth."""
        found = [*self.children(id)]
        for document in found:
            found += self.children(document["id"])
        return found

    @cached_property
    def _documents(self) -> dict[str, Row]:
        return {document["id"]: document for document in self._rows.all("document")}

    @cached_property
    def _children(self) -> defaultdict[str | None, list[Row]]:
        children: defaultdict[str | None, list[Row]] = defaultdict(list)
        for document in sorted(self._documents.values(), key=lambda row: (row["created"], row["id"])):
            children[document.get("folder")].append(document)
        return children


def find(rows: Snapshot, id: str) -> Row:
    """The document or folder, or the service's 404."""
    document = rows.get("document", id)
    if document is None:
        raise missing(id)
    return document


def text(rows: Snapshot, id: str) -> str:
    """A document's text; a folder has none."""
    content = rows.get("content", id)
    return content["text"] if content else ""


def missing(id: str) -> Refusal:
    """The service's 404 for a document."""
    return not_found("knowledge_base_documentation_not_found", f"Document with id {id} not found.", "documentation_id")


def failure(refusal: Refusal) -> dict[str, Any]:
    """A refusal as one entry of an operation on several documents."""
    return {
        "status": "failure",
        "error_code": refusal.http,
        "error_status": refusal.detail["status"],
        "error_message": refusal.detail["message"],
    }


def add(call: Call[Any, Any], rows: Rows, document: Row, text: str | None) -> dict[str, Any]:
    """Keep a new document; `document` has its type, name, size and folder. A folder has no text."""
    room(call, rows, document["size"], document.get("characters", 0))
    if folder := document["folder"]:
        check_folder(rows, folder)
    document |= {"id": ids.short(), "created": call.now, "updated": call.now}
    rows.put("document", document["id"], document)
    if text is not None:
        rows.put("content", document["id"], {"text": text})
    path = [{"id": folder["id"]} for folder in Tree(rows).path(document)]
    return {"id": document["id"], "name": document["name"], "folder_path": path}


def check_folder(rows: Snapshot, id: str) -> None:
    """Refuse what isn't there or isn't a folder. The second refusal's wording is ours."""
    if find(rows, id)["type"] != "folder":
        raise invalid("not_a_folder", f"Document with id {id} is not a folder.", "parent_folder_id")


def room(call: Call[Any, Any], rows: Snapshot, size: int, characters: int, *, besides: str = "") -> None:
    """Refuse what would exceed the account's totals; `besides` is the document that is being replaced."""
    switches = call.setup.switches
    others = [document for document in rows.all("document") if document["id"] != besides]
    for field, new, limit in (
        ("size", size, switches.max_knowledge_bytes),
        ("characters", characters, switches.max_knowledge_characters),
    ):
        if new + sum(document.get(field, 0) for document in others) > limit:
            unit = "bytes" if field == "size" else field
            message = f"The knowledge base of this account would exceed {limit} {unit}."
            raise Refusal(switches.knowledge_refusal, "validation_error", "knowledge_base_limit_exceeded", message)


def summary(tree: Tree, document: Row, workspace: str) -> dict[str, Any]:
    """What lists, summaries and search results have in common with the whole document."""
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
        "folder_parent_id": document.get("folder"),
        "folder_path": [{"id": folder["id"]} for folder in tree.path(document)],
        "type": document["type"],
        **_by_type(tree, document),
    }


def view(tree: Tree, document: Row, text: str, workspace: str, format: str) -> dict[str, Any]:
    """The whole document, as its GET answers it."""
    path = [{"id": folder["id"], "name": folder["name"]} for folder in tree.path(document)]
    whole = {**summary(tree, document, workspace), "folder_path": path}
    if document["type"] == "folder":
        return whole
    more = {"filename": document["filename"]} if document["type"] == "file" else {}
    return {**whole, **more, "extracted_inner_html": shown(text, format), "content_format": format}


def shown(text: str, format: str) -> str:
    """A document's text in the format in which content is shown."""
    return html.escape(text, quote=False) if format == "html" else text


def _by_type(tree: Tree, document: Row) -> dict[str, Any]:
    kind = document["type"]
    if kind == "text":
        return {}
    more: dict[str, Any] = {"auto_sync_info": _auto_sync(document)}
    if kind == "url":
        return {**more, "url": document["url"]}
    more |= {"external_sync_info": None, "is_frozen": False}
    if kind == "file":
        return {**more, "refresh_status": None}
    inside = sum(below["type"] != "folder" for below in tree.below(document["id"]))
    return {**more, "children_count": len(tree.children(document["id"])), "document_count": min(inside, _COUNTED)}


def _auto_sync(document: Row) -> dict[str, Any] | None:
    sync = document.get("sync")
    if not sync:
        return None
    due = None if document["type"] == "folder" else int(sync["synced"]) + sync["days"] * 24 * 60 * 60
    return {
        "minimum_frequency_days": sync["days"],
        "auto_remove": sync["remove"],
        "consec_failures": 0,
        "next_refresh_by": due,
    }
