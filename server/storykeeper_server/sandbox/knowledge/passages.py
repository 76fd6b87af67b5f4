"""Passages of documents: the chunks of an index, and the search for words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from ..agents.conversation_config import DocumentType, EmbeddingModel
from ..envelopes import not_found
from ..paging import page
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Row, Snapshot
from . import documents, rag
from .dependents import Users, identified
from .documents import Tree

_CHUNK = 1000
_AROUND = 60
_WORDS = 20


class ChunksQuery(Query):
    """Of which index, and how many."""

    embedding_model: EmbeddingModel
    page_size: int = Field(default=30, ge=1, le=100)
    cursor: str | None = None


class ChunkQuery(Query):
    """Of which index; of any, if it isn't said."""

    embedding_model: EmbeddingModel | None = None


class SearchQuery(Query):
    """What to look for."""

    query: str
    page_size: int = Field(default=30, ge=1, le=100)
    types: list[DocumentType] | None = None
    cursor: str | None = None


def split(text: str) -> list[str]:
    """A text in chunks of at most a thousand characters, at paragraphs if possible, else at spaces."""
    chunks = [""]
    for paragraph in text.split("\n\n"):
        for piece in _pieces(paragraph):
            if len(chunks[-1]) + 2 + len(piece) > _CHUNK:
                chunks.append("")
            chunks[-1] = f"{chunks[-1]}\n\n{piece}".strip()
    return [chunk for chunk in chunks if chunk]


def _pieces(paragraph: str) -> Iterator[str]:
    at = 0
    while at < len(paragraph):
        end = at + _CHUNK
        if end < len(paragraph) and (space := paragraph.rfind(" ", at, end)) > at:
            end = space
        yield paragraph[at:end].strip()
        at = end


async def chunks(call: Call[Body, ChunksQuery]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base/{id}/chunks. A document that isn't indexed yet has none."""
    query = call.query
    with call.reading() as rows:
        found = _chunks(call, rows, query.embedding_model)
    chosen, cursor = page(
        found, query.page_size, query.cursor, by="place", key=lambda row: row["place"], descending=False
    )
    return {"chunks": [_view(chunk) for chunk in chosen], "next_cursor": cursor}


async def chunk(call: Call[Body, ChunkQuery]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base/{id}/chunk/{chunk}"""
    wanted, model = call.request.path_params["chunk"], call.query.embedding_model
    models: Sequence[EmbeddingModel] = [model] if model else rag.MODELS
    with call.reading() as rows:
        found = [chunk for each in models for chunk in _chunks(call, rows, each)]
    for each in found:
        if each["id"] == wanted:
            return _view(each)
    raise not_found("chunk_not_found", f"Chunk with id {wanted} not found.", "chunk_id")


def _chunks(call: Call[Any, Any], rows: Snapshot, model: EmbeddingModel) -> list[Row]:
    document = documents.find(rows, call.id)
    found = rag.index(rows, call.id, model)
    if not found or rag.state(found, call.setup.switches, call.now)[0] != "succeeded":
        return []
    texts = split(documents.text(rows, call.id))
    return [
        {"id": _chunk_id(found["id"], place), "place": place, "name": document["name"], "content": content}
        for place, content in enumerate(texts)
    ]


def _chunk_id(index: str, place: int) -> str:
    return hashlib.sha256(f"{index} {place}".encode()).hexdigest()[:20]


def _view(chunk: Row) -> dict[str, Any]:
    return {"id": chunk["id"], "name": chunk["name"], "content": chunk["content"]}


async def search(call: Call[Body, SearchQuery]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base/search. Words count in any case, and as parts of words; misspelt ones don't."""
    query = call.query
    words = list(dict.fromkeys(query.query.casefold().split()))[:_WORDS]
    with call.reading() as rows:
        listed = [row for row in call.listed(rows, "document") if not query.types or row["type"] in query.types]
        found = [{**row, "text": documents.text(rows, row["id"])} for row in listed]
    scored = [{**row, "score": score} for row in found if (score := _score(row, words))]
    chosen, cursor = page(
        scored, query.page_size, query.cursor, by=query.query, key=lambda row: row["score"], descending=True
    )
    with call.reading() as rows:
        tree, users = Tree(rows), Users(rows)
        results = [
            {
                "document": summarised(users, tree, row, call.workspace),
                "search_snippet": _snippet(row["text"], words),
                "score": row["score"],
            }
            for row in chosen
        ]
    return {"results": results, "next_cursor": cursor}


def summarised(users: Users, tree: Tree, document: Row, workspace: str) -> dict[str, Any]:
    """A document as lists show it, with the agents that use it."""
    dependent = [identified(use) for use in users.of(tree, document)]
    return {**documents.summary(tree, document, workspace), "dependent_agents": dependent}


def _score(row: Row, words: list[str]) -> float:
    text = f"{row['name']}\n{row['text']}".casefold()
    return round(sum(word in text for word in words) / len(words), 4) if words else 0.0


def _snippet(text: str, words: list[str]) -> list[dict[str, Any]] | None:
    """What stands around the first hit, cut where hits begin and end; None if only the name was hit."""
    hits = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    first = hits.search(text)
    if not first:
        return None
    around = text[max(first.start() - _AROUND, 0) : first.end() + _AROUND]
    parts: list[tuple[str, bool]] = []
    at = 0
    for hit in hits.finditer(around):
        parts += [(around[at : hit.start()], False), (hit[0], True)]
        at = hit.end()
    parts.append((around[at:], False))
    return [{"value": value, "is_hit": is_hit} for value, is_hit in parts if value]


_PREFIX = "/v1/convai/knowledge-base"
ROUTES = [
    route("GET", f"{_PREFIX}/search", search, query=SearchQuery, scope="convai_read"),
    route("GET", f"{_PREFIX}/{{id}}/chunks", chunks, query=ChunksQuery, scope="convai_read"),
    route("GET", f"{_PREFIX}/{{id}}/chunk/{{chunk}}", chunk, query=ChunkQuery, scope="convai_read"),
]
