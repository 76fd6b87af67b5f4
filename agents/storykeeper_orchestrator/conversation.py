"""One conversation with the orchestrator: what happens in it is told to a person, and what it asks is answered by them.

The one place where ADK's events are read and its pauses answered, for one sentence as for a long chat.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from google.adk.agents.run_config import RunConfig
from google.adk.events.event import Event
from google.adk.runners import Runner
from google.adk.sessions import BaseSessionService, InMemorySessionService
from google.genai import types

from .agent import NAME, build_app
from .model import FAILED
from .pausing import Pause, left_open, pauses
from .requests import PROCEDURES
from .toolbox import Progress
from .usage import Spent, Usage
from .watching import Watch

KEEPER = "keeper"


class Person(Protocol):
    """Whoever is talked with."""

    def write(self, text: str, *, whole: bool) -> None:
        """What the assistant says: pieces as they come, and then the whole of it."""
        ...

    def link(self, url: str) -> None:
        """A credential that the model and the stored history don't get to see."""
        ...

    def done(self, outcome: Mapping[str, Any]) -> None:
        """What came of a procedure, once it has ended, or broken; others may follow in the same turn."""
        ...

    async def answer(self, pause: Pause) -> str | bool | None:
        """Their own words; True or False for a tool; None where nobody answers, which leaves it open."""
        ...


@dataclass(slots=True)
class Turn:
    """What became of something that was said. `outcomes` are those of procedures, `told` the answers of single tools,
    either with its tool's name as `tool`; `unanswered` is what it still waits for; `broken` says that there was no model,
    or no tool server, to go on with."""

    said: str = ""
    called: list[str] = field(default_factory=list[str])
    outcomes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    told: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    unanswered: Pause | None = None
    stopped: bool = False
    broken: bool = False

    def take(self, part: types.Part) -> None:
        call, response = part.function_call, part.function_response
        if call and call.name and not call.name.startswith("adk_"):
            self.called.append(call.name)
        if response and isinstance(response.response, dict):
            ended = cast("dict[str, Any]", response.response.get("result", response.response))
            whole = response.name in PROCEDURES and "report" in ended
            (self.outcomes if whole else self.told).append({"tool": response.name, **ended})


@dataclass(slots=True)
class Conversation:
    """`session` is which of those that are kept; another one may be begun at any time between turns."""

    runner: Runner
    person: Person
    watch: Watch
    usage: Usage
    model: str
    session: str
    streaming: bool = False
    _leave: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, text: str) -> Turn:
        """Until nothing more happens, or nobody answers."""
        return await self._go_on(types.UserContent(text), {})

    async def resume(self) -> Turn:
        """Ask again what was left open."""
        waiting = left_open(await self._events())
        turn = Turn()
        message = await self._reply(turn, waiting)
        return turn if message is None else await self._go_on(message, waiting)

    def stop(self) -> list[str]:
        """End this turn. What the tool server was doing at this moment is told; it carries it to its end."""
        self._leave.set()
        return list(self.watch.going.values())

    @property
    def made(self) -> list[str]:
        """The companions that are done since something was said last."""
        return self.watch.made

    async def waiting(self) -> list[Pause]:
        """What was left open when this was talked about last."""
        return list(left_open(await self._events()).values())

    async def interrupted(self) -> str:
        """What was said last, where it didn't come to its end."""
        events = await self._events()
        calls = {call.id for event in events for call in event.get_function_calls()}
        answers = {answer.id for event in events for answer in event.get_function_responses()}
        said = [text for event in events if (text := _said_by_person(event))]
        last = next((i for i in range(len(events) - 1, -1, -1) if _said_by_person(events[i])), 0)
        lately = {call.id for event in events[last:] for call in event.get_function_calls()}
        return said[-1] if said and (lately & calls) - answers and not left_open(events) else ""

    async def heard(self) -> list[str]:
        """All that the person has said, the oldest first."""
        return [text for event in await self._events() if (text := _said_by_person(event))]

    @property
    def spent(self) -> Spent:
        """All of it up to now."""
        return replace(self.usage.total)

    def cost(self, since: Spent | None = None) -> dict[str, Any]:
        """What the model was asked for, and as a line; since an earlier moment, if one is given."""
        spent = self.usage.total - (since or Spent())
        return {
            "model": self.model,
            "model_calls": spent.calls,
            "prompt_tokens": spent.prompt,
            "answer_tokens": spent.answer,
            "told": self.usage.limits.told(spent),
        }

    async def _events(self) -> list[Event]:
        found = await self.runner.session_service.get_session(
            app_name=self.runner.app_name, user_id=KEEPER, session_id=self.session
        )
        return found.events if found else []

    async def _go_on(self, message: types.Content | None, waiting: dict[str, Pause]) -> Turn:
        turn, self._leave, calls = Turn(), asyncio.Event(), self.usage.total.calls
        self.watch.made = []
        while message is not None:
            await self._run(message, turn, waiting)
            message = None if turn.stopped else await self._reply(turn, waiting)
        turn.broken = turn.broken or not (turn.called or self.usage.total.calls > calls)
        return turn

    async def _reply(self, turn: Turn, waiting: dict[str, Pause]) -> types.Content | None:
        """The answer to the first thing that is waited for."""
        if not waiting:
            return None
        pause = next(iter(waiting.values()))
        answer = await self.person.answer(pause)
        if answer is None:
            turn.unanswered = pause
            return None
        del waiting[pause.id]
        return pause.answered(answer)

    async def _run(self, message: types.Content, turn: Turn, waiting: dict[str, Pause]) -> None:
        mode = {"streaming_mode": "sse"} if self.streaming else {}
        config = RunConfig.model_validate({**mode, "max_llm_calls": self.usage.limits.calls})
        events = self.runner.run_async(
            user_id=KEEPER,
            session_id=self.session,
            new_message=message,
            run_config=config,
            abort_signal=self._leave,
        )
        async with aclosing(events):
            async for event in events:
                self._hear(event, turn, waiting)
        turn.stopped = self._leave.is_set()

    def _hear(self, event: Event, turn: Turn, waiting: dict[str, Pause]) -> None:
        waiting |= {pause.id: pause for pause in pauses(event)}
        asked = {pause.of for pause in waiting.values()}
        parts = (event.content.parts if event.content else None) or []
        text = "".join(part.text or "" for part in parts if not part.thought) if event.author == NAME else ""
        if text and not self._leave.is_set():
            self.person.write(text, whole=not event.partial)
        if event.partial:
            return
        turn.said = text or turn.said
        turn.broken = turn.broken or bool((event.custom_metadata or {}).get(FAILED))
        ended, told = len(turn.outcomes), len(turn.told)
        for part in parts:
            if not (part.function_response and part.function_response.id in asked):
                turn.take(part)
        broken = [row for row in turn.told[told:] if row["tool"] in PROCEDURES]
        for outcome in [*turn.outcomes[ended:], *broken]:
            self.person.done(outcome)


def _said_by_person(event: Event) -> str:
    parts = (event.content.parts if event.content else None) or []
    return " ".join(part.text for part in parts if part.text) if event.author == "user" else ""


@asynccontextmanager
async def opened(
    environ: Mapping[str, str],
    person: Person,
    *,
    sessions: BaseSessionService | None = None,
    session: str = "oneshot",
    only_plan: bool = False,
    streaming: bool = False,
    progress: Progress | None = None,
) -> AsyncGenerator[Conversation]:
    """A conversation, with the tool server that it needs; `sessions` is where it is kept. Links are kept nowhere."""
    for name in ("google_adk", "google.adk", "google_genai"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong comes back as an outcome
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ADK announces each of its experimental features
        app = build_app(environ, only_plan=only_plan, progress=progress)
        watch = Watch(person.link if sessions else None)
        app.plugins.append(watch)
        kept = sessions or InMemorySessionService()
        async with Runner(app=app, session_service=kept, auto_create_session=True) as runner:
            usage, model = _one(app.plugins, Usage), str(getattr(app.root_agent, "model").model)  # noqa: B009 - any node
            yield Conversation(runner, person, watch, usage, model, session, streaming)


def _one(plugins: Iterable[object], kind: type[Usage]) -> Usage:
    return next(plugin for plugin in plugins if isinstance(plugin, kind))
