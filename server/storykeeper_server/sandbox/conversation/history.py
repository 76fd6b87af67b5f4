"""Conversations that were had, or still are: listed, read, heard, rated and deleted."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from starlette.responses import Response

from ..envelopes import Refusal, not_found
from ..paging import page
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Row, Snapshot
from . import analysis, retention
from .history_filters import ConversationsQuery, matches
from .history_view import name, rating, seconds, source, view

__all__ = ["ROUTES", "view"]


class ConversationQuery(Query):
    """The sandbox has no OpenTelemetry traces."""

    format: Literal["json", "opentelemetry"] = "json"


class FeedbackBody(Body):
    """A thumb, or what the widget sends: stars and words. Only the thumb is in the official schema."""

    feedback: Literal["like", "dislike"] | None = None
    rating: int | None = Field(default=None, ge=1, le=5)
    comment: str | None = None


async def index(call: Call[Body, ConversationsQuery]) -> dict[str, Any]:
    """GET /v1/convai/conversations"""
    query = call.query
    retention.sweep(call.setup.state, call.workspace, call.now)
    with call.reading() as rows:
        conversations = call.listed(rows, "conversation")
        agents = {agent["id"]: agent for agent in rows.all("agent")}
    chosen, cursor = page(
        [row for row in conversations if matches(row, query, _settings(agents.get(row["agent"])))],
        query.page_size,
        query.cursor,
        by="created",
        key=lambda row: row["created"],
        descending=query.sort_direction == "desc",
    )
    items = [_summary(row, agents.get(row["agent"]), query) for row in chosen]
    return {"conversations": items, "next_cursor": cursor, "has_more": cursor is not None}


def _settings(agent: Row | None) -> Row | None:
    return agent["settings"] if agent else None


def _summary(row: Row, agent: Row | None, query: ConversationsQuery) -> dict[str, Any]:
    found = analysis.analysis(row, _settings(agent))
    return {
        "agent_id": row["agent"],
        "branch_id": row["branch"],
        "version_id": row["version"],
        "agent_name": name(agent),
        "conversation_id": row["id"],
        "start_time_unix_secs": int(row["created"]),
        "call_duration_secs": seconds(row),
        "message_count": sum(turn["message"] is not None for turn in row["transcript"]),
        "status": row["status"],
        "termination_reason": row["reason"],
        "call_successful": found["call_successful"],
        "call_success_score": None,
        "transcript_summary": found["transcript_summary"] if query.summary_mode == "include" else None,
        "call_summary_title": None,
        "main_language": row["language"],
        "conversation_initiation_source": source(row),
        "tool_names": sorted({call["name"] for turn in row["transcript"] for call in turn["tool_calls"]}),
        "direction": None,
        "rating": rating(row)["rating"],
        "sentiment_analysis": None,
        "data_collection_results": _chosen(found["data_collection_results"], query.data_collection_ids),
        "evaluation_criteria_results": _judged(found, query.evaluation_criteria_ids),
        "tag_ids": [],
    }


def _chosen(results: Row, ids: list[str] | None) -> Row | None:
    return None if ids is None else {id: results[id] for id in ids if id in results}


def _judged(found: Row, ids: list[str] | None) -> Row | None:
    chosen = _chosen(found["evaluation_criteria_results"], ids)
    names = ("result", "score", "max_score")
    return chosen and {id: {name: item[name] for name in names} for id, item in chosen.items()}


async def read(call: Call[Body, ConversationQuery]) -> dict[str, Any]:
    """GET /v1/convai/conversations/{id}"""
    if call.query.format == "opentelemetry":
        raise Refusal(501, "not_implemented", "not_emulated", "The sandbox makes no OpenTelemetry traces.")
    with call.reading() as rows:
        row = _find(rows, call.id, call.now)
        agent = rows.get("agent", row["agent"])
    return view(row, agent, call.workspace)


async def audio(call: Call[Body, Query]) -> Response:
    """GET /v1/convai/conversations/{id}/audio"""
    with call.reading() as rows:
        over = "audio_at" in _find(rows, call.id, call.now)["deletion"]
        data = rows.kept(retention.AUDIO, call.id)
    if over or data is None:
        raise not_found("conversation_audio_not_found", f"Conversation {call.id} has no audio.", "conversation_id")
    return Response(data, media_type="audio/mpeg")


async def delete(call: Call[Body, Query]) -> None:
    """DELETE /v1/convai/conversations/{id}"""
    with call.rows() as rows:
        _find(rows, call.id, call.now)
        retention.delete(rows, call.id)


async def feedback(call: Call[FeedbackBody, Query]) -> None:
    """POST /v1/convai/conversations/{id}/feedback. The official schema has no key here: the id is secret enough."""
    state, given = call.setup.state, call.body.model_dump(include={"feedback", "rating", "comment"}, exclude_unset=True)
    workspace, now = call.workspace or state.owner("conversation", call.id) or "", call.now
    retention.sweep(state, workspace, now)
    with state.rows(workspace) as rows:
        row = _find(rows, call.id, now)
        rows.put("conversation", call.id, {**row, "rating": rating(row) | given})


def _find(rows: Snapshot, id: str, now: float) -> Row:
    row = rows.get("conversation", id)
    left = row and retention.settled(rows, row, now)
    if not left:
        raise not_found("conversation_not_found", f"Conversation with id {id} not found.", "conversation_id")
    return left


_PREFIX = "/v1/convai/conversations"
ROUTES = [
    route("GET", _PREFIX, index, query=ConversationsQuery, scope="convai_read"),
    route("GET", f"{_PREFIX}/{{id}}", read, query=ConversationQuery, scope="convai_read"),
    route("DELETE", f"{_PREFIX}/{{id}}", delete, scope="convai_write"),
    route("GET", f"{_PREFIX}/{{id}}/audio", audio, scope="convai_read"),
    route("POST", f"{_PREFIX}/{{id}}/feedback", feedback, body=FeedbackBody, public=True, scope="convai_write"),
]
