"""The JSON frames of a conversation: those we send are built here, those we get are parsed here."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, ValidationError
from pydantic_core import PydanticCustomError, from_json

from ..schema import Part
from ..state import Row
from .ending import POLICY, Ended

_LONGEST_AUDIO = 2 * 1024 * 1024  # half a minute and more, where clients send a quarter of a second

Scalar = str | int | float | bool | None


class SourceInfo(Part):
    """Which client talks, by its own account."""

    source: str | None = None
    version: str | None = None


class Init(Part):
    """The first frame. Every official client sends empty objects where it has nothing to say."""

    conversation_config_override: Row = {}
    custom_llm_extra_body: Row = {}
    dynamic_variables: dict[str, Scalar] = {}
    user_id: str | None = None
    source_info: SourceInfo = SourceInfo()
    tool_mock_config: Row | None = None
    branch_id: str | None = None
    environment: str | None = None
    starting_workflow_node_id: str | None = None
    procedure_ids: list[str] | None = None


def _decoded(value: object) -> bytes:
    # Some clients leave the padding out.
    if not isinstance(value, str):
        raise PydanticCustomError("bytes_type", "Input should be base64 in a string")
    if len(value) > _LONGEST_AUDIO:
        raise PydanticCustomError("bytes_too_long", "Audio should come in chunks")
    return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)


class Audio(Part):
    """What the microphone heard; the only frame without a `type`."""

    user_audio_chunk: Annotated[bytes, BeforeValidator(_decoded)]


class Pong(Part):
    """The answer to a ping."""

    event_id: int


class Message(Part):
    """What the user typed."""

    text: str | None = None
    rich_content_id: str | None = None


class Context(Part):
    """What the agent should know without answering."""

    text: str
    context_id: str | None = None


class Activity(Part):
    """The user does something: the agent waits."""


class ToolResult(Part):
    """What a client tool gave back."""

    tool_call_id: str
    result: str | Row | list[Any] | int | float | bool | None = None
    is_error: bool = False


class Feedback(Part):
    """How the user liked a turn; null takes it back."""

    event_id: int | None = None
    score: Literal["like", "dislike"] | None = None


class Approval(Part):
    """Whether an MCP tool may run."""

    tool_call_id: str
    is_approved: bool


class Typed(Part):
    """The text inside a multimodal message."""

    type: Literal["user_message"] = "user_message"
    text: str = ""


class Multimodal(Part):
    """Text with files. The files aren't looked at."""

    text: Typed | None = None
    file: Row | None = None
    files: list[Row] = []


class Unknown(Part):
    """A frame of a type that the contract doesn't have; it is ignored."""


Frame = Init | Audio | Pong | Message | Context | Activity | ToolResult | Feedback | Approval | Multimodal | Unknown

_TYPES: dict[str, type[Frame]] = {
    "conversation_initiation_client_data": Init,
    "pong": Pong,
    "user_message": Message,
    "contextual_update": Context,
    "user_activity": Activity,
    "client_tool_result": ToolResult,
    "feedback": Feedback,
    "mcp_tool_approval_result": Approval,
    "multimodal_message": Multimodal,
}


def parse(raw: str | None) -> Frame:
    """A client's frame; `raw` is None for a binary one. What isn't a JSON object of the right shape ends the conversation."""
    try:
        data = from_json(raw or "", allow_inf_nan=False)
    except ValueError as error:
        raise Ended(POLICY, "Invalid message received: not JSON.") from error
    if not isinstance(data, dict):
        raise Ended(POLICY, "Invalid message received: not a JSON object.")
    return _validated(cast("Row", data))


def _validated(data: Row) -> Frame:
    kind = data.pop("type", None)
    model: type[Frame] = _TYPES.get(kind, Unknown) if isinstance(kind, str) else Unknown
    try:
        return (Audio if "user_audio_chunk" in data else model).model_validate(data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Ended(POLICY, f"Invalid message received: '{where[:60]}' is wrong.") from error


def metadata(conversation: str, output: str, input: str) -> Row:
    event = {"conversation_id": conversation, "agent_output_audio_format": output, "user_input_audio_format": input}
    return {
        "type": "conversation_initiation_metadata",
        "conversation_initiation_metadata_event": event,
    }


def ping(event: int, milliseconds: int | None) -> Row:
    # `ping_ms` is always there, if only as null: the official Python client breaks without it.
    return {"type": "ping", "ping_event": {"event_id": event, "ping_ms": milliseconds}}


def audio(event: int, data: bytes, alignment: Row) -> Row:
    encoded = base64.b64encode(data).decode()
    return {"type": "audio", "audio_event": {"audio_base_64": encoded, "event_id": event, "alignment": alignment}}


def transcript(event: int, text: str) -> Row:
    return {"type": "user_transcript", "user_transcription_event": {"user_transcript": text, "event_id": event}}


def response(event: int, text: str) -> Row:
    return {"type": "agent_response", "agent_response_event": {"agent_response": text, "event_id": event}}


def correction(event: int, original: str, corrected: str) -> Row:
    detail = {"original_agent_response": original, "corrected_agent_response": corrected, "event_id": event}
    return {"type": "agent_response_correction", "agent_response_correction_event": detail}


def part(event: int, kind: Literal["start", "delta", "stop"], text: str = "") -> Row:
    return {"type": "agent_chat_response_part", "text_response_part": {"text": text, "type": kind, "event_id": event}}


def interruption(event: int) -> Row:
    return {"type": "interruption", "interruption_event": {"event_id": event}}


def vad(score: float) -> Row:
    return {"type": "vad_score", "vad_score_event": {"vad_score": score}}


def tool_call(event: int, name: str, id: str, parameters: Row) -> Row:
    detail = {"tool_name": name, "tool_call_id": id, "parameters": parameters, "event_id": event}
    return {"type": "client_tool_call", "client_tool_call": detail}


def tool_request(event: int, name: str, id: str, kind: str) -> Row:
    detail = {"tool_name": name, "tool_call_id": id, "tool_type": kind, "event_id": event}
    return {"type": "agent_tool_request", "agent_tool_request": detail}


def tool_response(event: int, name: str, id: str, kind: str, *, failed: bool) -> Row:
    detail = {"tool_name": name, "tool_call_id": id, "tool_type": kind, "is_error": failed, "is_called": True}
    return {"type": "agent_tool_response", "agent_tool_response": {**detail, "event_id": event}}


def error(end: Ended) -> Row:
    return {
        "type": "error",
        "error_event": {"code": end.code, "message": end.reason, "error_type": end.kind, "reason": end.reason},
    }
