"""The orchestrator for one sentence: carried out or only planned, and told as plain values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol, cast

from storykeeper_tools.errors import (
    BadInput,
    NeedsAnswer,
    NeedsConfirm,
    NeedsConsent,
    StorykeeperError,
    Unavailable,
    from_row,
    from_text,
)

from .conversation import Turn, opened
from .pausing import Pause
from .requests import CHANGE, MAKE, PROCEDURES
from .tools import WRITING

_ANEW = "say it anew, or do as it says"
_COMPANIONS = (MAKE, CHANGE)
_ELSE = (PROCEDURES | frozenset(WRITING)) - {MAKE, CHANGE}
_NOTHING = "there is nothing to plan in that: a plan is for making or changing a companion"


class Terminal(Protocol):
    """Whoever sits at the terminal."""

    def say(self, text: str) -> None: ...

    async def ask(self, question: str) -> str | None: ...

    async def answer(self, pause: Pause) -> str | bool | None: ...


class Listener:
    """A terminal that is told the end of a sentence, rather than all that is said on the way."""

    def __init__(self, terminal: Terminal | None) -> None:
        self.terminal = terminal

    def write(self, text: str, *, whole: bool) -> None: ...

    def link(self, url: str) -> None: ...

    def done(self, outcome: Mapping[str, Any]) -> None:
        """A companion of several, before the next is asked about: whoever leaves there knows of it."""
        if self.terminal and "companion" in outcome:
            self.terminal.say(f"{outcome['companion']['companion']}: {outcome['companion']['status']}")

    async def answer(self, pause: Pause) -> str | bool | None:
        return await self.terminal.answer(pause) if self.terminal else None


async def provision(sentence: str, *, environ: Mapping[str, str], terminal: Terminal) -> dict[str, Any]:
    """`{"companions": [outcome or {"error"}], "said", "error", "usage"}`; `environ` is laid over the process's.

    An outcome is as the procedure gives it. `error` is set where nothing came of the sentence but that.
    """
    async with opened({**os.environ, **environ}, Listener(terminal)) as talk:
        turn = await talk.say(sentence)
        while _only_talked(turn) and (answer := await terminal.ask(turn.said)):
            turn = await talk.say(answer)
        made = [_told(outcome) for outcome in turn.outcomes if outcome["tool"] in _COMPANIONS]
        rest = [outcome for outcome in turn.outcomes if outcome["tool"] not in _COMPANIONS]
        return {"companions": made, **_end(turn, made, rest), "usage": talk.cost()}


async def plan(sentence: str, *, environ: Mapping[str, str]) -> dict[str, Any]:
    """`{"plans": [draft or {"error"}], "said", "error", "usage"}`: nothing is asked, recorded, made or deleted."""
    async with opened({**os.environ, **environ}, Listener(None), only_plan=True) as talk:
        turn = await talk.say(sentence)
        plans = [_drawn(outcome) for outcome in turn.outcomes]
        told = _end(turn, plans, [])
        if not plans and _ELSE.intersection(turn.called):
            next = "say it to storykeeper provision, or in storykeeper chat"
            told["error"] = BadInput(_NOTHING, exists="nothing was spent, changed or deleted", next=next).row()
        elif not plans and not told["error"]:
            told["said"] = f"{_NOTHING.capitalize()}. {turn.said}"
        return {"plans": plans, **told, "usage": talk.cost()}


def _only_talked(turn: Turn) -> bool:
    """Whether the model has asked back, or told something, without looking at anything."""
    return not (turn.called or turn.unanswered or turn.broken)


def _end(turn: Turn, made: list[dict[str, Any]], rest: list[dict[str, Any]]) -> dict[str, Any]:
    """What else there is to say: that something wasn't answered, or failed, or what single tools and reports tell."""
    error: StorykeeperError | None = None
    if turn.unanswered:
        error = _unanswered(turn.unanswered)
    elif turn.broken and not turn.outcomes:
        error = Unavailable(turn.said, exists="see list_companions", next="say it again once that works")
    elif _only_talked(turn):
        error = NeedsAnswer(turn.said or "the sentence wasn't understood", next=_ANEW)
    elif not made:
        error = _failed(turn, rest)
    reports = [str(outcome["report"]) for outcome in rest if "error" not in outcome]
    said = "\n".join(reports) if reports else "" if made else turn.said
    return {"said": said, "error": error.row() if error else None}


def _failed(turn: Turn, rest: list[dict[str, Any]]) -> StorykeeperError | None:
    """The last thing that was tried, where it failed: whatever the model says about it."""
    tried = [*turn.told, *rest]
    return _error(tried[-1]) if tried and "error" in tried[-1] else None


def _told(outcome: dict[str, Any]) -> dict[str, Any]:
    error = _error(outcome) if "error" in outcome else None
    return {"error": error.row()} if error else outcome


def _drawn(outcome: dict[str, Any]) -> dict[str, Any]:
    return dict(outcome["draft"]) if "draft" in outcome else _told(outcome)


def _error(outcome: Mapping[str, Any]) -> StorykeeperError:
    """The error of an outcome: a row of ours, or what ADK made of something that broke."""
    error = outcome["error"]
    return from_row(cast("dict[str, str]", error)) if isinstance(error, dict) else from_text(str(error))


def _unanswered(pause: Pause) -> StorykeeperError:
    """Nobody was there who could answer."""
    if pause.beforehand:
        return NeedsConfirm("the spending wasn't confirmed", next="say yes, or add --yes")
    if pause.kind in {"go_ahead", "tool"}:
        next = "say yes at a terminal; --yes doesn't count here"
        return NeedsConfirm(f"a person must confirm it: {pause.question}", exists="all of it", next=next)
    if pause.kind == "deletion":
        next = f"say it at a terminal, or use storykeeper retire {pause.word} --forget"
        return NeedsConfirm(f"a person must confirm what is deleted: {pause.question}", exists="all of it", next=next)
    if pause.kind in {"consent", "name"}:
        next = "answer it at a terminal, or say in the sentence who consented"
        return NeedsConsent(f"nobody answered: {pause.question}", next=next)
    return NeedsAnswer(f"nobody answered: {pause.question}", next="answer it at a terminal, or say it in the sentence")
