"""Drawing up plans: which companion is meant, what exists of it, what is open. Writes only to the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..companion.spec import Wish, name_key
from ..errors import Busy, Conflict, NotFound, WhichCompanion
from . import plan as planning
from .consents import Consents, about
from .ledger import Companion, Ledger, Resource
from .plan import Draft, Plan, Question
from .staging import Staged
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Planner:
    ledger: Ledger
    consents: Consents
    workspace: Workspace
    running: Callable[[str], bool]
    clock: Callable[[], float] = time.time

    def draw(self, spec: Wish, staged: Staged) -> Draft:
        """Write the plan down and show it. Raises WhichCompanion or Conflict where it isn't clear what is meant."""
        companion = self._identify(spec, [r.sha256 for r in staged.recordings])
        plan = Plan(
            plan_id=planning.plan_id(self.workspace.name, companion, spec, staged.hashes),
            workspace=self.workspace.name,
            companion=companion,
            marker=planning.marker(self.workspace.name, companion),
            spec=spec,
            recordings=staged.recordings,
            memories=staged.memories,
        )
        self._keep(plan)
        return self._show(plan, staged)

    def known(self, companion: str) -> Companion:
        """A companion by its id, or by its name where only one has it."""
        found = self.ledger.companion(companion)
        namesakes = [found] if found else self.ledger.namesakes(name_key(companion))
        if not namesakes:
            raise NotFound("there is no such companion in this workspace")
        if len(namesakes) > 1:
            raise WhichCompanion(f"several have that name: {', '.join(c.id for c in namesakes)}", next="use the id")
        return namesakes[0]

    def current(self, plan_id: str) -> tuple[Plan, Companion]:
        """A plan that may still be run, and its companion. Raises Conflict for one that a newer one has replaced."""
        plan = self.ledger.plan(plan_id)
        if plan is None or plan.workspace != self.workspace.name:
            raise NotFound("there is no such plan in this workspace", next="call plan_companion")
        companion = self.known(plan.companion)
        if companion.plan_id != plan_id:
            raise Conflict(f"that plan is out of date: the newest plan of {companion.id} is {companion.plan_id}")
        return plan, companion

    def made(self, companion: Companion) -> list[Resource]:
        return [resource for resource in self.ledger.resources(companion.marker) if resource.state == "made"]

    def agent(self, companion: Companion) -> str | None:
        return next((resource.id for resource in self.made(companion) if resource.kind == "agent"), None)

    def finished(self, companion: Companion) -> bool:
        """Whether its agent was made, and seen to be stored as it was sent."""
        return any(resource.kind == "agent" and resource.verified for resource in self.made(companion))

    def _identify(self, spec: Wish, recordings: list[str]) -> str:
        """Which companion a spec means. The same name and the same recordings are the same one, said how often."""
        known = self.ledger.namesakes(name_key(spec.subject.name))
        # Of a companion of which nothing was made there is only a plan, and a new plan takes its place.
        namesakes = [c for c in known if self.ledger.resources(c.marker) or c.contents == planning.contents(recordings)]
        content = planning.contents(recordings)
        same = [c.id for c in namesakes if c.contents == content]
        if same and spec.companion in {None, "new", same[0]}:
            return same[0]
        if spec.companion and spec.companion != "new":
            raise self._mismatch(spec.companion)
        if namesakes and spec.companion is None:
            raise WhichCompanion(f"there is {namesakes[0].id} already, made from other recordings")
        return planning.companion_id(spec.subject.name, recordings, {c.id for c in self.ledger.companions()})

    def _mismatch(self, companion: str) -> Conflict | NotFound:
        if self.ledger.companion(companion) is None:
            return NotFound("there is no companion with that id")
        return Conflict(f"{companion} has another name or other recordings", next="leave `companion` out, or say `new`")

    def _keep(self, plan: Plan) -> None:
        """Write the plan down, unless it would change a companion that is already made."""
        known = self.ledger.companion(plan.companion)
        if known and known.plan_id != plan.plan_id and self.running(known.plan_id):
            raise Busy(f"{known.id} is being made from another plan", exists="see get_companion")
        if known and known.plan_id != plan.plan_id and self.agent(known):
            raise Conflict(
                f"{known.id} exists already, made from other {', '.join(self._differences(known, plan)) or 'wishes'}",
                exists=f"{known.id} is unchanged",
                next="call get_companion to see it, and update_agent to change its agent",
            )
        for other in self.ledger.namesakes(name_key(plan.spec.subject.name)):
            replaced = other.id != plan.companion and plan.spec.companion != "new"
            if replaced and not self.ledger.resources(other.marker):
                self.ledger.drop_companion(other.id)
        self.ledger.keep_plan(plan)
        self.ledger.keep_companion(
            Companion(
                id=plan.companion,
                name=plan.spec.subject.name,
                name_key=name_key(plan.spec.subject.name),
                marker=plan.marker,
                contents=planning.contents(plan.hashes),
                plan_id=plan.plan_id,
                made_at=known.made_at if known else int(self.clock()),
            )
        )

    def _differences(self, known: Companion, plan: Plan) -> list[str]:
        """The fields in which a plan differs from the one that a companion was made from."""
        old = self.ledger.plan(known.plan_id)
        if old is None:
            return []
        fields = [f for f in Wish.model_fields if f not in {"companion", "recordings", "memories"}]
        changed = [f for f in fields if getattr(old.spec, f) != getattr(plan.spec, f)]
        same = {m.sha256 for m in old.memories} == {m.sha256 for m in plan.memories}
        return changed if same else [*changed, "memories"]

    def _show(self, plan: Plan, staged: Staged) -> Draft:
        made = {(r.kind, r.slot) for r in self.made(self.known(plan.companion))}
        todo = planning.steps(plan, made)
        asked = [] if self.consents.covering(about(plan)) else [question(plan)]
        doubts = planning.warnings(plan.spec, staged.judged, staged.memories)
        doubts += [f"left out: {name}" for name in staged.left_out]
        return Draft(
            plan_id=plan.plan_id,
            companion=plan.companion,
            workspace=plan.workspace,
            exists=bool(made),
            recordings=[recording.name for recording in plan.recordings],
            steps=todo,
            cost=planning.cost(todo),
            warnings=doubts + self.workspace.notes,
            questions=asked,
            next=("record_consent, then " if asked else "") + f"provision_companion(plan_id={plan.plan_id})",
        )


def question(plan: Plan) -> Question:
    who, files = plan.spec.subject.name, ", ".join(recording.name for recording in plan.recordings)
    return Question(
        code="needs_consent", ask=f"Has {who}, or who may decide for them, agreed to the voice in {files} being cloned?"
    )
