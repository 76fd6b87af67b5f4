"""What is said about a conversation that is over. No language model reads it: only what is plain is told."""

from __future__ import annotations

import re
from typing import Any

from ..state import Row

UNJUDGED = "The sandbox has no language model to judge this."
_NOTHING_WANTED: Row = {"evaluation": {"criteria": []}, "data_collection": {}}
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


def verdict(row: Row) -> str:
    """`failure` if the conversation broke off, `success` if both sides spoke, else `unknown`."""
    if row["status"] == "failed" or row["error"]:
        return "failure"
    speakers = {turn["role"] for turn in row["transcript"] if turn["message"]}
    return "success" if row["status"] == "done" and speakers == {"user", "agent"} else "unknown"


def summary(row: Row) -> str:
    """The first and the last sentence, said to be just that."""
    sentences = [
        f'{turn["role"]}: "{sentence}"'
        for turn in row["transcript"]
        for sentence in _SENTENCE_END.split((turn["message"] or "").strip())
        if sentence
    ]
    ends = sentences[:1] + sentences[1:][-1:]
    return f"[Not made by a language model: first and last sentence.] {' … '.join(ends) or 'Nothing was said.'}"


def analysis(row: Row, settings: Row | None) -> dict[str, Any]:
    """The analysis of a conversation that is over; each criterion and each datum of the agent is left open."""
    wanted: Row = settings["platform_settings"] if settings else _NOTHING_WANTED
    criteria = [_criterion(item) for item in wanted["evaluation"]["criteria"]]
    data = [_datum(id, item) for id, item in wanted["data_collection"].items()]
    return {
        "evaluation_criteria_results": {item["criteria_id"]: item for item in criteria},
        "data_collection_results": {item["data_collection_id"]: item for item in data},
        "evaluation_criteria_results_list": criteria,
        "data_collection_results_list": data,
        "call_successful": verdict(row),
        "call_success_score": None,
        "transcript_summary": summary(row),
        "call_summary_title": None,
        "scoped": [],
    }


def _criterion(item: Row) -> dict[str, Any]:
    return {
        "criteria_id": item["id"],
        "result": "unknown",
        "rationale": UNJUDGED,
        "scoring_mode": item["scoring_mode"],
        "score": None,
        "max_score": None,
    }


def _datum(id: str, item: Row) -> dict[str, Any]:
    schema = {name: value for name, value in item.items() if name not in {"name", "llm"}}
    return {
        "data_collection_id": id,
        "name": item["name"],
        "value": None,
        "json_schema": schema,
        "rationale": UNJUDGED,
    }
