"""Asking a companion: simulated talks of one question each, some at a time, every answer graded and kept at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import telemetry
from ..caller import Caller
from ..elevenlabs.client import ElevenLabs
from ..elevenlabs.models import Turn
from ..errors import StorykeeperError
from ..part import part
from .ledger import Resource
from .rehearsed import Answer, Rehearsed

if TYPE_CHECKING:
    from ..companion.rehearsal.questions import Question

AT_ONCE = 3
NEW_TURNS = 4  # the greeting, the question, the answer, and a visitor's goodbye
_LONGEST_LINE = 600
_VISITOR = """\
You are a visitor who calls a memory companion. Your first words are exactly this line, and nothing else: "{line}"
Whatever the answer is, you then say goodbye in one word and end the call. You speak {language}."""


@dataclass(slots=True)
class Rehearsing:
    """A rehearsal of one companion as it is now. After a failure no more questions are begun."""

    agent: Resource
    edition: str
    language: str
    name: str
    first_message: str
    questions: Sequence[Question]
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    tasks: list[asyncio.Task[None]] = field(default_factory=list["asyncio.Task[None]"])
    error: StorykeeperError | None = None

    @property
    def under_way(self) -> bool:
        return any(not task.done() for task in self.tasks)

    async def watch(self, seconds: float, caller: Caller) -> None:
        """Tell how far it is until it ends or the time is over; who watches doesn't own it."""
        until = time.monotonic() + seconds
        going = {task for task in self.tasks if not task.done()}
        while going and (left := until - time.monotonic()) > 0:
            done, going = await asyncio.wait(going, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if done:
                await caller.report(len(self.tasks) - len(going), len(self.tasks), "asked")
        if not going:
            await asyncio.gather(*(task for task in self.tasks if not task.cancelled()))  # raises what nobody expected


@part
class Asking:
    elevenlabs: ElevenLabs
    rehearsed: Rehearsed
    _going: dict[str, Rehearsing] = field(default_factory=dict[str, Rehearsing], repr=False)

    def join(self, new: Rehearsing, *, again: bool = False) -> Rehearsing:
        """The rehearsal that is under way here, or this one: what isn't answered yet is asked, side by side."""
        marker = new.agent.marker
        known = self._going.get(marker)
        if known and known.under_way:
            if known.edition == new.edition:
                return known
            for task in known.tasks:
                task.cancel()
        self.rehearsed.drop(marker, "" if again else new.edition)
        kept = self.rehearsed.answers(marker, new.edition)
        missing = [each for each in new.questions if each.ask and each.key(new.language) not in kept]
        new.tasks += [asyncio.create_task(self._ask(new, question)) for question in missing]
        self._going[marker] = new
        return new

    async def stop(self) -> None:
        """Leave what is being asked: it is asked anew when the rehearsal goes on."""
        tasks = [task for each in self._going.values() for task in each.tasks if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._going.clear()

    async def _ask(self, of: Rehearsing, question: Question) -> None:
        async with of.turns:
            if of.error:
                return
            try:
                with telemetry.span("ask", {"storykeeper.question": question.name}):
                    talk = await self.elevenlabs.simulate(of.agent.id, visitor(question.ask, of.language))
                self._keep(of, question, talk.simulated_conversation)
            except StorykeeperError as error:
                of.error = of.error or error

    def _keep(self, of: Rehearsing, question: Question, turns: Sequence[Turn]) -> None:
        """The answer: all that the agent says after the visitor's first words, whatever those were; and the greeting."""
        start = next((n for n, turn in enumerate(turns) if turn.role == "user"), len(turns))
        greeting = [turn.message for turn in turns[:start] if turn.message] or [of.first_message]
        said = [(turn.role, turn.message) for turn in turns[start:] if turn.message]
        for unasked in (each for each in of.questions if not each.ask):
            self._grade(of, unasked, [("agent", line) for line in greeting])
        self._grade(of, question, said)

    def _grade(self, of: Rehearsing, question: Question, said: Sequence[tuple[str, str]]) -> None:
        answer = " ".join(message for role, message in said if role == "agent")
        ruling = question.grade(answer, of.language, of.name)
        graded = Answer(
            question=question.name,
            asked=question.ask,
            rule=question.told,
            verdict=ruling.verdict,
            why=ruling.why,
            said=[f"{'companion' if role == 'agent' else 'visitor'}: {line}"[:_LONGEST_LINE] for role, line in said],
        )
        self.rehearsed.keep(of.agent, of.edition, question.key(of.language), graded)


def visitor(line: str, language: str) -> dict[str, Any]:
    """A simulation: somebody who says one line. Quotes within it are single ones, so that it stays one line."""
    plain = line.translate(dict.fromkeys(map(ord, '"\u201c\u201d\u201e\u00ab\u00bb\n'), "'"))
    prompt = {"prompt": _VISITOR.format(line=plain, language=language)}
    return {
        "simulation_specification": {"simulated_user_config": {"language": language, "prompt": prompt}},
        "new_turns_limit": NEW_TURNS,
    }
