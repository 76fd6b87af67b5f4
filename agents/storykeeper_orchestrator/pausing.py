"""What the orchestrator waits for, as whoever answers sees it: a procedure's question, or a tool's confirmation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from google.adk.events.event import Event
from google.genai import types

Kind = Literal["consent", "name", "visitors", "go_ahead", "deletion", "tool", "words"]
_TOOL, _INPUT = "adk_request_confirmation", "adk_request_input"
_KINDS: Mapping[str, Kind] = {"consent": "consent", "visitors": "visitors", "confirm": "go_ahead"}


@dataclass(frozen=True, slots=True)
class Pause:
    """`about` is the plan that a go-ahead is for, or the tool; a deletion is allowed by typing `word`; `of` is the call that waits."""

    id: str
    asks: str
    kind: Kind
    question: str
    about: Mapping[str, Any]
    word: str = ""
    of: str = ""

    @property
    def beforehand(self) -> bool:
        """Whether a yes said beforehand answers it: it spends or changes; nothing is deleted, stopped or handed out."""
        if self.kind == "tool":
            return self.about.get("tool") != "get_signed_url"
        deleted = any(step["action"] == "delete" for step in self.about.get("steps", ()))
        return self.kind == "go_ahead" and "action" not in self.about and not deleted

    def answered(self, value: str | bool) -> types.Content:
        """The message that goes on with it."""
        response = {"confirmed": value is True} if self.kind == "tool" else {"result": value}
        answer = types.FunctionResponse(id=self.id, name=self.asks, response=response)
        return types.Content(role="user", parts=[types.Part(function_response=answer)])


def pauses(event: Event) -> list[Pause]:
    """What an event asks."""
    waiting = set(event.long_running_tool_ids or ())
    return [_pause(call) for call in event.get_function_calls() if call.id in waiting and call.name in {_TOOL, _INPUT}]


def left_open(events: Sequence[Event]) -> dict[str, Pause]:
    """What was asked last and not answered; whoever said something else since has let it go."""
    waiting: dict[str, Pause] = {}
    for event in events:
        answers = {answer.id for answer in event.get_function_responses()}
        if event.author == "user" and not answers:
            waiting.clear()
        waiting |= {pause.id: pause for pause in pauses(event)}
        if event.author == "user":
            waiting = {id: pause for id, pause in waiting.items() if id not in answers}
    return waiting


def _pause(call: types.FunctionCall) -> Pause:
    args, id = call.args or {}, str(call.id)
    if call.name == _TOOL:
        hint = cast("Mapping[str, Any]", args.get("toolConfirmation") or {}).get("hint")
        original = cast("Mapping[str, Any]", args.get("originalFunctionCall") or {})
        return Pause(
            id,
            _TOOL,
            "tool",
            str(hint or f"Call {original.get('name')}?"),
            {"tool": original.get("name")},
            of=str(original.get("id")),
        )
    about = cast("Mapping[str, Any]", args.get("payload") or {})
    kind: Kind = "name" if id.startswith("consent name ") else _KINDS.get(id.partition(" ")[0], "words")
    word = str(about.get("word", ""))
    return Pause(id, _INPUT, "deletion" if word else kind, str(args.get("message", "")), about, word)
