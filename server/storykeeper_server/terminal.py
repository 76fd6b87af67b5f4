"""A person at a terminal: told on stderr, asked on stdin when there is somebody to ask."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

from storykeeper_tools.caller import NOBODY, Answer
from storykeeper_tools.companion.spec import ConsentBlock, Status
from storykeeper_tools.companions import CompanionView
from storykeeper_tools.sessions import SignedUrl

from .wording import commanded


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress as lines on stderr; questions of tools stay unanswered, since the commands ask theirs themselves."""

    console: Any

    async def report(self, done: float, total: float, message: str) -> None:
        self.console.print(f"{done:>3.0f}/{total:.0f} {message}", markup=False, highlight=False)

    async def ask(self, question: str, form: type[Answer]) -> Answer | None:
        return await NOBODY.ask(question, form)


@dataclass(frozen=True, slots=True)
class Terminal:
    """`yes` confirms spending beforehand; it never stands for a consent."""

    yes: bool = False
    console: Any = field(default_factory=lambda: _console())  # noqa: PLW0108 - it is defined below

    @property
    def caller(self) -> Progress:
        return Progress(self.console)

    def say(self, text: str) -> None:
        self.console.print(commanded(text), markup=False, highlight=False)

    async def confirm(self, question: str) -> bool:
        if self.yes:
            self.say(f"{question} yes (--yes)")
            return True
        answer = await self.ask(f"{question} [y/N]")
        return answer is not None and answer.strip().lower() in {"y", "yes"}

    async def ask(self, question: str) -> str | None:
        """A line from the person; None where there is none to ask."""
        if not sys.stdin or not sys.stdin.isatty():
            return None
        self.say(question)
        return await _line()

    async def ask_consent(self, name: str, status: Status) -> ConsentBlock | None:
        """Who allows this voice to be cloned, in their own words."""
        if status == "living":
            answer = await self.ask(f"Has {name} agreed to this voice being cloned for a private companion? [y/N]")
        else:
            answer = await self.ask(f"Are you {name}'s executor or heir, and do you agree to the cloning? [y/N]")
        if answer is None or answer.strip().lower() not in {"y", "yes"}:
            return None
        if status == "living":
            return ConsentBlock(kind="self", granted_by=name, statement=f"Said at the terminal: {answer.strip()}")
        who = (await self.ask("Your name:") or "").strip() or "the keeper"
        return ConsentBlock(
            kind="executor_or_heir", granted_by=who, statement=f"Said at the terminal: {answer.strip()}"
        )


async def _line() -> str | None:
    """A line from stdin, read by a thread that nobody has to wait for: Ctrl-C at a question ends the program."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        text = sys.stdin.readline()
        with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(lambda: line.done() or line.set_result(text))

    threading.Thread(target=read, daemon=True).start()
    return await line or None


def described(view: CompanionView, link: SignedUrl | None, *, embedded: bool) -> str:
    """A companion as a person reads it."""
    rows = [("voice", view.voice_id or "-")]
    titles = ", ".join(document.name.partition(" ")[2] for document in view.documents)
    rows += [("memories", titles)] if titles else []
    rows += [("agent", f"{view.agent_id}  private; its first words say that it is an AI" if view.agent_id else "-")]
    rows += [("talk", _talk(link, embedded))] if link else []
    rows += [("note", warning) for warning in view.warnings]
    flag = " --sandbox" if embedded else ""
    talk = f"storykeeper show {view.companion}{flag}" + ("" if embedded or link else " --link, for a link to talk")
    rows += [("next", talk if view.status == "done" else view.next)]
    head = f"{view.name}'s companion is {view.status.replace('_', ' ')}: {view.companion}"
    return "\n".join([head, *(f"  {name:<10}{text}" for name, text in rows)])


def _talk(link: SignedUrl, embedded: bool) -> str:
    if embedded:
        return "this sandbox ends with the command; to talk, start one that stays: docs/sandbox.md says how"
    return f"{link.signed_url}  (opens within 15 minutes; don't share it)"


def _console() -> Any:
    from rich.console import Console  # 20 ms that a server needn't wait for

    return Console(stderr=True, soft_wrap=True)
