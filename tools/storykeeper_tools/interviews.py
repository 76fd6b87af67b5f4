"""Interviews: what to ask about a life, from what its memories don't tell yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio.to_thread

from .companion import interview
from .companion.language import table
from .companion.spec import Status, clean_name, name_key
from .errors import BadInput
from .model import Model
from .part import part
from .provisioning.plan import Plan
from .provisioning.planner import Planner
from .provisioning.staging import Stager

if TYPE_CHECKING:
    from .companion.memories.item import Item


class Question(Model):
    topic: str
    ask: str


class Interview(Model):
    """`gaps` are the topics that no memory is about; `themselves` says that the person is asked."""

    name: str
    language: str
    themselves: bool
    gaps: list[str]
    questions: list[Question]

    def __str__(self) -> str:
        topics = table(self.language, "interview")["topics"]
        lines: list[str] = []
        for question in self.questions:
            heading = topics[question.topic]
            lines += [] if lines and heading in lines else [heading]
            lines.append(f"- {question.ask}")
        return "\n".join(lines)


@part
class Interviews:
    planner: Planner
    stager: Stager

    async def interview(
        self,
        companion: str = "",
        *,
        name: str = "",
        language: str = "",
        status: Status = "living",
        by: str = "",
        memories: Sequence[str] = (),
    ) -> Interview:
        """The questions for a companion, by id or name, or for somebody of a `name`; `by` is who answers them.

        What the companion and `memories`, files or folders, tell already is asked last.
        """
        plan = self.planner.made_from(self.planner.known(companion)) if companion else None
        spec = plan.spec if plan else None
        who = spec.subject.name if spec else called(name)
        tongue = language or (spec.language if spec else "en")
        living = (spec.subject.status if spec else status) == "living"
        lacking = await anyio.to_thread.run_sync(
            lambda: untold(
                self._told(plan, memories),
                name=who,
                language=spec.language if spec else tongue,
                corrections=spec.corrections if spec else (),
            )
        )
        themselves = living and bool(by) and name_key(by) == name_key(who)
        asked = interview.questions(lacking, name=who, language=tongue, themselves=themselves)
        found = [Question(topic=question.topic, ask=question.ask) for question in asked]
        return Interview(name=who, language=tongue, themselves=themselves, gaps=lacking, questions=found)

    def _told(self, plan: Plan | None, paths: Sequence[str]) -> list[Item]:
        """What the documents of a plan and some files tell."""
        from .companion.memories.documents import parse  # as what follows: a start needn't wait for them

        kept = [memory for memory in plan.memories if memory.type == "text"] if plan else []
        texts = [self.stager.blobs.read(memory.sha256).decode() for memory in kept]
        more, _ = self.stager.texts().read(paths)
        return [*parse(*texts), *more]


def untold(items: Sequence[Item], *, name: str, language: str, corrections: Sequence[str] = ()) -> list[str]:
    """The parts of a life that no memory is about."""
    from .companion.memories.facts import facts
    from .companion.memories.phases import gaps
    from .companion.memories.tongue import told_in

    language = told_in((item.text for item in items), language)
    known = facts(items, subject=name, corrections=corrections, language=language) if items else []
    born = next((int(fact.expected[0]) for fact in known if fact.kind == "birth_year"), 0)
    return gaps(items, language=language, born=born)


def called(name: str) -> str:
    """A name that somebody typed. Raises BadInput."""
    try:
        return clean_name(name)
    except ValueError as error:
        raise BadInput(f"name: {error}", next="say whose memories they are") from None
