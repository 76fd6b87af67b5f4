"""`storykeeper interview`: questions at the terminal, whose answers become a file of memories, line by line."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storykeeper_tools.companion import interview as asking
from storykeeper_tools.companion.spec import Spec, slug
from storykeeper_tools.companion.written import load
from storykeeper_tools.errors import BadInput, NotFound
from storykeeper_tools.files import named
from storykeeper_tools.interviews import Interview, called

from .commands import opened, print_json, print_text
from .terminal import Terminal
from .wiring import Storykeeper

HOW = (
    "Answer in as many lines as you like, and end with an empty one. An empty line at once skips a topic, ? asks "
    "something else about it, and Ctrl-D ends it for today: every line is kept as you finish it."
)


async def interview(arguments: argparse.Namespace) -> int:
    """The questions where nobody is at a terminal, or as JSON; else the conversation, and then the file's name."""
    terminal = Terminal()
    there = not arguments.json and sys.stdin is not None and sys.stdin.isatty()
    if not arguments.of and there:
        arguments.of = (await terminal.ask("Whose memories are they? Name:") or "").strip()
    if not arguments.of:
        raise BadInput("say whose memories they are", next="give a name, a companion's id, or a companion.yaml")
    if not arguments.by and there:
        arguments.by = (await terminal.ask("Who is answering? Name, or an empty line:") or "").strip()
    found = await _questions(arguments)
    if arguments.json:
        print_json(found.model_dump(mode="json"))
    elif not there:
        print_text(found)
    else:
        await _talk(found, arguments, terminal)
    return 0


async def _questions(arguments: argparse.Namespace) -> Interview:
    by = called(arguments.by) if arguments.by else ""
    spec = load(Path(arguments.of)) if arguments.of.endswith((".yaml", ".yml", ".json")) else None
    memories = [*arguments.memories, *(spec.memories if spec else ())]
    async with opened(arguments, memories) as keeper:
        if spec is None and _known(keeper, arguments.of):
            return await keeper.interviews.interview(
                arguments.of, language=arguments.language, by=by, memories=memories
            )
        return await keeper.interviews.interview(
            name=spec.subject.name if spec else arguments.of,
            language=_language(arguments, spec),
            status=spec.subject.status if spec else "living",
            by=by,
            memories=memories,
        )


def _known(keeper: Storykeeper, of: str) -> bool:
    """Whether it is a companion's id or name, rather than just somebody's name."""
    try:
        keeper.companions.planner.known(of)
    except NotFound:
        return False
    return True


def _language(arguments: argparse.Namespace, spec: Spec | None) -> str:
    return arguments.language or (spec.language if spec else "en")


async def _talk(found: Interview, arguments: argparse.Namespace, terminal: Terminal) -> None:
    by = called(arguments.by) if arguments.by else ""
    named = "-".join(["interview", slug(found.name), *([slug(by)] if by else [])])
    answers = Answers(Path(arguments.out or f"{named}.md"))
    done = answers.take_up(found, by)
    left = [asking.Question(q.topic, q.ask) for q in found.questions if q.ask not in done]
    terminal.say(HOW)
    given = await _ask(left, answers, terminal)
    if given or done:
        print_text(f"{answers.path}: {len(done) + given} of {len(found.questions)} questions are answered.")
    else:
        print_text("Nothing was written.")


async def _ask(questions: Sequence[asking.Question], answers: Answers, terminal: Terminal) -> int:
    """How many were answered, until there are none left or somebody has enough."""
    given, skipped = 0, ""
    for question in questions:
        if question.topic == skipped:
            continue
        first = await terminal.ask(f"\n{question.ask}")
        if first is None:
            break
        if not first.strip():
            skipped = question.topic
        elif first.strip() != "?":
            given += 1
            answers.write(asking.headed(question) + line(first))
            if not await _rest(answers, terminal):
                break
    return given


async def _rest(answers: Answers, terminal: Terminal) -> bool:
    """The other lines of an answer; whether somebody is still there after it."""
    while (more := await terminal.line()) is not None and more.strip():
        answers.write(line(more))
    return more is not None


def line(text: str) -> str:
    """A line as it was typed, without what keys other than letters left in it."""
    sound = text.encode("utf-8", "replace").decode()
    return "".join(c for c in sound if c.isprintable() or c == "\t").rstrip() + "\n"


@dataclass(slots=True)
class Answers:
    """A Markdown file that is only ever added to; what was written stays, whatever happens next."""

    path: Path
    begun: bool = False
    head: str = ""

    def take_up(self, found: Interview, by: str) -> set[str]:
        """The questions that are answered in it already. Raises BadInput for a file that is something else."""
        today = time.strftime("%Y-%m-%d")
        self.head = asking.opening(name=found.name, language=found.language, by=by, told_on=today)
        if not self.path.exists():
            return set()
        with named(self.path) as file:
            text = file.read().decode("utf-8", "replace")
        said = asking.told(text)
        if said.get("about") != found.name or said.get("contributor", "") != by:
            whose = "isn't an interview" if not said else f"has what {said.get('contributor') or 'somebody'} told"
            raise BadInput(f"{self.path.name} {whose}", exists="it is unchanged", next="give another file with --out")
        self.begun = True
        if not text.endswith("\n"):
            self.write("\n")
        return asking.answered(text)

    def write(self, text: str) -> None:
        """Added at the end and on the disk when this returns."""
        data = (text if self.begun else self.head + text).encode()
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        self.begun = True
