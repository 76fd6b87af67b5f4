"""Rehearsals: a finished companion is asked what its visitors may ask, and its answers are graded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from .caller import NOBODY, Caller, Wait
from .companion.spec import Which
from .elevenlabs.client import ElevenLabs
from .errors import Busy, Conflict, NotFound, StorykeeperError, from_row
from .model import Model
from .part import part
from .provisioning.asking import Asking, Rehearsing
from .provisioning.blobs import Blobs
from .provisioning.engine import Engine
from .provisioning.ledger import Companion, Resource
from .provisioning.plan import Plan
from .provisioning.planner import Planner
from .provisioning.rehearsed import Answer, edition
from .provisioning.tree import at
from .provisioning.workspace import Workspace
from .telemetry import spanned

if TYPE_CHECKING:
    from .companion.rehearsal.questions import Question


class Rehearsal(Model):
    """`unsure` is what a person has to judge; `left` is how many questions aren't answered yet."""

    companion: str
    status: Literal["done", "running"]
    agent_id: str
    at: str
    passed: int
    failed: int
    unsure: int
    left: int
    answers: list[Answer]
    warnings: list[str]
    next: str

    @property
    def tally(self) -> str:
        """How it went, in a few words."""
        count = len(self.answers) + self.left
        more = {"failed": self.failed, "for a person to judge": self.unsure, "still to be asked": self.left}
        return ", ".join([f"{self.passed} of {count} passed", *(f"{n} {what}" for what, n in more.items() if n)])

    def __str__(self) -> str:
        head = f"{self.companion}: {self.tally} (agent {self.agent_id}, {self.at})"
        told = [line for answer in self.answers for line in _told(answer)]
        return "\n".join([head, *told, *self.warnings, f"Next: {self.next}"])


def _told(answer: Answer) -> list[str]:
    """One line for what is well; the rule and what was said for the rest."""
    head = f"{answer.verdict:<6} {answer.question}: {answer.why}"
    return [head] if answer.verdict == "pass" else [head, f"  rule: {answer.rule}", *(f"  {s}" for s in answer.said)]


@part
class Rehearsals:
    elevenlabs: ElevenLabs
    engine: Engine
    planner: Planner
    blobs: Blobs
    asking: Asking
    workspace: Workspace

    @spanned("rehearse")
    async def rehearse_companion(
        self, companion: Which, wait_seconds: Wait = 45, again: bool = False, *, caller: Caller = NOBODY
    ) -> Rehearsal:
        """Ask a companion what visitors may ask, and grade what it says; kept answers aren't asked for again."""
        known = self.planner.known(companion)
        plan, agent = self.planner.made_from(known), self._agent(known)
        await self.workspace.check_once()
        going = self.asking.join(await self._new(agent, plan), again=again)
        await going.watch(wait_seconds, caller)
        return self._view(known, going)

    def _agent(self, companion: Companion) -> Resource:
        """The agent of a companion that people may talk to. Raises Busy or Conflict for any other."""
        made, ledger = self.planner.made(companion), self.planner.ledger
        agent = next((resource for resource in made if resource.kind == "agent"), None)
        if companion.id in self.engine.runs.going():
            raise Busy(f"{companion.id} is being made or changed", exists="see get_companion")
        if ledger.forgotten(companion.marker) or ledger.revoked(companion.id):
            forget = f"retire_companion(companion={companion.id}, action=forget)"
            raise _refused(f"{companion.id} is to be forgotten", f"{forget} deletes it")
        if agent is None or not self.planner.finished(companion):
            raise _refused(f"{companion.id} isn't finished", f"provision_companion(plan_id={companion.plan_id})")
        if agent.before_pause is not None:
            resume = f"retire_companion(companion={companion.id}, action=resume)"
            raise _refused(f"{companion.id} is paused", f"{resume} lets people talk to it again")
        return agent

    async def _new(self, agent: Resource, plan: Plan) -> Rehearsing:
        """A rehearsal of the agent as it is at ElevenLabs now."""
        try:
            live = await self.elevenlabs.agent(agent.id)
        except NotFound:
            raise _refused("the agent was deleted at ElevenLabs", "plan it again with plan_companion") from None
        first = str(at(live.conversation_config, "agent.first_message") or "")
        questions = await asyncio.to_thread(self._questions, plan)  # a large book takes a second to read
        spec = plan.spec
        return Rehearsing(agent, edition(live), spec.language, spec.subject.name, first, questions)

    def _questions(self, plan: Plan) -> list[Question]:
        from .companion.memories.documents import parse  # as the next ones: a start needn't wait for them
        from .companion.memories.facts import facts
        from .companion.memories.tongue import told_in
        from .companion.rehearsal.questions import questions

        spec = plan.spec
        texts = [self.blobs.read(memory.sha256).decode() for memory in plan.memories if memory.type == "text"]
        language, told = told_in(texts, spec.language), parse(*texts)
        known = facts(told, subject=spec.subject.name, corrections=spec.corrections, language=language)
        return questions(spec.language, spec.subject.name, known, [*texts, *spec.corrections])

    def _view(self, companion: Companion, going: Rehearsing) -> Rehearsal:
        kept = self.asking.rehearsed.answers(companion.marker, going.edition)
        keys = [question.key(going.language) for question in going.questions]
        answers = [kept[key] for key in keys if key in kept]
        left, again = len(keys) - len(answers), f"rehearse_companion(companion={companion.id})"
        if going.error and not going.under_way:
            raise _broken(going.error, f"{len(answers)} of {len(keys)} questions are answered and kept", again)
        verdicts = [answer.verdict for answer in answers]
        return Rehearsal(
            companion=companion.id,
            status="running" if left else "done",
            agent_id=going.agent.id,
            at=_date(max((answer.at for answer in answers), default=0)),
            passed=verdicts.count("pass"),
            failed=verdicts.count("fail"),
            unsure=verdicts.count("unsure"),
            left=left,
            answers=answers,
            warnings=self.workspace.notes,
            next=f"call {again} again to wait; what is answered is kept"
            if left
            else self._next(companion, answers, again),
        )

    def _next(self, companion: Companion, answers: Sequence[Answer], again: str) -> str:
        if all(answer.verdict == "pass" for answer in answers):
            return self.workspace.talking(companion.id)
        return f"read what it said; change it with plan_companion (corrections, memories, wishes), then {again}"


def _broken(error: StorykeeperError, exists: str, again: str) -> StorykeeperError:
    told = from_row(error.row())
    told.exists, told.next = exists, f"{error.next}; {again} goes on with the rest"
    return told


def _refused(what: str, then: str) -> Conflict:
    return Conflict(what, exists="nothing was asked", next=then)


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else ""
