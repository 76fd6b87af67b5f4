"""`storykeeper chat`: the orchestrator at a terminal, for as long as somebody likes to talk."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from storykeeper_tools.errors import NeedsAnswer, StorykeeperError, from_text
from storykeeper_tools.files import everything
from storykeeper_tools.settings import Settings

from .commands import warned
from .keyboard import Interrupted, Keyboard
from .orchestrating import mentioned, orchestrator, sayable, surroundings
from .screen import Screen
from .terminal import Pause, agrees

INTERRUPTED = 130
RULES = "offline-rules"
HELP = """Say what you wish, in your own words:
  make a companion of my mother Dorothy from mum.m4a and notes/
  she was born in 1941, not 1940        (about the companion that was talked about last)
  what does she know about Cork?        rehearse her        a link for dorothy-7f3a
Nothing is spent, changed or deleted before you have said yes to it; a deletion takes the typed id.

  /new             begin another conversation (the earlier ones are kept)
  /forget-history  erase all conversations of this workspace; companions stay
  /usage           what the language model was asked for so far
  /quit            leave; Ctrl-D, too. Ctrl-C ends only what is going on"""


class Turn(Protocol):
    @property
    def unanswered(self) -> Pause | None: ...

    @property
    def stopped(self) -> bool: ...


class Talk(Protocol):
    """A conversation of the orchestrator."""

    @property
    def model(self) -> str: ...

    @property
    def spent(self) -> object: ...

    async def say(self, text: str) -> Turn: ...

    async def resume(self) -> Turn: ...

    async def waiting(self) -> Sequence[Pause]: ...

    async def interrupted(self) -> str: ...

    async def heard(self) -> Sequence[str]: ...

    def stop(self) -> Sequence[str]: ...

    @property
    def made(self) -> Sequence[str]: ...

    def cost(self, since: Any = None) -> Mapping[str, Any]: ...


class Open(Protocol):
    """A conversation, and what is kept."""

    @property
    def talk(self) -> Talk: ...

    @property
    def aside(self) -> Path | None: ...

    def fresh(self) -> None: ...

    async def forget(self) -> None: ...


async def chat(arguments: argparse.Namespace) -> int:
    """0 when somebody leaves, 3 where a script ended at a question, 130 after Ctrl-C twice."""
    settings = warned(arguments)
    person = Person(Screen(), Keyboard())
    named: list[Path] = []
    while True:
        environ = surroundings(settings, named)
        opened = orchestrator("chat")(environ=environ, person=person, folder=settings.folder, spent=person.spent)
        async with opened as open:
            more = await Chat(open, person, settings, named).run()
            person.spent = open.talk.spent
        if not more:
            return person.code
        named += more


@dataclass(slots=True)
class Person:
    """Whoever sits there, as the orchestrator has them: told, and asked."""

    screen: Screen
    keyboard: Keyboard
    code: int = 0
    begun: bool = False
    again: str = ""  # what was said last, where it has to be said to a new tool server
    spent: object = None  # by the tool servers before this one

    def write(self, text: str, *, whole: bool) -> None:
        self.screen.write(text, whole=whole)

    def link(self, url: str) -> None:
        self.screen.say(
            f"{url}\n  (opens within 15 minutes; whoever has it can talk to the companion; it is kept nowhere)"
        )

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.screen.progress(progress, total, message or "")

    def done(self, outcome: Mapping[str, Any]) -> None:
        """What really happened, whatever the model says of it."""
        self.screen.say(f"  {_fact(outcome)}", aside=True)
        if outcome.get("status") in {"forgetting", "forgotten"}:
            self.screen.say("  what was said here about it stays; /forget-history erases it", aside=True)

    async def answer(self, pause: Pause) -> str | bool | None:
        """What they type. /quit, Ctrl-D and Ctrl-C leave the question open."""
        self.screen.settle()
        self._show(pause)
        prompt = f"type {pause.word}, or no> " if pause.word else "answer> "
        with suppress(Interrupted):
            while (said := self.keyboard.line(prompt)) is not None:
                words = said.strip()
                if words == "/quit":
                    self.keyboard.ended = True
                    return None
                if words.startswith("/"):
                    self.screen.say("Please answer first; /quit leaves the question open.")
                elif words:
                    return agrees(words) if pause.kind == "tool" else words
        return None

    def _show(self, pause: Pause) -> None:
        """A question, above it the steps of a plan that it is about."""
        if pause.kind == "go_ahead" and "steps" in pause.about:
            self.screen.steps(pause.about)
        self.screen.say(pause.question)


@dataclass(slots=True)
class Chat:
    """One tool server long: a file that it may not read yet takes another one."""

    open: Open
    person: Person
    settings: Settings
    named: Sequence[Path]
    interrupts: int = 0

    @property
    def screen(self) -> Screen:
        return self.person.screen

    async def run(self) -> list[Path]:
        """Until somebody leaves; or the files that were named and can't be read yet."""
        if not self.person.begun:
            await self._greet()
        while not self.person.keyboard.ended:
            said, self.person.again = self.person.again or self._line(), ""
            if said is None or not said.strip() or await self._commanded(said.strip()):
                continue
            if more := unread(mentioned(said), [*self.settings.files, *self.named]):
                self.person.again = said
                return more
            await self._say(said)
        self._told(self.open.talk.cost(), "In all: ")
        return []

    async def _greet(self) -> None:
        """Which model, whether anything is real, how to leave; and what was left open when this was left."""
        talk, self.person.begun = self.open.talk, True
        rules = " (small rules that know some English, not a language model)" if talk.model == RULES else ""
        where = "in the sandbox, where nothing is real" if self.settings.sandbox else "at ElevenLabs"
        self.screen.say(f"Storykeeper with {talk.model}{rules}, {where}. /help tells more; /quit or Ctrl-D leaves.")
        if self.open.aside:
            self.screen.say(
                f"The history couldn't be read. It was kept as {self.open.aside.name}, and a new one begun."
            )
        earlier = await talk.heard()
        self.person.keyboard.remember(earlier)
        if earlier:
            self.screen.say(f'This goes on from before (/new begins anew). You said last: "{_short(earlier[-1])}"')
        if waiting := await talk.waiting():
            self.screen.say(f"{len(waiting)} question{'s' * (len(waiting) > 1)} had no answer yet:")
            await self._turn(talk.resume())
        elif cut := await talk.interrupted():
            self.screen.say(f'"{_short(cut)}" was under way when this ended. Say it again: it goes on where it was.')

    def _line(self) -> str | None:
        """What is typed at the prompt; Ctrl-C there takes a second one to leave."""
        try:
            said = self.person.keyboard.line("\nyou> ")
        except Interrupted:
            self.interrupts += 1
            self.screen.say("" if self.interrupts > 1 else "\n(Ctrl-C once more leaves; /quit and Ctrl-D do, too)")
            if self.interrupts > 1:
                self._leave(INTERRUPTED)
            return None
        self.interrupts = 0
        return said

    async def _commanded(self, said: str) -> bool:
        """Whether it was a command, which is carried out."""
        if not said.startswith("/"):
            return False
        if said == "/quit":
            self.person.keyboard.ended = True
        elif said == "/new":
            self.open.fresh()
            self.screen.say("Another conversation begins; nothing of the last one is known in it.")
        elif said == "/forget-history":
            await self._forget()
        elif said == "/usage":
            self._told(self.open.talk.cost(), "In all: ")
        else:
            self.screen.say(HELP if said == "/help" else f"There is no command {_short(said)}.\n{HELP}")
        return True

    async def _forget(self) -> None:
        """After a plain yes: it can't be undone."""
        with suppress(Interrupted):
            if agrees(self.person.keyboard.line("Erase all conversations of this workspace? (yes or no) ")):
                await self.open.forget()
                self.screen.say("They are erased. Companions, and what is recorded about them, stay.")
                return
        self.screen.say("Nothing was erased.")

    async def _say(self, said: str) -> None:
        try:
            words = sayable(said)
        except StorykeeperError as error:
            self.screen.say(str(error))
            return
        await self._turn(self.open.talk.say(words))

    async def _turn(self, doing: Coroutine[Any, Any, Turn]) -> None:
        """What comes of it, what it cost, and whatever breaks as words."""
        before, task = self.open.talk.spent, asyncio.ensure_future(doing)
        with self.person.keyboard.listening(partial(self._interrupt, task)):
            try:
                self._ended(await task)
            except asyncio.CancelledError:
                self._leave(INTERRUPTED)
            except StorykeeperError as error:
                self.screen.say(str(error))
            except Exception as error:  # a defect, which isn't worth a whole conversation
                self.screen.say(f"Something broke ({type(error).__name__}). Say it again: it goes on where it was.")
        self.interrupts = 0
        self._told(self.open.talk.cost(before))

    def _ended(self, turn: Turn) -> None:
        """What it still waits for."""
        if turn.unanswered and not self.person.keyboard.ended:
            self.screen.say("That waits for an answer; it is asked again when you come back. Or say something else.")
        elif turn.unanswered and not self.person.keyboard.there:
            self.person.code = NeedsAnswer.exit_code

    def _interrupt(self, task: asyncio.Task[Turn]) -> None:
        """The turn ends; once more, the chat."""
        self.interrupts += 1
        if self.interrupts > 1:
            task.cancel()
            return
        going = self.open.talk.stop()
        self.screen.say(f"\nStopped. {_going_on(going, self.open.talk.made)} (Ctrl-C once more leaves.)")

    def _leave(self, code: int) -> None:
        self.person.keyboard.ended, self.person.code = True, code

    def _told(self, cost: Mapping[str, Any], head: str = "") -> None:
        self.screen.say(f"  {head}{cost['told']}", aside=True)


def unread(paths: Sequence[Path], folders: Sequence[Path]) -> list[Path]:
    """Those that lie in none of the folders, nor in the one that we are in (which isn't read where it is all of home)."""
    here = [] if everything(Path.cwd(), Path.home()) else [Path.cwd()]
    known = [folder.resolve() for folder in (*here, *folders)]
    return [path for path in paths if not any(path.resolve().is_relative_to(folder) for folder in known)]


def _going_on(calls: Sequence[str], made: Sequence[str]) -> str:
    """What the tool server does on with, though nobody waits for it here; and what is done already."""
    there = " ".join(f"{companion} is done." for companion in made)
    if made and "rehearse_companion" in calls:
        return f"{there} Only the rehearsal of {made[-1]} was cut short."
    return f"{there} {_carried(calls)}".strip()


def _carried(calls: Sequence[str]) -> str:
    if "provision_companion" in calls:
        return "The companion goes on being made by itself; say it again to see how it stands."
    if {"retire_companion", "delete_resource", "clone_voice"}.intersection(calls):
        return "What you confirmed may still be carried to its end; say it again to see how it stands."
    return "Nothing goes on."


def _fact(outcome: Mapping[str, Any]) -> str:
    """`make_companion: dorothy-7f3a, done`."""
    error, view = outcome.get("error"), outcome.get("companion")
    if error:
        code = cast("Mapping[str, str]", error)["code"] if isinstance(error, Mapping) else from_text(str(error)).code
        return f"{outcome['tool']}: not done ({code})"
    found = [view["companion"], view["status"]] if view else [outcome.get(key) for key in ("of", "voice_id", "status")]
    return f"{outcome['tool']}: {', '.join(map(str, filter(None, found)))}"


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= 120 else f"{plain[:119]}…"
