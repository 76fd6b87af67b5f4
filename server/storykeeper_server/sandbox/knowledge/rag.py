"""RAG indexes: whether a document is indexed follows from the clock; what an agent knows follows from its documents."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field

from .. import ids
from ..agents.conversation_config import EmbeddingModel, Prompt
from ..brain import Source
from ..envelopes import Refusal, not_found
from ..plans import Plan
from ..routing import Call, route
from ..schema import Body, Part, Query
from ..state import Row, Rows, Snapshot
from ..switches import Switches
from .documents import Tree, failure, find, text

MODELS: tuple[EmbeddingModel, ...] = get_args(EmbeddingModel)

_KIND = "rag index"
_LEAST = 500

Status = Literal[
    "created", "processing", "succeeded", "rag_limit_exceeded", "document_too_small", "cannot_index_folder"
]


class IndexBody(Body):
    """Which model to index with."""

    model: EmbeddingModel


class Item(Part):
    """One index of a batch."""

    document_id: str
    create_if_missing: bool
    model: EmbeddingModel


class BatchBody(Body):
    """Several indexes."""

    items: list[Item] = Field(min_length=1, max_length=100)


def index(rows: Snapshot, document: str, model: EmbeddingModel) -> Row | None:
    """A document's index by a model, if there is one."""
    return rows.get(_KIND, _key(document, model))


def state(found: Row, switches: Switches, now: float) -> tuple[Status, float]:
    """How far an index is: its status and the percentage."""
    if found["refused"]:
        return found["refused"], 0.0
    done = min((now - found["started"]) / switches.rag_seconds, 1.0) if switches.rag_seconds else 1.0
    if done >= 1:
        return "succeeded", 100.0
    return ("processing", round(done * 100, 1)) if done > 0 else ("created", 0.0)


def start(rows: Rows, document: Row, model: EmbeddingModel, plan: Plan, now: float) -> Row:
    """Index a document, or find out why that can't be. An index that began before is begun anew."""
    old = index(rows, document["id"], model)
    taken = sum(other["used"] for other in rows.all(_KIND) if not old or other["id"] != old["id"])
    refused = _refused(document, plan.rag - taken)
    made: Row = {
        "id": old["id"] if old else ids.short(),
        "document": document["id"],
        "model": model,
        "started": now,
        "refused": refused,
        "used": 0 if refused else document["size"],
    }
    rows.put(_KIND, _key(document["id"], model), made)
    return made


def _refused(document: Row, left: int) -> Status | None:
    if document["type"] == "folder":
        return "cannot_index_folder"
    if document["size"] < _LEAST:
        return "document_too_small"
    return "rag_limit_exceeded" if document["size"] > left else None


def restart(rows: Rows, document: Row, plan: Plan, now: float) -> None:
    """A changed document's indexes are stale, and so are made again."""
    for model in MODELS:
        if index(rows, document["id"], model):
            start(rows, document, model, plan, now)


def erase(rows: Rows, document: str) -> None:
    """Delete a document's indexes."""
    for model in MODELS:
        rows.drop(_KIND, _key(document, model))


def check(rows: Snapshot, prompt: Prompt, switches: Switches, now: float) -> None:
    """Refuse an agent with RAG on and a document that isn't indexed by its model.

    Documents below 500 bytes need no index, nor do those that always stand in the prompt.
    """
    if not prompt.rag.enabled or switches.rag_not_ready == "off":
        return
    used = [item.id for item in prompt.knowledge_base if item.usage_mode == "auto"]
    for document in _expanded(rows, used):
        found = index(rows, document["id"], prompt.rag.embedding_model)
        if document["size"] >= _LEAST and not (found and state(found, switches, now)[0] == "succeeded"):
            message = f"The RAG index of document {document['id']} is not ready."
            raise Refusal(int(switches.rag_not_ready), "validation_error", "rag_index_not_ready", message)


def documents(rows: Snapshot, settings: Row) -> list[Source]:
    """What an agent with these settings knows: its documents' texts, folders opened, and none that couldn't be read."""
    used = settings["conversation_config"]["agent"]["prompt"]["knowledge_base"]
    found = [row for row in _expanded(rows, [item["id"] for item in used]) if not row.get("missing")]
    return [Source(row["id"], row["name"], text(rows, row["id"])) for row in found]


def _expanded(rows: Snapshot, ids: list[str]) -> list[Row]:
    tree, found = Tree(rows), dict[str, Row]()
    for id in ids:
        document = rows.get("document", id)
        opened = tree.below(id) if document and document["type"] == "folder" else [document]
        found |= {row["id"]: row for row in opened if row and row["type"] != "folder"}
    return list(found.values())


async def compute(call: Call[IndexBody, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/{id}/rag-index: start an index, or tell how far it is."""
    with call.rows() as rows:
        return _view(call, _ensured(call, rows, call.id, call.body.model))


async def batch(call: Call[BatchBody, Query]) -> dict[str, Any]:
    """POST /v1/convai/knowledge-base/rag-index. Each item succeeds or fails by itself."""
    answers: dict[str, Any] = {}
    for item in call.body.items:
        try:
            with call.rows() as rows:
                found = index(rows, find(rows, item.document_id)["id"], item.model)
                if found is None and not item.create_if_missing:
                    raise _missing(f"of document {item.document_id} by {item.model}")
                made = found or _ensured(call, rows, item.document_id, item.model)
            answers[item.document_id] = {"status": "success", "data": _view(call, made)}
        except Refusal as refusal:
            answers[item.document_id] = failure(refusal)
    return answers


async def indexes(call: Call[Body, Query]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base/{id}/rag-index"""
    with call.reading() as rows:
        document = find(rows, call.id)["id"]
        found = [row for model in MODELS if (row := index(rows, document, model))]
    return {"indexes": [_view(call, row) for row in found]}


async def delete(call: Call[Body, Query]) -> dict[str, Any]:
    """DELETE /v1/convai/knowledge-base/{id}/rag-index/{index}"""
    wanted = call.request.path_params["index"]
    with call.rows() as rows:
        document = find(rows, call.id)["id"]
        for model in MODELS:
            found = index(rows, document, model)
            if found and found["id"] == wanted:
                rows.drop(_KIND, _key(document, model))
                return _view(call, found)
    raise _missing(wanted)


async def overview(call: Call[Body, Query]) -> dict[str, Any]:
    """GET /v1/convai/knowledge-base/rag-index"""
    with call.reading() as rows:
        found = rows.all(_KIND)
    used = {model: sum(row["used"] for row in found if row["model"] == model) for model in MODELS}
    return {
        "total_used_bytes": sum(used.values()),
        "total_max_bytes": call.setup.plan.rag,
        "models": [{"model": model, "used_bytes": size} for model, size in used.items()],
    }


def _ensured(call: Call[Any, Any], rows: Rows, id: str, model: EmbeddingModel) -> Row:
    document, found = find(rows, id), index(rows, id, model)
    # What was refused may fit by now.
    return start(rows, document, model, call.setup.plan, call.now) if not found or found["refused"] else found


def _view(call: Call[Any, Any], found: Row) -> dict[str, Any]:
    status, done = state(found, call.setup.switches, call.now)
    return {
        "id": found["id"],
        "model": found["model"],
        "status": status,
        "progress_percentage": done,
        "document_model_index_usage": {"used_bytes": found["used"]},
    }


def _missing(which: str) -> Refusal:
    return not_found("rag_index_not_found", f"RAG index {which} not found.", "rag_index_id")


def _key(document: str, model: str) -> str:
    return f"{document} {model}"


_PREFIX = "/v1/convai/knowledge-base"
ROUTES = [
    route("GET", f"{_PREFIX}/rag-index", overview, scope="convai_read"),
    route("POST", f"{_PREFIX}/rag-index", batch, body=BatchBody, scope="convai_write"),
    route("POST", f"{_PREFIX}/{{id}}/rag-index", compute, body=IndexBody, scope="convai_write"),
    route("GET", f"{_PREFIX}/{{id}}/rag-index", indexes, scope="convai_read"),
    route("DELETE", f"{_PREFIX}/{{id}}/rag-index/{{index}}", delete, scope="convai_write"),
]
