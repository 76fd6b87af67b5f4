"""Pausing, resuming, forgetting and deleting: a person confirms what they have been shown, whatever the model says.

For what is deleted the tool server shows the effects and gives a token first; the token never leaves the procedure.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.adk.agents.context import Context
from google.adk.events.event import Event
from google.adk.workflow import START, Workflow, node

from storykeeper_tools.errors import NeedsConfirm, StorykeeperError
from storykeeper_tools.provisioning import goahead

from . import reporting
from .asking import ask_to_go, decided, failure, language, routed, stopped, typed
from .requests import Delete, Retire
from .server import Server
from .wording import say

_GENTLE = frozenset({"pause", "resume"})  # nothing is lost by them
_ANEW = "say it again, and look at what would go now"


@dataclass(frozen=True, slots=True)
class Retiring:
    """The nodes of both tools: `tool` is called with the arguments of the request."""

    server: Server
    tool: str

    async def propose(self, ctx: Context, node_input: Retire | Delete) -> Event:
        """What would be done; of a deletion all that would go, and the token that allows just that."""
        asked, spoken_in = node_input.model_dump(), language(ctx)
        about = " ".join(asked.values())
        if asked.get("action") in _GENTLE:
            question = say(spoken_in, asked["action"], companion=asked["companion"])
            return routed({"asked": asked, "about": about, "question": question, "language": spoken_in}, "ask")
        try:
            view = await self.server.call(ctx, self.tool, **asked)
        except StorykeeperError as error:
            return stopped(error, spoken_in)
        if view["status"] != "needs_confirm":
            return routed({"retired": view, "language": spoken_in}, "stop")
        shown = {"about": about, "question": reporting.effects(view, spoken_in), "word": view["of"]}
        # Where only a person's own yes counts there is no token, and the tool server asks about just this.
        goes = goahead.deletion(view["of"], view["effects"])
        asked["confirm"] = view["confirm"]
        return routed({"asked": asked, "goes": goes, **shown, "language": spoken_in}, "ask")

    async def confirm(self, ctx: Context, node_input: dict[str, Any]) -> AsyncIterator[Any]:
        """A yes is said too lightly for a deletion: that takes the id."""
        about, word, spoken_in = node_input["about"], node_input.get("word", ""), node_input["language"]
        go = typed(ctx, about, word) if word else decided(ctx, about)
        if go is None:
            payload = {"word": word} if word else {"action": node_input["asked"]["action"]}
            async for event in ask_to_go(ctx, about, node_input["question"], spoken_in, payload):
                yield event
        elif go:
            yield routed(node_input, "go")
        else:
            yield stopped(NeedsConfirm("it wasn't confirmed", exists="nothing was changed"), spoken_in, "declined")

    async def act(self, ctx: Context, node_input: dict[str, Any]) -> dict[str, Any]:
        asked, spoken_in, since = node_input["asked"], node_input["language"], time.monotonic()
        try:
            with self.server.ear.allowing(*([node_input["goes"]] if "goes" in node_input else [])):
                view = await self.server.call(ctx, self.tool, "confirmed", **asked)
            if view["status"] == "needs_confirm":
                raise NeedsConfirm(
                    "what would go is no longer what was shown", exists="nothing was deleted", next=_ANEW
                )
            while view["status"] == "forgetting":
                await self.server.again(since)
                again = {key: value for key, value in asked.items() if key != "confirm"}
                view = await self.server.call(ctx, self.tool, **again)
        except StorykeeperError as error:
            return failure(error, spoken_in, "waits")
        return {"retired": view, "language": spoken_in}

    async def report(self, node_input: dict[str, Any]) -> dict[str, Any]:
        if "error" in node_input:
            return {"report": reporting.refused(node_input), "error": node_input["error"]}
        view = node_input["retired"]
        told = reporting.retired(view, node_input["language"])
        return {"report": told, "of": view["of"], "status": view["status"]}


def procedure(tool: str, description: str, request: type[Retire] | type[Delete], server: Server) -> Workflow:
    retiring = Retiring(server, tool)
    propose = node(retiring.propose, name="propose", rerun_on_resume=True)
    confirm = node(retiring.confirm, name="confirm", rerun_on_resume=True)
    act = node(retiring.act, name="act", rerun_on_resume=True)
    report = node(retiring.report, name="report")
    return Workflow(
        name=tool,
        description=description,
        input_schema=request,
        edges=[
            (START, propose, {"ask": confirm, "stop": report}),
            (confirm, {"go": act, "stop": report}),
            (act, report),
        ],
    )
