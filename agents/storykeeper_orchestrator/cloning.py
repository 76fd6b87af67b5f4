"""A voice on its own: listened to, consented to, confirmed, cloned."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.adk.agents.context import Context
from google.adk.events.event import Event
from google.adk.workflow import START, Workflow, node

from storykeeper_tools.companion.spec import clean_name
from storykeeper_tools.errors import NeedsConfirm, StorykeeperError
from storykeeper_tools.provisioning import goahead

from . import checking, reporting, sources
from .agreeing import Agreement, heard
from .asking import ask_to_go, decided, failure, language, messages, routed, spoken, stopped
from .requests import CLONE, PROCEDURES, Clone, Voice
from .server import Server
from .wording import say


@dataclass(frozen=True, slots=True)
class Cloning:
    """The nodes."""

    server: Server

    async def listen(self, ctx: Context, node_input: Clone) -> Event:
        """What the recordings are worth, before anybody is asked anything about them."""
        spoken_in = language(ctx)
        try:
            request = checking.checked(node_input, spoken(ctx.session.events, PROCEDURES), messages(ctx))
            sha256 = await heard(self.server, ctx, request.recordings)
        except StorykeeperError as error:
            return stopped(error, spoken_in)
        voice = _voice(request, sha256, spoken_in).model_dump()
        return routed({"voice": voice, "request": request.model_dump(), "language": spoken_in}, "ask")

    async def confirm(self, ctx: Context, node_input: dict[str, Any]) -> AsyncIterator[Any]:
        voice, spoken_in = Voice.model_validate(node_input["voice"]), node_input["language"]
        go = decided(ctx, voice.key)
        if go is None:
            question = f"{say(spoken_in, 'clone', name=voice.name, files=voice.files)}\n{say(spoken_in, 'go_ahead')}"
            async for event in ask_to_go(ctx, voice.key, question, spoken_in):
                yield event
        elif go:
            yield routed(node_input, "go")
        else:
            yield stopped(NeedsConfirm("the cloning wasn't confirmed"), spoken_in, "declined")

    async def clone(self, ctx: Context, node_input: dict[str, Any]) -> dict[str, Any]:
        request, spoken_in = node_input["request"], node_input["language"]
        try:
            with self.server.ear.allowing(goahead.clone_of(clean_name(request["name"]))):
                made = await self.server.call(ctx, CLONE, name=request["name"], recordings=request["recordings"])
        except StorykeeperError as error:
            return failure(error, spoken_in, "waits")
        return {"voice": made, "language": spoken_in}

    async def report(self, node_input: dict[str, Any]) -> dict[str, Any]:
        if "error" in node_input:
            return {"report": reporting.refused(node_input), "error": node_input["error"]}
        made = node_input["voice"]
        return {"report": reporting.voice(made, node_input["language"]), "voice_id": made["voice_id"]}


def _voice(request: Clone, sha256: list[str], spoken_in: str) -> Voice:
    target = {"name": request.name, "recordings": request.recordings, **request.said("relation", "deceased")}
    return Voice(
        name=request.name,
        relation=request.relation,
        deceased=request.deceased,
        files=sources.each(sources.fitted(request.recordings)),
        recordings=request.recordings,
        heard=sha256,
        target=target,
        key=hashlib.sha256("|".join([request.name, *request.recordings, *sha256]).encode()).hexdigest()[:12],
        language=spoken_in,
    )


def procedure(server: Server, agreement: Agreement) -> Workflow:
    cloning = Cloning(server)
    listen = node(cloning.listen, name="listen", rerun_on_resume=True)
    agree = node(agreement.__call__, name="agree", rerun_on_resume=True)
    confirm = node(cloning.confirm, name="confirm", rerun_on_resume=True)
    record = node(agreement.record, name="record", rerun_on_resume=True)
    clone = node(cloning.clone, name="clone", rerun_on_resume=True)
    report = node(cloning.report, name="report")
    return Workflow(
        name=CLONE,
        description="Clone a voice on its own, without a companion. Asks the person for consent and go-ahead.",
        input_schema=Clone,
        edges=[
            (START, listen, {"ask": agree, "stop": report}),
            (agree, {"go": confirm, "stop": report}),
            (confirm, {"go": record, "stop": report}),
            (record, {"go": clone, "stop": report}),
            (clone, report),
        ],
    )
