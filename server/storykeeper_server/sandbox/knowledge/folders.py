"""Folders of the knowledge base: made, and what is in them moved."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..envelopes import invalid
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Rows
from . import auto_sync, documents


class FolderBody(auto_sync.Schedule, Body):
    """A new folder."""

    name: str = Field(min_length=1)
    parent_folder_id: str | None = None


class MoveBody(Body):
    """Where to; null is the root."""

    move_to: str | None = None


class BulkMoveBody(MoveBody):
    """What to move. Official: a set, so that an id given twice counts once."""

    document_ids: set[str] = Field(min_length=1, max_length=20)


async def create(call: Call[FolderBody, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/folder"""
    body = call.body
    folder = {"type": "folder", "name": body.name, "size": 0, "folder": body.parent_folder_id}
    with call.rows() as rows:
        sync = auto_sync.planned(rows, body, body.parent_folder_id, call.now)
        return documents.add(call, rows, {**folder, "sync": sync}, None)


async def move(call: Call[MoveBody, Query]) -> None:
    """POST /v1/convai/knowledge-base/{id}/move"""
    with call.rows() as rows:
        _move(rows, call.id, call.body.move_to)


async def bulk_move(call: Call[BulkMoveBody, Query]) -> None:
    """POST /v1/convai/knowledge-base/bulk-move. All of it moves, or nothing."""
    with call.rows() as rows:
        for id in sorted(call.body.document_ids):
            _move(rows, id, call.body.move_to)


def _move(rows: Rows, id: str, to: str | None) -> None:
    document = documents.find(rows, id)
    if to:
        documents.check_folder(rows, to)
        target = documents.find(rows, to)
        if id in {folder["id"] for folder in [*documents.Tree(rows).path(target), target]}:
            raise invalid("invalid_move", "A folder can't be moved into itself.", "move_to")
    rows.put("document", id, {**document, "folder": to})


_PREFIX = "/v1/convai/knowledge-base"
ROUTES = [
    route("POST", f"{_PREFIX}/folder", create, body=FolderBody, scope="convai_write"),
    route("POST", f"{_PREFIX}/bulk-move", bulk_move, body=BulkMoveBody, scope="convai_write"),
    route("POST", f"{_PREFIX}/{{id}}/move", move, body=MoveBody, scope="convai_write"),
]
