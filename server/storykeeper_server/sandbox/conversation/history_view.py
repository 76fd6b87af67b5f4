"""A conversation as GET shows it and as post-call webhooks carry it."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args

from pydantic import ValidationError

from .. import auth
from ..agents.conversation_config import ClientOverride
from ..schema import strip
from ..state import Row
from . import analysis

Source = Literal[
    "unknown",
    "android_sdk",
    "node_js_sdk",
    "react_native_sdk",
    "react_sdk",
    "js_sdk",
    "python_sdk",
    "widget",
    "sip_trunk",
    "twilio",
    "exotel",
    "genesys",
    "avaya",
    "audiocodes",
    "swift_sdk",
    "whatsapp",
    "twilio_sms",
    "flutter_sdk",
    "zendesk_integration",
    "slack_integration",
    "telegram_integration",
    "intercom_integration",
    "freshdesk_integration",
    "salesforce_integration",
    "template_preview",
    "genesys_bot_connector",
    "subagent_tool",
]
_EMBEDDING = "e5_mistral_7b_instruct"
_LONGEST_VERSION = 50


def view(row: Row, agent: Row | None, workspace: str) -> dict[str, Any]:
    """The whole of a conversation; `agent` is None when it was deleted meanwhile."""
    over, audio = row["status"] in {"done", "failed"}, row["has_user_audio"] or row["has_response_audio"]
    return {
        "agent_id": row["agent"],
        "agent_name": name(agent),
        "status": row["status"],
        "user_id": row["user"],
        "branch_id": row["branch"],
        "version_id": row["version"],
        "metadata": _metadata(row, auth.user(workspace)),
        "analysis": analysis.analysis(row, agent["settings"] if agent else None) if over else None,
        "visited_agents": [{"agent_id": row["agent"], "branch_id": row["branch"]}],
        "conversation_initiation_client_data": _client_data(row),
        "environment": "production",
        "conversation_id": row["id"],
        "has_audio": audio,
        "has_user_audio": row["has_user_audio"],
        "has_response_audio": row["has_response_audio"],
        "has_auxiliary_audio": False,
        "transcript": _turns(row),
        "tag_ids": [],
    }


def name(agent: Row | None) -> str | None:
    """The agent's name, unless it was deleted."""
    return agent["settings"]["name"] if agent else None


def seconds(row: Row) -> int:
    """How long the conversation lasted; 0 while it goes on."""
    return 0 if row["ended"] is None else int(row["ended"] - row["created"])


def source(row: Row) -> str:
    """Which client began the conversation; what clients say of themselves may be anything."""
    return row["source"] if row["source"] in get_args(Source) else "unknown"


def rating(row: Row) -> Row:
    """What the user thought of the conversation: stars, words and a thumb, each of them None if it wasn't given."""
    return {"rating": None, "comment": None, "feedback": None, **(row["rating"] or {})}


def _metadata(row: Row, user: str) -> dict[str, Any]:
    return {
        "start_time_unix_secs": int(row["created"]),
        "accepted_time_unix_secs": int(row["created"]),
        "call_duration_secs": seconds(row),
        "cost": row["cost"],
        "deletion_settings": _deletion(row.get("deletion", {})),
        "feedback": _feedback(row),
        "authorization_method": row["method"],
        "charging": {"call_charge": row["cost"]},
        "phone_call": None,
        "batch_call": None,
        "termination_reason": row["reason"],
        "error": row["error"],
        "warnings": [],
        "main_language": row["language"],
        "rag_usage": _rag_usage(row),
        "text_only": row["text_only"],
        "features_usage": {"versioning": {"enabled": True, "used": False}},
        "initiator_id": user if row["method"] == "signed_url" else None,
        "conversation_initiation_source": source(row),
        "conversation_initiation_source_version": _version(row),
        "timezone": None,
        "agent_created_from": "api",
        "agent_last_updated_from": "api",
        "voice_rewards": [],
        "cost_fiat": None,
    }


def _deletion(deletion: Row) -> dict[str, Any]:
    times = {
        "deletion_time_unix_secs": deletion.get("time"),
        "deleted_audio_at_time_unix_secs": deletion.get("audio_at"),
        "deleted_transcript_at_time_unix_secs": deletion.get("transcript_at"),
    }
    return {
        **{name: None if time is None else int(time) for name, time in times.items()},
        "deleted_logs_at_time_unix_secs": None,
        "delete_transcript_and_pii": deletion.get("delete_transcript_and_pii", False),
        "delete_audio": deletion.get("delete_audio", False),
    }


def _feedback(row: Row) -> dict[str, Any]:
    given = rating(row)
    scores = [turn["feedback"] for turn in row["transcript"]]
    kind = "rating" if given["rating"] is not None else "thumbs" if given["feedback"] or any(scores) else None
    return {
        "type": kind,
        "overall_score": given["feedback"],
        "likes": scores.count("like"),
        "dislikes": scores.count("dislike"),
        "rating": given["rating"],
        "comment": given["comment"],
    }


def _rag_usage(row: Row) -> dict[str, Any] | None:
    used = sum(bool(turn["sources"]) for turn in row["transcript"])
    return {"usage_count": used, "embedding_model": _EMBEDDING} if used else None


def _client_data(row: Row) -> dict[str, Any]:
    data = row["client_data"]
    return {
        "conversation_config_override": _override(data.get("conversation_config_override")),
        "custom_llm_extra_body": data.get("custom_llm_extra_body") or {},
        "user_id": row["user"],
        "source_info": {"source": source(row), "version": _version(row)},
        "branch_id": None,
        "environment": None,
        "dynamic_variables": data.get("dynamic_variables") or {},
    }


def _version(row: Row) -> str | None:
    return row["source_version"] and row["source_version"][:_LONGEST_VERSION]


def _override(sent: object) -> dict[str, Any]:
    # The client's words, as far as they mean anything: the Python SDK has a field of its own at the top.
    try:
        known = ClientOverride.model_validate(sent or {})
    except ValidationError:
        return {}
    strip(known)
    return known.model_dump(mode="json", exclude_unset=True)


def _turns(row: Row) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    asked = ""
    for turn in row["transcript"]:
        if turn["role"] == "user":
            asked = turn["message"] or ""
        shown.append(_turn(turn, row, asked))
    return shown


def _turn(turn: Row, row: Row, asked: str) -> dict[str, Any]:
    at = int(turn["at"])
    agent = {"agent_id": row["agent"], "branch_id": row["branch"], "version_id": row["version"]}
    return {
        "role": turn["role"],
        "agent_metadata": agent if turn["role"] == "agent" else None,
        "message": turn["message"],
        "tool_calls": [_tool_call(call, turn) for call in turn["tool_calls"]],
        "tool_results": [_tool_result(result) for result in turn["tool_results"]],
        "feedback": {"score": turn["feedback"], "time_in_call_secs": at} if turn["feedback"] else None,
        "time_in_call_secs": at,
        "conversation_turn_metrics": None,
        "rag_retrieval_info": _retrieval(turn["sources"], asked) if turn["sources"] else None,
        "llm_usage": None,
        "interrupted": turn["interrupted"],
        "original_message": turn["original"],
        "source_medium": turn["medium"],
    }


def _tool_call(call: Row, turn: Row) -> dict[str, Any]:
    parameters = json.dumps(call["parameters"])
    client = {"type": "client", "parameters": parameters}
    return {
        "type": call["type"],
        "request_id": call["id"],
        "tool_name": call["name"],
        "params_as_json": parameters,
        "tool_has_been_called": any(result["id"] == call["id"] for result in turn["tool_results"]),
        "tool_details": client if call["type"] == "client" else None,
    }


def _tool_result(result: Row) -> dict[str, Any]:
    shown = {
        "request_id": result["id"],
        "tool_name": result["name"],
        "result_value": result["result"],
        "is_error": result["error"],
        "tool_has_been_called": True,
        "type": result["type"],
    }
    return {**shown, "result": None} if result["type"] == "system" else shown


def _retrieval(sources: list[Row], asked: str) -> dict[str, Any]:
    chunks = [
        {"document_id": item["document"], "chunk_id": item["chunk"], "vector_distance": item["distance"]}
        for item in sources
    ]
    ids = [item["chunk"] for item in sources]
    return {
        "chunks": chunks,
        "embedding_model": _EMBEDDING,
        "retrieval_query": asked,
        "rag_latency_secs": 0.0,
        "used_chunk_ids": ids,
    }
