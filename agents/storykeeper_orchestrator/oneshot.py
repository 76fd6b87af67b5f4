"""The orchestrator for one sentence, at a terminal: the same procedure, its pauses answered there."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from typing import Any, Protocol, cast

from google.adk.agents.run_config import RunConfig
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

from storykeeper_tools.errors import NeedsAnswer, NeedsConfirm, NeedsConsent, StorykeeperError, from_text

from .agent import NAME, build
from .workflow import text

MOST_MODEL_CALLS = 12
_ANEW = "say it anew, or do as it says"


class Person(Protocol):
    """Whoever sits at the terminal."""

    def say(self, text: str) -> None: ...

    async def confirm(self, question: str) -> bool: ...

    async def ask(self, question: str) -> str | None: ...


async def provision(sentence: str, *, environ: Mapping[str, str], terminal: Person) -> dict[str, Any]:
    """`{"companion": ..., "rehearsal": ...}` as the procedure gives it, `{"error": ...}`, or `{"said": ...}`; `environ` is laid over the process's."""
    logging.getLogger("google_adk").setLevel(logging.CRITICAL)  # what goes wrong comes back as an outcome
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ADK announces each of its experimental features
        app = build({**os.environ, **environ})
        async with Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True) as runner:
            return await _converse(runner, sentence, terminal)


async def _converse(runner: Runner, sentence: str, terminal: Person) -> dict[str, Any]:
    """Until the procedure has an outcome; a model that asks instead of acting gets the person's answer."""
    message = types.UserContent(sentence)
    while True:
        turn = await _turn(runner, message)
        if turn.outcome is not None:
            return turn.outcome if "companion" in turn.outcome else {"error": _row(turn.outcome.get("error"))}
        if turn.question is None and turn.looked:
            return {"error": turn.refused} if turn.refused else {"said": turn.said}
        if turn.question is None:
            answer = await terminal.ask(turn.said)
            if not answer:
                return {"error": NeedsAnswer(turn.said or "the sentence wasn't understood", next=_ANEW).row()}
            message = types.UserContent(answer)
        else:
            reply = await _reply(turn.question, terminal)
            if isinstance(reply, StorykeeperError):
                return {"error": reply.row()}
            message = reply


def _row(error: object) -> dict[str, str]:
    """The error of an outcome: a row of ours, or what ADK made of something that broke."""
    return dict(cast("dict[str, str]", error)) if isinstance(error, dict) else from_text(str(error)).row()


class Turn:
    """What one turn of the orchestrator brought."""

    def __init__(self) -> None:
        self.said = ""
        self.looked = False
        self.refused: dict[str, str] | None = None
        self.question: types.FunctionCall | None = None
        self.outcome: dict[str, Any] | None = None

    def take(self, part: types.Part, waiting: set[str], *, by_agent: bool) -> None:
        call, response = part.function_call, part.function_response
        if call and call.id in waiting and call.name == "adk_request_input":
            self.question = call
        if response and response.name == "make_companion" and isinstance(response.response, dict):
            self.outcome = response.response.get("result", response.response)
        self.looked = self.looked or bool(response)
        if response:
            self.refused = _refusal(response.response)
        if part.text and by_agent:
            self.said = part.text


def _refusal(answer: object) -> dict[str, str] | None:
    """The error of a tool's answer; None for one that told what was asked."""
    told = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    return from_text(text(told)).row() if told.get("isError") else None


async def _turn(runner: Runner, message: types.Content) -> Turn:
    turn = Turn()
    limit = RunConfig(max_llm_calls=MOST_MODEL_CALLS)
    async for event in runner.run_async(user_id="keeper", session_id="oneshot", new_message=message, run_config=limit):
        waiting = set(event.long_running_tool_ids or ())
        for part in (event.content.parts if event.content else None) or []:
            turn.take(part, waiting, by_agent=event.author == NAME)
    return turn


async def _reply(question: types.FunctionCall, terminal: Person) -> types.Content | StorykeeperError:
    """The person's answer to a pause. `--yes` answers about spending only; nothing but words answers about consent."""
    text = str((question.args or {}).get("message", ""))
    if question.id == "confirm":
        if not await terminal.confirm(text):
            return NeedsConfirm("the spending wasn't confirmed", next="say yes, or add --yes")
        return _answer(question, True)
    answer = await terminal.ask(text)
    if not answer:
        return NeedsConsent(
            f"nobody answered: {text}", next="answer it at a terminal, or say in the sentence who consented"
        )
    return _answer(question, answer)


def _answer(question: types.FunctionCall, value: object) -> types.Content:
    response = types.FunctionResponse(id=question.id, name=question.name, response={"result": value})
    return types.Content(role="user", parts=[types.Part(function_response=response)])
