"""The filters of the list of conversations: all that the official schema has.

Filters on what no conversation has here (phone calls, workflows, procedures, topics, tags, guardrails) leave nothing
over.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, Literal

from pydantic import Field

from ..schema import Query
from ..state import Row
from . import analysis
from .history_view import Source, rating, seconds, source

Status = Literal["initiated", "in-progress", "processing", "done", "failed"]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_NOWHERE = (
    "triggered_procedure_ids",
    "parent_conversation_id",
    "topic_ids",
    "tag_ids",
    "workflow_node_entered_id",
    "guardrail_types",
    "custom_guardrail_names",
)


class ConversationsQuery(Query):
    """Filters; those that repeat match any of their values."""

    cursor: str | None = None
    agent_id: str | None = None
    visited_agent_ids: list[str] | None = Field(default=None, max_length=50)
    visited_agent_branch_ids: list[str] | None = Field(default=None, max_length=50)
    triggered_procedure_ids: list[str] | None = Field(default=None, max_length=50)
    call_successful: Literal["success", "failure", "unknown", "error"] | None = None
    call_start_before_unix: int | None = None
    call_start_after_unix: int | None = None
    call_duration_min_secs: int | None = None
    call_duration_max_secs: int | None = None
    rating_max: int | None = Field(default=None, ge=1, le=5)
    rating_min: int | None = Field(default=None, ge=1, le=5)
    has_feedback_comment: bool | None = None
    user_id: str | None = None
    evaluation_params: list[str] | None = None
    data_collection_params: list[str] | None = None
    dynamic_variable_params: list[str] | None = None
    data_collection_ids: list[str] | None = None
    evaluation_criteria_ids: list[str] | None = None
    tool_names: list[str] | None = None
    tool_names_successful: list[str] | None = None
    tool_names_errored: list[str] | None = None
    include_invalid_tool_calls: bool = False
    main_languages: list[str] | None = None
    page_size: int = Field(default=30, ge=1, le=100)
    summary_mode: Literal["exclude", "include"] = "exclude"
    search: str | None = None
    conversation_initiation_source: Source | None = None
    text_only: bool | None = None
    conversation_product_type: Literal["agents", "speech_engine"] | None = None
    branch_id: str | None = None
    version_id: str | None = None
    parent_conversation_id: str | None = None
    topic_ids: list[str] | None = None
    exclude_statuses: list[Status] | None = None
    tag_ids: list[str] | None = None
    workflow_node_entered_id: str | None = None
    termination_reasons: list[str] | None = None
    guardrail_types: list[str] | None = None
    custom_guardrail_names: list[str] | None = None
    sort_direction: Literal["asc", "desc"] = "desc"


def matches(row: Row, query: ConversationsQuery, settings: Row | None) -> bool:
    """Whether a conversation passes; `settings` are its agent's, None if the agent was deleted."""
    return all(
        (
            not any(getattr(query, name) for name in _NOWHERE),
            query.conversation_product_type != "speech_engine",
            *_of_whom(row, query),
            *_of_numbers(row, query),
            *_of_words(row, query),
            *_of_tools(row, query),
            *_of_analysis(row, query, settings),
        )
    )


def _of_whom(row: Row, query: ConversationsQuery) -> Iterator[bool]:
    yield query.agent_id in (None, row["agent"])
    yield _any_of(query.visited_agent_ids, {row["agent"]})
    yield _any_of(query.visited_agent_branch_ids, {row["branch"]})
    yield query.branch_id in (None, row["branch"])
    yield query.version_id in (None, row["version"])
    yield query.user_id in (None, row["user"])
    yield query.conversation_initiation_source in (None, source(row))


def _of_numbers(row: Row, query: ConversationsQuery) -> Iterator[bool]:
    yield _within(row["created"], query.call_start_after_unix, query.call_start_before_unix)
    yield _within(seconds(row), query.call_duration_min_secs, query.call_duration_max_secs)
    yield _within(rating(row)["rating"], query.rating_min, query.rating_max)


def _of_words(row: Row, query: ConversationsQuery) -> Iterator[bool]:
    comment = bool(rating(row)["comment"])
    text = " ".join(turn["message"] or "" for turn in row["transcript"]).casefold()
    yield query.has_feedback_comment in (None, comment)
    yield query.text_only in (None, row["text_only"])
    yield row["status"] not in (query.exclude_statuses or ())
    yield _any_of(query.termination_reasons, {row["reason"]})
    yield _any_of(query.main_languages, {row["language"]})
    yield all(word in text for word in (query.search or "").casefold().split())
    yield all(_variable(row, wanted) for wanted in query.dynamic_variable_params or ())


def _of_tools(row: Row, query: ConversationsQuery) -> Iterator[bool]:
    ran = [result for turn in row["transcript"] for result in turn["tool_results"]]
    # A call without a result never ran.
    asked = {call["name"] for turn in row["transcript"] for call in turn["tool_calls"]}
    names = {result["name"] for result in ran}
    yield _any_of(query.tool_names, names | asked if query.include_invalid_tool_calls else names)
    yield _any_of(query.tool_names_successful, {result["name"] for result in ran if not result["error"]})
    yield _any_of(query.tool_names_errored, {result["name"] for result in ran if result["error"]})


def _of_analysis(row: Row, query: ConversationsQuery, settings: Row | None) -> Iterator[bool]:
    found = analysis.analysis(row, settings)
    results = {item["criteria_id"]: item["result"] for item in found["evaluation_criteria_results_list"]}
    yield query.call_successful in (None, found["call_successful"])
    for wanted in query.evaluation_params or ():
        id, _, result = wanted.rpartition(":")
        yield results.get(id) == result
    for wanted in query.data_collection_params or ():
        # Nothing is ever collected, so that only "missing" is true of a datum.
        yield wanted.split(":")[1:2] == ["missing"]


def _any_of(wanted: list[str] | None, found: set[str]) -> bool:
    return not wanted or not found.isdisjoint(wanted)


def _within(value: float | None, least: int | None, most: int | None) -> bool:
    if value is None:
        return least is None and most is None
    return (least is None or value >= least) and (most is None or value <= most)


def _variable(row: Row, wanted: str) -> bool:
    name, _, rest = wanted.partition(":")
    compare, _, value = rest.partition(":")
    found = row["client_data"].get("dynamic_variables", {}).get(name)
    if found is None or compare not in _COMPARE:
        return False
    if compare == "eq":
        return value in (found, str(found), str(found).lower())
    try:
        return _COMPARE[compare](float(found), float(value))
    except ValueError:
        return False
