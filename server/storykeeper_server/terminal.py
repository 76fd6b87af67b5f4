"""A person at a terminal: told on stderr, asked on stdin when there is somebody to ask."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from storykeeper_tools.caller import NOBODY, Answer, Declined
from storykeeper_tools.companion.language import offered, table
from storykeeper_tools.companion.spec import ConsentBlock, Status, name_key
from storykeeper_tools.sessions import SignedUrl
from storykeeper_tools.views import CompanionView

from .wording import commanded, visible


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress as lines on stderr; questions of tools stay unanswered, since the commands ask theirs themselves."""

    console: Any

    async def report(self, done: float, total: float, message: str) -> None:
        self.console.print(visible(f"{done:>3.0f}/{total:.0f} {message}"), markup=False, highlight=False)

    async def ask(self, question: str, form: type[Answer]) -> Answer | None:
        return await NOBODY.ask(question, form)


class Pause(Protocol):
    """What the orchestrator waits for. A deletion waits for a `word`, a go-ahead is `about` a plan; --yes answers what may be
    answered `beforehand`."""

    @property
    def kind(self) -> str: ...

    @property
    def question(self) -> str: ...

    @property
    def about(self) -> Mapping[str, Any]: ...

    @property
    def word(self) -> str: ...

    @property
    def beforehand(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Terminal:
    """`yes` confirms spending beforehand; it never stands for a consent."""

    yes: bool = False
    console: Any = field(default_factory=lambda: _console())  # noqa: PLW0108 - it is defined below

    @property
    def caller(self) -> Progress:
        return Progress(self.console)

    def say(self, text: str) -> None:
        self.console.print(visible(commanded(text)), markup=False, highlight=False)

    async def confirm(self, question: str) -> bool:
        if self.yes:
            self.say(f"{question} yes (--yes)")
            return True
        return agrees(await self.ask(f"{question} [y/N]"))

    async def ask(self, question: str) -> str | None:
        """A line from the person; None where there is none to ask."""
        if not self.there:
            return None
        self.say(question)
        return await _line()

    async def answer(self, pause: Pause) -> str | bool | None:
        """The person's own words, or a yes to a tool. --yes allows spending and changes, and nothing else."""
        if self.yes and pause.beforehand:
            self.say(f"{pause.question} yes (--yes)")
            return True if pause.kind == "tool" else "yes"
        if pause.kind == "visitors" and (self.yes or not self.there):
            return "family"
        answer = await self.ask(pause.question)
        if answer is None or pause.kind != "tool":
            return answer
        return agrees(answer)

    @property
    def there(self) -> bool:
        """Whether there is somebody who can be asked."""
        return bool(sys.stdin) and sys.stdin.isatty()

    async def may_forget(self, companion: str, effects: Sequence[str]) -> bool:
        """Whether a person wants it deleted; --yes would be said too lightly for this."""
        self.say("\n".join(["This would be deleted, for good:", *(f"  {effect}" for effect in effects)]))
        answer = await self.ask(f"Forget {companion} for good? Type its id:")
        return answer is not None and answer.strip() == companion

    async def line(self) -> str | None:
        """The next line as it was typed, for an answer of several; None at the end."""
        return await _line()

    async def ask_consent(self, name: str, status: Status) -> ConsentBlock | None:
        """Who allows this voice to be cloned, in their own words."""
        if status == "living":
            answer = await self.ask(f"Has {name} agreed to this voice being cloned for a private companion? [y/N]")
        else:
            answer = await self.ask(f"Are you {name}'s executor or heir, and do you agree to the cloning? [y/N]")
        if answer is None or not agrees(answer):
            return None
        if status == "living":
            return ConsentBlock(kind="self", granted_by=name, statement=f"Said at the terminal: {answer.strip()}")
        who = (await self.ask("Your name:") or "").strip() or "the keeper"
        return ConsentBlock(
            kind="executor_or_heir", granted_by=who, statement=f"Said at the terminal: {answer.strip()}"
        )


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever sits at the terminal, and answers a tool's yes or no themselves; `heard`: they have just done so."""

    terminal: Terminal
    heard: bool = False

    async def report(self, done: float, total: float, message: str) -> None:
        await self.terminal.caller.report(done, total, message)

    async def ask(self, question: str, form: type[Answer]) -> Answer | None:
        answer = "yes" if self.heard else await self.terminal.ask(f"{question} [y/N]")
        if answer is None:
            return None
        if not agrees(answer):
            raise Declined(answer)
        return form.model_validate({"agree": True})


def agrees(answer: str | None) -> bool:
    """Whether an answer is a plain yes, in any language that companions speak. Anything else is a no: who consents
    isn't read between the lines."""
    yes = {_plain(word) for code in offered() for word in table(code, "answers")["yes"]}
    return answer is not None and _plain(answer) in yes


def _plain(text: str) -> str:
    """Without the marks of a sentence around it."""
    return "".join(c for c in name_key(text) if unicodedata.category(c)[0] != "P").strip()


async def _line() -> str | None:
    """A line from stdin, read by a thread that nobody has to wait for: Ctrl-C at a question ends the program."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        try:
            text = sys.stdin.readline()
        except (OSError, ValueError):  # the terminal was closed, or what was typed is no text: nobody is there any more
            text = ""
        with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(lambda: line.done() or line.set_result(text))

    threading.Thread(target=read, daemon=True).start()
    return await line or None


def described(view: CompanionView, link: SignedUrl | None, *, embedded: bool, rehearsal: str = "") -> str:
    """A companion as a person reads it."""
    rows = [("voice", view.voice_id or "-")]
    titles = ", ".join(document.name.partition(" ")[2] for document in view.documents)
    rows += [("memories", titles)] if titles else []
    rows += [("agent", f"{view.agent_id}  private; its first words say that it is an AI" if view.agent_id else "-")]
    rows += [("talk", talking(view.companion))] if view.status == "done" else []
    rows += [("link", f"{link.signed_url}  (opens within 15 minutes; don't share it)")] if link and not embedded else []
    rows += [("rehearsal", rehearsal)] if rehearsal else []
    rows += [("note", warning) for warning in view.warnings]
    rows += [("next", next)] if (next := _next(view, rehearsal)) else []
    head = f"{view.name}'s companion is {view.status.replace('_', ' ')}: {view.companion}"
    return "\n".join([head, *(f"  {name:<11}{text}" for name, text in rows)])


def _next(view: CompanionView, rehearsal: str) -> str:
    """Nothing for whoever has looked at it: how to talk to it stands above."""
    if not view.next.startswith("get_signed_url"):
        return view.next
    return f"storykeeper show {view.companion}" if rehearsal else ""


def talking(companion: str) -> str:
    """The command that opens a page to talk to it, wherever the companion is."""
    return f"storykeeper talk {companion}"


def _console() -> Any:
    from rich.console import Console  # 20 ms that a server needn't wait for

    class Heard(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would leave with 1

    return Heard(stderr=True, soft_wrap=True)
