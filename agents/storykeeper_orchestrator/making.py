"""check, plan, consent, confirm, provision, poll, rehearse, report: an order that neither a model's mistake nor a memory's
text can change. Making a companion and changing one are the same procedure, of two kinds of request."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.adk.agents.context import Context
from google.adk.events.event import Event
from google.adk.workflow import START, Workflow, node

from storykeeper_tools.companion.spec import Audience
from storykeeper_tools.errors import NeedsConfirm, StorykeeperError
from storykeeper_tools.provisioning import goahead
from storykeeper_tools.provisioning.plan import Cost

from . import checking, reporting, sources
from .agreeing import Agreement
from .asking import ask, ask_to_go, decided, language, messages, routed, said, spoken, stopped
from .requests import PROCEDURES, Change, Make, Voice
from .server import Server
from .visitors import audience
from .wording import say

LONGEST = 2400.0  # seconds; a backstop behind what the server is waited for


@dataclass(frozen=True, slots=True)
class Making:
    """The nodes. What may go wrong is an outcome with an `error`; a node that raised would end the whole conversation."""

    server: Server
    request: type[Make] | type[Change]
    only_plan: bool = False

    async def check(self, ctx: Context, node_input: Make | Change) -> Event:
        """What needs no plan to be refused."""
        spoken_in = language(ctx)
        try:
            request = checking.checked(node_input, spoken(ctx.session.events, PROCEDURES), messages(ctx))
        except StorykeeperError as error:
            return stopped(error, spoken_in)
        return routed({"request": request.model_dump(), "language": spoken_in}, "go")

    async def plan(self, ctx: Context, node_input: dict[str, Any]) -> AsyncIterator[Any]:
        """The plan, and whom it is for where that wasn't said of a new companion."""
        request, spoken_in = self.request.model_validate(node_input["request"]), node_input["language"]
        try:
            draft = await self.server.call(ctx, "plan_companion", **request.planned())
            if isinstance(request, Make) and not request.audience and not draft["exists"]:
                whom = _visitors(ctx, draft["companion"], spoken_in)
                if self.only_plan:  # nobody is asked: it is told that they would be
                    draft["questions"] += [
                        {"code": "needs_answer", "ask": say(spoken_in, "visitors", name=request.name)}
                    ]
                elif whom is None:
                    async for event in _ask_visitors(ctx, draft["companion"], request.name, spoken_in):
                        yield event
                    return
                else:
                    request = request.model_copy(update={"audience": whom})
                    draft = await self.server.call(ctx, "plan_companion", "for visitors", **request.planned())
        except StorykeeperError as error:
            yield stopped(error, spoken_in)
            return
        told = {"draft": draft, "request": request.model_dump(), "language": spoken_in}
        voice = _voice(request, draft, spoken_in) if draft["questions"] and not self.only_plan else {}
        yield routed({**told, "voice": voice}, "ask" if draft["questions"] else "go")

    async def confirm(self, ctx: Context, node_input: dict[str, Any]) -> AsyncIterator[Any]:
        """A person's yes to the spending and to changes; nothing to ask where everything stays."""
        draft, spoken_in = node_input["draft"], node_input["language"]
        go = _nothing(draft) or decided(ctx, draft["plan_id"])
        if go is None:
            words = reporting.question(draft, node_input["request"], spoken_in)
            async for event in ask_to_go(ctx, draft["plan_id"], words, spoken_in, draft):
                yield event
        elif go:
            yield routed(node_input, "go")
        else:
            yield stopped(NeedsConfirm("the plan wasn't confirmed"), spoken_in, "declined")

    async def provision(self, ctx: Context, node_input: dict[str, Any]) -> Event:
        """The plan's run, begun or joined."""
        try:
            return await self._provisioned(ctx, node_input)
        except StorykeeperError as error:
            return stopped(error, node_input["language"], "waits")

    async def poll(self, ctx: Context, node_input: dict[str, Any]) -> Event:
        """Waits for a run that takes its time."""
        since = time.monotonic()
        try:
            while True:
                await self.server.again(since)
                event = await self._provisioned(ctx, node_input)
                if event.actions.route != "poll":
                    return event
        except StorykeeperError as error:
            return stopped(error, node_input["language"], "waits")

    async def _provisioned(self, ctx: Context, node_input: dict[str, Any]) -> Event:
        draft = node_input["draft"]
        # When the tool server asks the person too, it is about what they have confirmed here.
        parts = [] if _nothing(draft) else goahead.provisioning_of(draft["plan_id"], Cost.model_validate(draft["cost"]))
        with self.server.ear.allowing(*parts):
            view = await self.server.call(ctx, "provision_companion", plan_id=draft["plan_id"])
        if view["status"] in {"queued", "running"}:
            return routed(node_input, "poll")
        told = {"companion": view, "language": node_input["language"]}
        if view["status"] != "done":
            return routed(told, "report")
        return routed({**told, "talk": self.server.talk(view["companion"])}, "rehearse")

    async def rehearse(self, ctx: Context, node_input: dict[str, Any]) -> dict[str, Any]:
        """What the companion says, graded. A failed rule is reported, and one that can't be asked about is a warning:
        the companion is there. One that is as it was at its last rehearsal isn't asked again."""
        view, since = node_input["companion"], time.monotonic()
        try:
            done = await self.server.call(ctx, "rehearse_companion", companion=view["companion"])
            while done["status"] == "running":
                await self.server.again(since)
                done = await self.server.call(ctx, "rehearse_companion", companion=view["companion"])
        except StorykeeperError as error:
            why = say(node_input["language"], "unrehearsed", **error.row())
            return {**node_input, "companion": {**view, "warnings": [*view["warnings"], why]}}
        bad = [f"{a['question']}: {a['why']}" for a in done["answers"] if a["verdict"] != "pass"]
        return {
            **node_input,
            "rehearsal": {"passed": done["passed"], "failed": len(bad), "faults": bad, "next": done["next"]},
        }

    async def report(self, node_input: dict[str, Any]) -> dict[str, Any]:
        """The outcome: what a person is told, and the ids by which a program goes on."""
        return {"report": reporting.outcome(node_input), **reporting.brief(node_input)}


def _nothing(draft: dict[str, Any]) -> bool:
    """Whether everything stays as it is, so that there is nothing to ask."""
    return all(step["action"] == "keep" for step in draft["steps"])


def _visitors(ctx: Context, companion: str, spoken_in: str) -> Audience | None:
    """Who will talk to it, by the person's answer; None while it has to be asked for: at most twice, then the family."""
    first, second = (ctx.resume_inputs.get(id) for id in _asked(companion))
    if second is not None:
        return audience(said(second), spoken_in) or "family"
    return None if first is None else audience(said(first), spoken_in)


async def _ask_visitors(ctx: Context, companion: str, name: str, spoken_in: str) -> AsyncIterator[Any]:
    first, second = _asked(companion)
    question = say(spoken_in, "visitors", name=name)
    again = first in ctx.resume_inputs
    words = say(spoken_in, "again", question=question) if again else question
    async for event in ask(second if again else first, words):
        yield event


def _asked(companion: str) -> tuple[str, str]:
    return f"visitors {companion}", f"visitors again {companion}"


def _voice(request: Make | Change, draft: dict[str, Any], spoken_in: str) -> dict[str, Any]:
    """What a consent would be about."""
    asked = draft["questions"][0]
    return Voice(
        name=asked["name"],
        deceased=asked["deceased"],
        relation=getattr(request, "relation", ""),
        files=sources.each(sources.recordings(request.recordings, draft["recordings"])),
        recordings=request.recordings,
        language=spoken_in,
        target={"companion": draft["plan_id"]},  # a yes is to the plan that was asked about
        key=draft["plan_id"],
    ).model_dump()


def procedure(
    name: str,
    description: str,
    request: type[Make] | type[Change],
    server: Server,
    agreement: Agreement,
    *,
    only_plan: bool,
) -> Workflow:
    """The procedure, as a tool of the agent: its steps in their order, with the ways out."""
    making = Making(server, request, only_plan)
    check = node(making.check, name="check")
    plan = node(making.plan, name="plan", rerun_on_resume=True)
    agree = node(agreement.__call__, name="agree", rerun_on_resume=True)
    confirm = node(making.confirm, name="confirm", rerun_on_resume=True)
    record = node(agreement.record, name="record", rerun_on_resume=True)
    provision = node(making.provision, name="provision", rerun_on_resume=True, timeout=LONGEST)
    poll = node(making.poll, name="poll", rerun_on_resume=True, timeout=LONGEST)
    rehearse = node(making.rehearse, name="rehearse", rerun_on_resume=True, timeout=LONGEST)
    report = node(making.report, name="report")
    whole: list[Any] = [
        (START, check, {"go": plan, "stop": report}),
        (plan, {"ask": agree, "go": confirm, "stop": report}),
        (agree, {"go": confirm, "stop": report}),
        (confirm, {"go": record, "stop": report}),
        (record, {"go": provision, "stop": report}),
        (provision, {"poll": poll, "rehearse": rehearse, "report": report, "stop": report}),
        (poll, {"rehearse": rehearse, "report": report, "stop": report}),
        (rehearse, report),
    ]
    return Workflow(
        name=name,
        description=description,
        input_schema=request,
        edges=[(START, check, {"go": plan, "stop": report}), (plan, report)] if only_plan else whole,
    )
