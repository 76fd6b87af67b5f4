"""plan, consent, confirm, provision, rehearse, report: an order that neither a model's mistake nor a memory's text can change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from google.adk.agents.context import Context
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.events.request_input import RequestInput
from google.adk.tools.base_toolset import BaseToolset
from google.adk.workflow import START, Workflow, node
from google.genai import types
from pydantic import BaseModel, Field

from storykeeper_tools.errors import BadInput, NeedsConfirm, NeedsConsent, StorykeeperError, from_text

from . import consent
from .consent import Given
from .hearing import Ear

NAME = "make_companion"
LONGEST = 1800.0
POLL = 2.0


class Request(BaseModel):
    """Whose companion to make, from what, and what was said about consent."""

    name: Annotated[str, Field(description="The person's name; empty only for a correction")] = ""
    recordings: Annotated[list[str], Field(description="Audio files, or folders; none only for a correction")] = []
    memories: Annotated[list[str], Field(description="Texts, or folders of them")] = []
    memory_id: Annotated[str, Field(description="Of memories in Firestore, if the person names one")] = ""
    relation: Annotated[str, Field(description="To the keeper: mother, friend, ...")] = ""
    deceased: bool = False
    language: Annotated[str, Field(description="ISO 639-1")] = "en"
    wishes: Annotated[str, Field(description="How it should speak")] = ""
    companion: Annotated[
        str, Field(description="`new`, or an id, when there are several of that name; or the one to correct")
    ] = ""
    corrections: Annotated[list[str], Field(description="Statements of the person's that outrank memories")] = []
    consent_statement: Annotated[str, Field(description="What the person said about consent, word for word")] = ""

    @property
    def amends(self) -> bool:
        """Whether it is about a companion that there is, rather than one to make."""
        return bool(self.companion and self.corrections and not self.recordings)

    def planned(self) -> dict[str, Any]:
        """The arguments of `plan_companion`."""
        if self.amends:
            return {"companion": self.companion, "changes": {"add_corrections": self.corrections}}
        return {"spec": self.spec()}

    def spec(self) -> dict[str, Any]:
        """Only what was said: of a companion that there is already, the rest stays as it is."""
        who = {"name": self.name, "relation": self.relation, "status": "deceased" if self.deceased else ""}
        said = {
            "companion": self.companion,
            "subject": {key: value for key, value in who.items() if value},
            "language": self.language if "language" in self.model_fields_set else "",
            "recordings": self.recordings,
            "memories": self.memories,
            "memory_id": self.memory_id,
            "corrections": self.corrections,
            "wishes": self.wishes,
        }
        return {key: value for key, value in said.items() if value}

    def consent(self, heard: str) -> Given | None:
        """The consent in the statement, if the person really said it: a model may have made it up."""
        given = consent.found(heard, self.name, relation=self.relation, deceased=self.deceased)
        return given if given and given.statement == self.consent_statement.strip() else None


@dataclass(frozen=True, slots=True)
class Server:
    """The tool server, as the nodes of a workflow call it."""

    tools: BaseToolset
    ear: Ear

    async def call(self, ctx: Context, name: str, run: str | None = None, **arguments: Any) -> dict[str, Any]:
        """A tool's structured result. Raises what the tool refused with. After a pause a call is answered as it was
        before it, unless it is a `run` of its own."""
        try:
            found = {tool.name: tool for tool in await self.tools.get_tools(ctx)}
        except ConnectionError:
            raise StorykeeperError("the tool server did not start", next="run `storykeeper mcp` to see why") from None
        if name not in found:
            raise BadInput(
                f"the tool server doesn't offer {name}", next="unset STORYKEEPER_READ_ONLY, or allow the tool"
            )
        answer: dict[str, Any] = await ctx.run_node(found[name], node_input=arguments, run_id=run)
        if answer.get("isError") or "structuredContent" not in answer:
            raise from_text(text(answer))
        return dict(answer["structuredContent"])


@dataclass(frozen=True, slots=True)
class Procedure:
    """The nodes. What may go wrong is an outcome with an `error`; a node that raised would end the whole conversation."""

    server: Server

    async def plan(self, ctx: Context, node_input: Request) -> AsyncIterator[Event]:
        try:
            draft = await self.server.call(ctx, "plan_companion", **node_input.planned())
            if node_input.amends and draft["questions"]:
                again = f"storykeeper consent {draft['companion']}"
                raise NeedsConsent("no consent to this voice holds any more", exists="nothing was changed", next=again)
        except StorykeeperError as error:
            yield stopped(error)
            return
        ctx.state["request"] = node_input.model_dump(exclude_unset=True)
        ctx.state["draft"] = draft
        yield routed(draft, "ask" if draft["questions"] else "go")

    async def agree(self, ctx: Context, request: dict[str, Any], draft: dict[str, Any]) -> AsyncIterator[Any]:
        """Consent: as it was stated with the wish, or as the person answers now; in their words."""
        asked = Request.model_validate(request)
        question = consent.question(asked.name, ", ".join(draft["recordings"]), deceased=asked.deceased)
        try:
            given = self._answered(ctx, question, asked)
            if given and given.granted_by == consent.KEEPER and "consent name" not in ctx.resume_inputs:
                async for event in ask("consent name", "What is your name? It stands in the record.", str):
                    yield event
                return
            if await (self._record(ctx, draft, given) if given else self._stated(ctx, draft, asked)):
                yield routed(draft, "go")
                return
        except StorykeeperError as error:
            yield stopped(error)
            return
        first = "consent" not in ctx.resume_inputs
        words = question if first else consent.again(question, deceased=asked.deceased)
        async for event in ask("consent" if first else "consent again", words, str):
            yield event

    async def _record(self, ctx: Context, draft: dict[str, Any], given: Given) -> bool:
        """What the person has answered; when the tool server asks them too, that is its answer."""
        by = said(ctx.resume_inputs.get("consent name")) or given.granted_by
        words = given.model_dump() | {"granted_by": by if given.granted_by == consent.KEEPER else given.granted_by}
        async with self.server.ear.hearing(answered=True):
            await self.server.call(ctx, "record_consent", "answered", companion=draft["companion"], **words)
        return True

    async def _stated(self, ctx: Context, draft: dict[str, Any], asked: Request) -> bool:
        """What was said with the wish, where that counts; where only an answer does, it has to be asked for."""
        given = asked.consent(spoken(ctx.session.events))
        if given is None:
            return False
        async with self.server.ear.hearing(answered=False):
            try:
                await self.server.call(ctx, "record_consent", companion=draft["companion"], **given.model_dump())
            except NeedsConsent:
                return False
        return True

    def _answered(self, ctx: Context, question: str, asked: Request) -> Given | None:
        """The consent in the person's answer. None while it has to be asked for, at most twice; a no is an error."""
        answer = said(ctx.resume_inputs.get("consent again", ctx.resume_inputs.get("consent")))
        if "consent" not in ctx.resume_inputs:
            return None
        try:
            return consent.answered(question, answer, asked.name, deceased=asked.deceased)
        except NeedsConsent:
            if "consent again" in ctx.resume_inputs or consent.denied(answer):
                raise
            return None

    async def confirm(self, ctx: Context, draft: dict[str, Any]) -> AsyncIterator[Any]:
        """A person's yes to the spending and to changes; nothing to ask where everything stays."""
        if all(step["action"] == "keep" for step in draft["steps"]) or agreed(ctx.resume_inputs.get("confirm")):
            yield routed(draft, "go")
        elif "confirm" in ctx.resume_inputs:
            yield stopped(NeedsConfirm("the plan wasn't confirmed"))
        else:
            async for event in ask("confirm", summary(draft), bool):
                yield event

    async def provision(self, ctx: Context, draft: dict[str, Any]) -> AsyncIterator[Event]:
        try:
            view = await self.server.call(ctx, "provision_companion", plan_id=draft["plan_id"])
            while view["status"] in {"queued", "running"}:
                await asyncio.sleep(POLL)
                view = await self.server.call(ctx, "provision_companion", plan_id=draft["plan_id"])
        except StorykeeperError as error:
            yield stopped(error)
            return
        yield routed({"companion": view}, "rehearse" if view["status"] == "done" else "report")

    async def rehearse(self, ctx: Context, node_input: dict[str, Any]) -> dict[str, Any]:
        """What the companion says, graded. A failed rule is reported, and one that can't be asked about is a warning:
        the companion is there. One that is as it was at its last rehearsal isn't asked again."""
        view = dict(node_input["companion"])
        try:
            done = await self.server.call(ctx, "rehearse_companion", companion=view["companion"])
            while done["status"] == "running":
                await asyncio.sleep(POLL)
                done = await self.server.call(ctx, "rehearse_companion", companion=view["companion"])
        except StorykeeperError as error:
            view["warnings"] = [*view["warnings"], f"it wasn't rehearsed ({error.code}): {error.what}; {error.next}"]
            return {"companion": view}
        bad = [f"{a['question']}: {a['why']}" for a in done["answers"] if a["verdict"] != "pass"]
        outcome = {"passed": done["passed"], "failed": len(bad), "faults": bad, "next": done["next"]}
        return {"companion": view, "rehearsal": outcome}

    async def report(self, node_input: dict[str, Any]) -> dict[str, Any]:
        return node_input


def make_companion(tools: BaseToolset, ear: Ear) -> Workflow:
    """The procedure, as a tool of the agent: its steps in their order, with the ways out."""
    procedure = Procedure(Server(tools, ear))
    plan = node(procedure.plan, name="plan", rerun_on_resume=True)
    agree = node(procedure.agree, name="agree", rerun_on_resume=True)
    confirm = node(procedure.confirm, name="confirm", rerun_on_resume=True)
    provision = node(procedure.provision, name="provision", rerun_on_resume=True, timeout=LONGEST)
    rehearse = node(procedure.rehearse, name="rehearse", rerun_on_resume=True, timeout=LONGEST)
    report = node(procedure.report, name="report")
    return Workflow(
        name=NAME,
        description="Make a memory companion: plans it, asks the person for consent and go-ahead, and provisions it.",
        input_schema=Request,
        edges=[
            (START, plan, {"ask": agree, "go": confirm, "stop": report}),
            (agree, {"go": confirm, "stop": report}),
            (confirm, {"go": provision, "stop": report}),
            (provision, {"rehearse": rehearse, "report": report, "stop": report}),
            (rehearse, report),
        ],
    )


def spoken(events: Sequence[Event]) -> str:
    """What the person has said since the last companion: words about one person never count for the next."""
    heard: list[str] = []
    for event in events:
        parts = (event.content.parts if event.content else None) or []
        if any(part.function_response and part.function_response.name == NAME for part in parts):
            heard.clear()
        elif event.author == "user":
            heard += [part.text for part in parts if part.text]
    return "\n".join(heard)


def routed(output: Mapping[str, Any], route: str) -> Event:
    return Event(output=dict(output), actions=EventActions(route=route))


def stopped(error: StorykeeperError) -> Event:
    """An outcome that ends the procedure: nothing is made after it."""
    return routed({"error": error.row()}, "stop")


async def ask(name: str, question: str, answer: type) -> AsyncIterator[Any]:
    """A pause for a person's answer; said as content too, since `adk run` prints only that it paused."""
    yield Event(content=types.ModelContent(question))
    yield RequestInput(interrupt_id=name, message=question, response_schema=answer)


def said(answer: Any) -> str:
    """The words of an answer, however the way in wrapped them."""
    if isinstance(answer, dict):
        answer = next(iter(cast("dict[str, Any]", answer).values()), "")
    return "" if answer is None else str(answer).strip()


def agreed(answer: Any) -> bool:
    return said(answer).lower() in {"true", "yes", "y", "ok", "go", "go ahead"}


def summary(draft: Mapping[str, Any]) -> str:
    """The plan as a question."""
    todo = ", ".join(f"{s['action']} {s['kind']} '{s['name']}'" for s in draft["steps"])
    doubts = "".join(f"\n- {warning}" for warning in draft["warnings"])
    changes = "".join(
        f"\n- {f['field']}: {f['before']!r} -> {f['after']!r}" for s in draft["steps"] for f in s["fields"]
    )
    slot = f" The voice is cloned from {', '.join(draft['recordings'])} and takes one voice slot."
    cost = slot if draft["cost"]["voice_slots"] else " Nothing is spent."
    return f"Plan for {draft['companion']}: {todo}.{cost}{changes}{doubts}\nShall I go ahead? (yes or no)"


def text(answer: Mapping[str, Any]) -> str:
    """What a refusal says, in either of the shapes that ADK gives it."""
    parts = [str(part.get("text", "")) for part in cast("list[dict[str, Any]]", answer.get("content") or [])]
    return " ".join(parts) or str(answer.get("error") or "")
