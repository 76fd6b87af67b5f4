"""What stands around every call of a tool by the model, and every answer of a person."""

from __future__ import annotations

from typing import Any

from google.adk.agents.invocation_context import InvocationContext
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext
from google.genai import types

from .answers import yes_or_no
from .asking import unwrapped
from .requests import PROCEDURES
from .tools import CONFIRMATION, WRITING


async def broken(tool: BaseTool, args: dict[str, Any], tool_context: ToolContext, error: Exception) -> dict[str, Any]:
    """What a tool raises, as a value that the model can read."""
    if type(tool) is BaseTool:  # ADK's stand-in for a name that the model made up
        return {"error": f"bad_input · there is no tool {tool.name[:60]} · nothing was done · call one that is offered"}
    return {"error": f"internal · {tool.name} broke: {type(error).__name__} · see list_companions · try again"}


async def one_at_a_time(tool: BaseTool, args: dict[str, Any], tool_context: ToolContext) -> dict[str, Any] | None:
    """Refuses all but the first of several calls at once that ask a person: an answer must be about one thing."""
    turns = [event.get_function_calls() for event in tool_context.session.events]
    own = tool_context.function_call_id
    together = [call for calls in turns if own in {call.id for call in calls} for call in calls]
    asking = [call.id for call in together if call.name in PROCEDURES or call.name in WRITING]
    if own not in asking[1:]:
        return None
    return {"error": "one at a time: call it again when the first has ended"}


class Answers(BasePlugin):
    """Reads a person's answer to a tool's question: only a plain yes is one, whatever shape it has.

    ADK would end the conversation over an answer that it can't read.
    """

    def __init__(self) -> None:
        super().__init__(name="answers")

    async def on_user_message_callback(
        self, *, invocation_context: InvocationContext, user_message: types.Content
    ) -> types.Content | None:
        parts = user_message.parts or []
        read = [_read(part) for part in parts]
        return None if read == parts else user_message.model_copy(update={"parts": read})


def _read(part: types.Part) -> types.Part:
    answer = part.function_response
    if answer is None or answer.name != CONFIRMATION:
        return part
    plain = {"confirmed": _yes(answer.response or {})}
    return part.model_copy(update={"function_response": answer.model_copy(update={"response": plain})})


def _yes(told: dict[str, Any]) -> bool:
    """As programs say it, as the developer page wraps that, and as people type it."""
    answer = unwrapped(told)
    value = answer.get("confirmed", answer.get("result"))
    return value is True or (isinstance(value, str) and yes_or_no(value) is True)
