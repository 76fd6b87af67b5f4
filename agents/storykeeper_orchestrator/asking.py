"""Pauses: how a procedure asks a person, and reads what they answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, cast

from google.adk.agents.context import Context
from google.adk.apps import ResumabilityConfig
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.events.request_input import RequestInput
from google.genai import types

from storykeeper_tools.errors import StorykeeperError

from .answers import yes_or_no
from .wording import say, spoken_in

# How an outcome with an error is told: it failed, a person said no, or what was begun waits for somebody.
Head = Literal["failed", "declined", "not_agreed", "waits"]


async def ask(id: str, question: str, about: Mapping[str, Any] | None = None) -> AsyncIterator[Any]:
    """A pause for a person's answer; said as content too, since `adk run` prints only that it paused.

    `id` names what is asked about, so that an answer never counts for another question; `about` is for who shows it.
    There is no schema for the answer: ADK would end the conversation over one that doesn't fit, and we read all.
    """
    yield Event(content=types.ModelContent(question))
    yield RequestInput(interrupt_id=id, message=question, payload=about, response_schema=None)


async def ask_to_go(
    ctx: Context, about: str, question: str, language: str, payload: Mapping[str, Any] | None = None
) -> AsyncIterator[Any]:
    """The question for a go-ahead, or the same once more."""
    again = _first(about) in ctx.resume_inputs
    words = say(language, "again", question=question) if again else question
    async for event in ask(_second(about) if again else _first(about), words, payload):
        yield event


def decided(ctx: Context, about: str) -> bool | None:
    """The answer to the question for a go-ahead; None while it has to be asked for: at most twice, then it is a no."""
    if _second(about) in ctx.resume_inputs:
        return agreed(ctx.resume_inputs[_second(about)])
    return yes_or_no(said(ctx.resume_inputs[_first(about)])) if _first(about) in ctx.resume_inputs else None


def typed(ctx: Context, about: str, word: str) -> bool | None:
    """Whether the very word was typed that allows it; None while that has to be asked for."""
    return said(ctx.resume_inputs[_first(about)]) == word if _first(about) in ctx.resume_inputs else None


def _first(about: str) -> str:
    return f"confirm {about}"


def _second(about: str) -> str:
    return f"confirm again {about}"


def agreed(answer: Any) -> bool:
    """Whether an answer is a plain yes."""
    return yes_or_no(said(answer)) is True


def said(answer: Any) -> str:
    """The words of an answer: its `result` alone, since another field may say that it was cancelled."""
    if isinstance(answer, dict):
        answer = unwrapped(cast("dict[str, Any]", answer)).get("result")
    return str(answer).strip() if isinstance(answer, str | int | float) else ""


def unwrapped(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer without the `response` that the developer page wraps around it, as text."""
    inside = told.get("response")
    if isinstance(inside, str):
        with suppress(ValueError):  # words as they were typed
            inside = json.loads(inside)
    if inside is None:
        return told
    return cast("dict[str, Any]", inside) if isinstance(inside, dict) else {"result": inside}


class Direct(ResumabilityConfig):
    """Of an application whose user is a person. ADK's AgentTool runs an agent without its application, and the words that
    come to it as the user's are those of another model."""


def by_person(ctx: Context) -> bool:
    """Whether what comes as the user's words are a person's own; where that isn't known, they aren't."""
    return isinstance(ctx.get_invocation_context().resumability_config, Direct)


def routed(output: Mapping[str, Any], route: str) -> Event:
    return Event(output=dict(output), actions=EventActions(route=route))


def stopped(error: StorykeeperError, language: str, head: Head = "failed") -> Event:
    """An outcome that ends the procedure: nothing is made after it."""
    return routed(failure(error, language, head), "stop")


def failure(error: StorykeeperError, language: str, head: Head = "failed") -> dict[str, Any]:
    return {"error": error.row(), "language": language, "head": head}


def spoken(events: Sequence[Event], procedures: frozenset[str]) -> str:
    """What the person has said since the last procedure ended: words about one voice never count for the next."""
    heard: list[str] = []
    for event in events:
        parts = (event.content.parts if event.content else None) or []
        if any(part.function_response and part.function_response.name in procedures for part in parts):
            heard.clear()
        else:
            heard += texts(event)
    return "\n".join(heard)


def language(ctx: Context) -> str:
    """The language that the person speaks."""
    return spoken_in(messages(ctx))


def messages(ctx: Context) -> list[str]:
    """All that the person wrote in this conversation, the oldest first."""
    return [text for event in ctx.session.events for text in texts(event)]


def texts(event: Event) -> list[str]:
    """What the person wrote, of an event."""
    parts = (event.content.parts if event.content and event.author == "user" else None) or []
    return [part.text for part in parts if part.text]
