"""Consent: as it was stated with the wish, or as the person answers now; recorded in their words, and never assumed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.adk.agents.context import Context
from google.adk.events.event import Event

from storykeeper_tools.companion.consent import same_person
from storykeeper_tools.companion.spec import clean_name
from storykeeper_tools.errors import Conflict, NeedsConsent, StorykeeperError

from . import answers, consent
from .asking import ask, by_person, routed, said, spoken, stopped
from .consent import Given
from .requests import Voice
from .server import Server
from .wording import say


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two nodes: one passes on a consent to the `voice` in its input, and the other records it. The go-ahead lies between
    them: whoever says no there may be taking it back."""

    server: Server
    procedures: frozenset[str]

    async def __call__(self, ctx: Context, node_input: dict[str, Any]) -> AsyncIterator[Any]:
        voice = Voice.model_validate(node_input["voice"])
        try:
            given = _answered(ctx, voice)
            if given and given.granted_by == consent.KEEPER:
                if not (by := _named(ctx, voice)):
                    async for event in _ask_name(ctx, voice):
                        yield event
                    return
                given = given.model_copy(update={"granted_by": by})
        except NeedsConsent as error:
            yield stopped(error, voice.language, "not_agreed")
            return
        if told := given or self._stated(ctx, voice):
            yield routed({**node_input, "given": told.model_dump(), "answered": given is not None}, "go")
            return
        first = _id(voice) not in ctx.resume_inputs
        again = consent.again(voice.question, deceased=voice.deceased, language=voice.language)
        async for event in ask(_id(voice) if first else _id(voice, "again"), voice.question if first else again):
            yield event

    async def record(self, ctx: Context, node_input: dict[str, Any]) -> Event:
        """What was given, where there had to be anything."""
        if "given" not in node_input:
            return routed(node_input, "go")
        voice, given = Voice.model_validate(node_input["voice"]), node_input["given"]
        # When the tool server asks the person too, what they have answered here is its answer.
        names = (clean_name(voice.name), clean_name(given["granted_by"])) if node_input["answered"] else ()
        try:
            if voice.heard and await heard(self.server, ctx, voice.recordings, "again") != voice.heard:
                next = "say it again, and they are read anew"
                raise Conflict("the recordings changed while they were asked about", next=next)
            async with self.server.ear.hearing(*names):
                await self.server.call(ctx, "record_consent", **voice.target, **given)
        except NeedsConsent as error:
            return stopped(error, voice.language, "not_agreed")
        except StorykeeperError as error:
            return stopped(error, voice.language)
        return routed(node_input, "go")

    def _stated(self, ctx: Context, voice: Voice) -> Given | None:
        """What was said with the wish, where that counts; where only an answer does, it has to be asked for."""
        if self.server.elicits or not by_person(ctx):
            return None
        return voice.consent(spoken(ctx.session.events, self.procedures))


async def heard(server: Server, ctx: Context, recordings: list[str], run: str | None = None) -> list[str]:
    """The sha256 of recordings as they are now. Raises what they are refused with."""
    judged = await server.call(ctx, "inspect_recording", run, recordings=recordings)
    return [one["sha256"] for one in judged["recordings"]]


def _id(voice: Voice, more: str = "") -> str:
    return " ".join(filter(None, ["consent", more, voice.key]))


def _answered(ctx: Context, voice: Voice) -> Given | None:
    """The consent in the person's answer. None while it has to be asked for, at most twice; a no is an error."""
    first, second = _id(voice), _id(voice, "again")
    if first not in ctx.resume_inputs:
        return None
    answer = said(ctx.resume_inputs.get(second, ctx.resume_inputs[first]))
    try:
        return consent.answered(voice.question, answer, voice.name, deceased=voice.deceased, relation=voice.relation)
    except NeedsConsent:
        if second in ctx.resume_inputs or consent.denied(answer, voice.language, deceased=voice.deceased):
            raise
        return None


def _named(ctx: Context, voice: Voice) -> str:
    """The name in the person's answer; nothing while it has to be asked for, at most twice. Whoever takes their consent
    back there, or won't be named, hasn't given it."""
    asked = [_id(voice, more) for more in ("name", "name again")]
    given = [said(ctx.resume_inputs[id]) for id in asked if id in ctx.resume_inputs]
    if any(answers.taken_back(answer, voice.language) for answer in given):
        raise NeedsConsent(f"the consent to cloning the voice of {voice.name} was taken back")
    if named := next((name for name in given if answers.is_name(name) and not same_person(name, voice.name)), ""):
        return named
    if len(given) == len(asked):
        raise NeedsConsent("the record needs the name of whoever agrees")
    return ""


async def _ask_name(ctx: Context, voice: Voice) -> AsyncIterator[Any]:
    question, first = say(voice.language, "own_name"), _id(voice, "name") not in ctx.resume_inputs
    words = question if first else say(voice.language, "again", question=question)
    async for event in ask(_id(voice, "name" if first else "name again"), words):
        yield event
