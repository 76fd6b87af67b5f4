"""What of the tool server the model sees: the single tools, told briefly; those that write wait for a person."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, cast

from google.adk.agents.readonly_context import ReadonlyContext
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.base_toolset import BaseToolset
from google.adk.tools.mcp_tool import McpTool
from google.adk.tools.tool_context import ToolContext
from google.genai import types

from storykeeper_tools.errors import NeedsConfirm, TimedOut

from .asking import by_person, unwrapped
from .server import refusal, seconds, text
from .sharing import Shared

CONFIRMATION = "adk_request_confirmation"
READING = frozenset(
    {
        "check_quota",
        "inspect_recording",
        "list_voices",
        "list_knowledge_base",
        "list_agents",
        "get_agent",
        "get_companion",
        "list_companions",
    }
)
# What each does to the world, as a question for the person.
WRITING: Mapping[str, str] = {
    "upload_knowledge_base": "Upload this to ElevenLabs as knowledge? Nothing is spent.",
    "create_agent": "Create this private agent at ElevenLabs? Nothing is spent.",
    "update_agent": "Change this agent at ElevenLabs? Nothing is spent.",
    "rehearse_companion": "Ask the companion what visitors may ask? It costs a few credits, unless its answers are known.",
    "get_signed_url": "Make a link? Whoever has it can talk to the companion; it opens within 15 minutes.",
}

# The whole of a message that plainly asks for a link to this id. Whatever is said in other words is asked about.
_LINK = (
    r"(?:please )?(?:(?:(?:give|send|get) me|make|make me|create|send) )?(?:(?:a|the) )?(?:signed )?(?:link|url)"
    r"(?: (?:for|to)(?: talk to)?)?(?: agent)? {0}(?:,? please)?[.!]?"
    r"|(?:please )?(?:share|talk to)(?: agent)? {0}(?:,? please)?[.!]?"
)

LONGEST = 6000  # characters of an answer

# Arguments that the assistant of a person hardly needs, and every model call would carry.
SELDOM = frozenset({"ids", "voice_ids", "wait_seconds", "again"})


class Told(BaseTool):
    """A tool of the server, declared without what a model needn't read, its answer as text only.

    The server is ours, so its descriptions stand as they are; what comes back from it may hold anybody's words.
    """

    def __init__(self, tool: McpTool, patience: float, whole: Shared) -> None:
        super().__init__(name=tool.name, description=tool.description)
        self._tool, self._patience, self._whole = tool, patience, whole

    def _get_declaration(self) -> types.FunctionDeclaration | None:
        schema = brief(self._tool.raw_mcp_tool.input_schema)
        return types.FunctionDeclaration(name=self.name, description=self.description, parameters_json_schema=schema)

    async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> dict[str, str]:
        try:
            async with asyncio.timeout(self._patience):
                with self._whole.used():
                    answer = await self._tool.run_async(args=args, tool_context=tool_context)
        except TimeoutError:
            return {"error": str(TimedOut(f"the tool server didn't answer {self.name}", exists="see list_companions"))}
        if answer.get("isError") or "structuredContent" not in answer:
            return {"error": str(refusal(self.name, answer))}
        return {"told": cut(text(answer))}


class Asked(Told):
    """A tool that writes or hands something out: what it is called with is shown to a person first."""

    async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> dict[str, str]:
        answer = tool_context.tool_confirmation
        if self.name == "get_signed_url" and asked_for(str(args.get("of")), tool_context):
            return await super().run_async(args=args, tool_context=tool_context)
        if answer is None:
            tool_context.request_confirmation(hint=f"{WRITING[self.name]}\n{shown(args)}")
            tool_context.actions.skip_summarization = True  # a pause is nothing for the model to tell about
            return {"error": "a person is asked first"}
        if not confirmed(tool_context):
            return {"error": str(NeedsConfirm(f"the person said no to {self.name}", exists="nothing was changed"))}
        return await super().run_async(args=args, tool_context=tool_context)


def cut(told: str) -> str:
    """As much as a model may read of one answer: it is sent with all that is said after it, too."""
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}\n… (there is more: ask more narrowly)"


def brief(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a model must know to call a tool. What was left out may be said all the same."""
    told = {name: field for name, field in schema.get("properties", {}).items() if name not in SELDOM}
    fields = {name: {k: v for k, v in field.items() if k != "default"} for name, field in told.items()}
    required = {"required": schema["required"]} if schema.get("required") else {}
    return {"type": "object", "properties": fields, **required}


def asked_for(id: str, ctx: ToolContext) -> bool:
    """Whether a person has just asked for a link to this very thing, and nothing else, and nothing that anybody may have
    written was read since: then they need not be asked whether they want it."""
    words = " ".join(part.text or "" for part in (ctx.user_content and ctx.user_content.parts) or [])
    now = [event for event in ctx.session.events if event.invocation_id == ctx.invocation_id]
    read = any(event.get_function_responses() for event in now)
    plainly = re.fullmatch(_LINK.format(re.escape(id)), words.strip(), re.I)
    return bool(plainly) and not read and by_person(ctx)


def confirmed(ctx: ToolContext) -> bool:
    """Whether the answer itself is `{"confirmed": true}`: ADK takes a 1 or an "on" for it, too."""
    events = ctx.session.events
    calls = [call for event in events for call in event.get_function_calls() if call.name == CONFIRMATION]
    mine = {call.id for call in calls if _original(call.args or {}).get("id") == ctx.function_call_id}
    answers = [
        answer.response or {} for event in events for answer in event.get_function_responses() if answer.id in mine
    ]
    return bool(answers) and unwrapped(answers[-1]).get("confirmed") is True


def _original(args: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", args.get("originalFunctionCall") or {})


def shown(args: Mapping[str, Any]) -> str:
    """The arguments of a call, a line each."""
    return "\n".join(f"- {name}: {_short(value)}" for name, value in args.items())


def _short(value: object) -> str:
    """On one line and without what can't be seen, so that nothing in it passes for another line; of a long text both
    ends, and how much there is of it."""
    told = ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)
    told = "".join(char for char in " ".join(told.split()) if char.isprintable())
    return told if len(told) <= 600 else f"{told[:300]} […{len(told)} characters in all…] {told[-300:]}"


class Chest(BaseToolset):
    """A view of the one connection to the tool server: a second toolset would be a second server."""

    def __init__(self, whole: Shared, names: frozenset[str], patience: Mapping[str, float]) -> None:
        super().__init__()
        self._whole = whole
        self._names = names
        self._patience = patience

    async def get_tools(self, readonly_context: ReadonlyContext | None = None) -> list[BaseTool]:
        offered = [tool for tool in await self._whole.get_tools(readonly_context) if tool.name in self._names]
        return [
            (Asked if tool.name in WRITING else Told)(tool, seconds(self._patience, tool.name), self._whole)
            for tool in offered
            if isinstance(tool, McpTool)
        ]

    async def close(self) -> None:
        await self._whole.close()
