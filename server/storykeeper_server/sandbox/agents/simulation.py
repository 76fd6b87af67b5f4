"""Conversations with a simulated user, run at once. The official file has called them deprecated since 2026.

The simulated user says given lines, see `simulated_user`, and the agent answers with its brain. Client tools aren't called:
a mock answers for each, by default with the official default. Nothing is kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field
from starlette.responses import Response

from .. import brain
from ..brain import Memory
from ..conversation import history_view
from ..conversation.tailoring import filled
from ..envelopes import Reply
from ..knowledge import rag
from ..routing import Call, route
from ..schema import Body, Part, Query
from ..state import Row
from . import agents
from .conversation_config import AgentConfig
from .platform_settings import Criterion
from .simulated_user import lines

_WORDS_A_SECOND = 2.5


class ToolMock(Part):
    """What stands in for a tool."""

    default_return_value: str = "Tool Called."
    default_is_error: bool = False


class GivenCall(Part):
    """A tool's call in the history that is continued."""

    type: str | None = None
    request_id: str
    tool_name: str
    params_as_json: str
    tool_has_been_called: bool
    tool_details: Row | None = None


class GivenResult(Part):
    """A tool's result in the history that is continued."""

    request_id: str
    tool_name: str
    result_value: str = ""
    is_error: bool = False
    is_blocked: bool = False
    tool_has_been_called: bool = True
    tool_latency_secs: float = 0
    error_type: str = ""
    raw_error_message: str = ""
    dynamic_variable_updates: list[Row] = []
    type: str | None = None
    result: Row | None = None


class GivenTurn(Part):
    """A turn of the history that is continued. What was said and done counts; the rest is accepted."""

    role: Literal["user", "agent"]
    time_in_call_secs: int
    agent_metadata: Row | None = None
    message: str | None = None
    multivoice_message: Row | None = None
    tool_calls: list[GivenCall] = []
    tool_results: list[GivenResult] = []
    feedback: Row | None = None
    llm_override: str | None = None
    producing_llm: str | None = None
    conversation_turn_metrics: Row | None = None
    rag_retrieval_info: Row | None = None
    llm_usage: Row | None = None
    interrupted: bool = False
    ignored_as_backchannel: bool = False
    original_message: str | None = None
    reasoning: list[Row] = []
    source_medium: Literal["audio", "text", "image", "file", "dtmf"] | None = None
    source_event_id: int | None = None
    used_static_kb_document_ids: list[str] = []
    user_identifier: str | None = None
    id: str | None = None
    triggered_guardrails: list[Row] = []


class Specification(Part):
    """Who talks to the agent, what was said before, and what its tools answer."""

    simulated_user_config: AgentConfig
    tool_mock_config: dict[str, ToolMock] = {}
    partial_conversation_history: list[GivenTurn] = []
    dynamic_variables: dict[str, Any] = {}


class SimulateBody(Body):
    """A simulation and what to judge it by."""

    simulation_specification: Specification
    extra_evaluation_criteria: list[Criterion] | None = None
    new_turns_limit: int = Field(default=10_000)


Simulate = Call[SimulateBody, Query]


async def simulate(call: Simulate) -> dict[str, Any]:
    """POST /v1/convai/agents/{id}/simulate-conversation"""
    view = await _run(call)
    return {"simulated_conversation": view["transcript"], "analysis": view["analysis"]}


async def stream(call: Simulate) -> Response:
    """POST /v1/convai/agents/{id}/simulate-conversation/stream. The file describes lists of turns and then the analysis;
    that each is a line of JSON is assumed."""
    view = await _run(call)
    parts: list[object] = [*([turn] for turn in view["transcript"]), {"analysis": view["analysis"]}]
    content = b"".join(bytes(Reply(part).body) + b"\n" for part in parts)
    return Response(content, media_type="application/json")


async def _run(call: Simulate) -> dict[str, Any]:
    with call.reading() as rows:
        agent = agents.find(rows, call.id)
        sources = rag.documents(rows, agent["settings"])
    # In a thread, because a large knowledge base takes a moment to read and others are waiting too.
    talk = await asyncio.to_thread(_talk, call.body, agent["settings"], sources)
    agent["settings"]["platform_settings"]["evaluation"]["criteria"] += [
        criterion.model_dump(mode="json") for criterion in call.body.extra_evaluation_criteria or []
    ]
    given = len(call.body.simulation_specification.partial_conversation_history)
    shown = talk if call.setup.switches.simulation_shows_history else talk[given:]
    return history_view.view(_row(call, agent, shown), agent, call.workspace)


def _talk(body: SimulateBody, settings: Row, sources: Sequence[brain.Source]) -> list[Row]:
    """All turns: those that were given, and as many new ones as the lines and the limit allow."""
    specification = body.simulation_specification
    turns = [_given(turn) for turn in specification.partial_conversation_history]
    asked = [turn["message"] for turn in turns if turn["role"] == "user" and turn["message"]]
    limit = len(turns) + max(0, body.new_turns_limit)
    agent: Row = settings["conversation_config"]["agent"]
    if not turns and agent["first_message"]:
        values = {**agent["dynamic_variables"]["dynamic_variable_placeholders"], **specification.dynamic_variables}
        turns.append(_turn(turns, "agent", filled(agent["first_message"], values)))
    memory = Memory(sources)
    for line in _left(lines(specification.simulated_user_config), asked):
        if len(turns) >= limit:
            break
        turns.append(_turn(turns, "user", line))
        reply = brain.reply(settings, memory, line, history=asked)
        asked.append(line)
        turns += _answered(turns, settings, reply, specification.tool_mock_config)
        if reply.ends:
            break
    return turns[:limit]


def _left(given: Sequence[str], asked: Sequence[str]) -> list[str]:
    # A history that already has the user's first lines is continued after them.
    start = next((n for n in range(len(given), 0, -1) if list(given[:n]) == list(asked[-n:])), 0)
    return list(given[start:])


def _answered(turns: Sequence[Row], settings: Row, reply: brain.Reply, mocks: dict[str, ToolMock]) -> list[Row]:
    found: list[Row] = []
    while tool := reply.tool:
        mock = mocks.get(tool.name, ToolMock())
        call: Row = {"name": tool.name, "id": tool.id, "type": "client"}
        result = {**call, "result": mock.default_return_value, "error": mock.default_is_error}
        called = {"tool_calls": [{**call, "parameters": tool.parameters}], "tool_results": [result]}
        found.append(_turn([*turns, *found], "agent", None) | called)
        reply = brain.after_tool(settings, tool, mock.default_return_value, mock.default_is_error)
    rag_on = settings["conversation_config"]["agent"]["prompt"]["rag"]["enabled"]
    sources = [{"document": one.document, "chunk": one.chunk, "distance": one.distance} for one in reply.sources]
    return [*found, _turn([*turns, *found], "agent", reply.text) | {"sources": sources if rag_on else []}]


def _turn(before: Sequence[Row], role: str, message: str | None) -> Row:
    """A turn at the time when the one before it has been spoken."""
    last = before[-1] if before else None
    at = last["at"] + max(1.0, len((last["message"] or "").split()) / _WORDS_A_SECOND) if last else 0.0
    said: Row = {"role": role, "message": message, "at": at, "medium": "text", "interrupted": False, "original": None}
    return said | {"tool_calls": [], "tool_results": [], "sources": [], "feedback": None}


def _given(turn: GivenTurn) -> Row:
    said: Row = {"role": turn.role, "message": turn.message, "at": float(turn.time_in_call_secs)}
    kept: Row = {"medium": turn.source_medium or "text", "interrupted": turn.interrupted}
    calls = [_tool(call) | {"parameters": _read(call.params_as_json)} for call in turn.tool_calls]
    results = [_tool(done) | {"result": done.result_value, "error": done.is_error} for done in turn.tool_results]
    more: Row = {"original": turn.original_message, "tool_calls": calls, "tool_results": results}
    return said | kept | more | {"sources": [], "feedback": None}


def _tool(used: GivenCall | GivenResult) -> Row:
    known = used.type in {"client", "webhook", "mcp", "system"}
    return {"name": used.tool_name, "id": used.request_id, "type": used.type if known else None}


def _read(text: str) -> Any:
    # What isn't JSON, or is nested too deeply for the parser, is kept as the text that it is.
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _row(call: Simulate, agent: Row, turns: Sequence[Row]) -> Row:
    """The simulation in the shape of a conversation that is over, to be shown and analysed like one."""
    return {
        "id": "",
        "created": call.now,
        "ended": call.now,
        "agent": agent["id"],
        "branch": agent["branch"],
        "version": agent["version"],
        "status": "done",
        "user": None,
        "text_only": True,
        "source": None,
        "source_version": None,
        "method": "signed_url",
        "reason": "",
        "error": None,
        "cost": 0,
        "client_data": {},
        "language": agent["settings"]["conversation_config"]["agent"]["language"],
        "transcript": list(turns),
        "rating": None,
        "has_user_audio": False,
        "has_response_audio": False,
    }


_PREFIX = "/v1/convai/agents/{id}/simulate-conversation"
ROUTES = [
    route("POST", _PREFIX, simulate, body=SimulateBody, scope="convai_write"),
    route("POST", f"{_PREFIX}/stream", stream, body=SimulateBody, scope="convai_write"),
]
