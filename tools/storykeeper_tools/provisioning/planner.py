"""Drawing up plans: which companion is meant, what exists of it, what is open. Writes only to the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..companion.spec import Wish, name_key
from ..errors import Conflict, NotFound, WhichCompanion
from ..part import part
from . import plan as planning
from . import retrieval, wanted
from .comparing import drifted, edited, leaving, observed
from .consents import Consents, about
from .differing import differences
from .edits import VOICE, Edit
from .kinds import Wanted
from .ledger import Companion, Ledger, Resource
from .namesakes import Namesakes
from .observing import Live
from .plan import Draft, Field, Plan, Question, StagedMemory, Step
from .runs import UNFINISHED, Runs
from .staging import Staged
from .tree import at
from .workspace import Workspace


@part
class Planner:
    ledger: Ledger
    consents: Consents
    workspace: Workspace
    runs: Runs
    clock: Callable[[], float] = time.time

    @property
    def namesakes(self) -> Namesakes:
        return Namesakes(self.ledger, self.runs)

    def draw(self, companion: str, spec: Wish, staged: Staged, live: Live, *, overwrite: bool = False) -> Draft:
        """Write the plan down and show it. What is already as it is wanted is no new plan."""
        self.ledger.refuse_revoked(companion)
        made = self.made_of(companion)
        same = self._under_way(companion, spec, staged, overwrite=overwrite)
        if same:
            standing = {(r.kind, r.slot) for r in made}
            todo = planning.steps(same, standing, [], leaving(made, same.observed.surplus))
            return self._show(same, todo, [*_doubts(same, staged), *live.unseen])
        voice = self._slot(companion, staged)
        seen = observed(made, staged, live, voice, overwrite=overwrite)
        name = self.workspace.name
        plan = Plan(
            plan_id=planning.plan_id(name, companion, spec, staged.hashes, seen, overwrite=overwrite, voice=voice),
            workspace=name,
            companion=companion,
            marker=planning.marker(name, companion),
            spec=spec,
            recordings=staged.recordings,
            memories=staged.memories,
            observed=seen,
            overwrite=overwrite,
            voice=voice,
        )
        todo, notes = self._todo(plan, live)
        known = self.ledger.companion(companion)
        if known and self.finished(known) and planning.kept(todo):
            plan = plan.model_copy(update={"plan_id": known.plan_id})
            self._leave_as_it_is(companion)
        else:
            staged.staging.drop(self._keep(plan))
        return self._show(plan, todo, [*_doubts(plan, staged), *notes])

    def again(self, plan: Plan, live: Live) -> Draft:
        """A plan that was drawn before, as it would be carried out now."""
        todo, notes = self._todo(plan, live)
        return self._show(plan, todo, [*planning.warnings(plan.spec, [], plan.memories), *notes])

    def kept_doubts(self, plan: Plan) -> list[str]:
        """What a keeper should know of a plan that the ledger knows: the same until something of it was done."""
        made = self.made_of(plan.companion)
        todo = planning.steps(plan, {(r.kind, r.slot) for r in made if r.id not in plan.observed.gone}, [], [])
        cloned = any((step.action, step.kind) == ("create", "voice") for step in todo)
        heard = [found for recording in plan.recordings for found in recording.findings] if cloned else []
        rest = [*planning.warnings(plan.spec, [], plan.memories), *retrieval.notes(plan.memories)]
        known = self.ledger.companion(plan.companion)
        return [*heard, *rest, *self._passed_on(known, plan), *self._unheard(plan, todo)]

    def _todo(self, plan: Plan, live: Live) -> tuple[list[Step], list[str]]:
        """The steps of a plan, and what there is to know about what it changes."""
        made, known = self.made_of(plan.companion), self.ledger.companion(plan.companion)
        news = edited(plan, made, live)
        standing = {(r.kind, r.slot) for r in made if r.id not in live.gone}
        fields = self._told(known, plan, news)
        todo = planning.steps(plan, standing, fields, leaving(made, plan.observed.surplus))
        return todo, [*self._passed_on(known, plan), *self._unheard(plan, todo), *drifted(news.drift), *live.unseen]

    def _told(self, known: Companion | None, plan: Plan, news: Edit) -> list[Field]:
        """What changes about the agent: as the spec says it where that is why, with what drifted and is changed back."""
        base = self.ledger.plan(known.plan_id) if known and news.fields and self.finished(known) else None
        words = differences(base, plan) if base else []
        voice = [field for field in news.fields if field.field == VOICE and field not in news.back]
        return [*voice, *words, *news.back] if words else news.fields

    def _passed_on(self, known: Companion | None, plan: Plan) -> list[str]:
        """Who may consent hangs on it, so that nobody is taken for dead without a word."""
        base, subject = self.ledger.plan(known.plan_id) if known else None, plan.spec.subject
        if base is None or subject.status == "living" or base.spec.subject.status == "deceased":
            return []
        return [f"this says that {subject.name} has died, of whom an earlier plan says that they live; is that so?"]

    def _unheard(self, plan: Plan, todo: Sequence[Step]) -> list[str]:
        """What a plan asks for that the voice there is can't be given any more."""
        known = self.ledger.companion(plan.companion)
        base = self.ledger.plan(known.plan_id) if known else None
        kept = any((step.action, step.kind) == ("keep", "voice") for step in todo)
        wish = plan.spec.voice.remove_background_noise
        if not kept or base is None or base.spec.voice.remove_background_noise == wish:
            return []
        return ["voice.remove_background_noise only counts when a voice is made: this one stays as it is"]

    def _under_way(self, companion: str, spec: Wish, staged: Staged, *, overwrite: bool) -> Plan | None:
        """The plan that is being carried out, if this is its very wish: said again meanwhile, it is joined."""
        known = self.ledger.companion(companion)
        run = self.runs.of(known.plan_id) if known else None
        plan = self.ledger.plan(run.plan_id) if run and run.state in {*UNFINISHED, "parked"} else None
        if plan is None:
            return None
        name = self.workspace.name
        id = planning.plan_id(
            name, companion, spec, staged.hashes, plan.observed, overwrite=overwrite, voice=plan.voice
        )
        return plan if id == plan.plan_id else None

    def _slot(self, companion: str, staged: Staged) -> str:
        """Where the voice from what is staged belongs."""
        known = self.ledger.companion(companion)
        heard = planning.contents([recording.sha256 for recording in staged.recordings])
        return known.slot(heard) if known else ""

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
        plan.check()
        return plan, self._owner(plan)

    def _owner(self, plan: Plan) -> Companion:
        companion = self.known(plan.companion)
        newest = companion.planned or companion.plan_id
        if plan.plan_id not in {companion.plan_id, companion.planned}:
            raise Conflict(f"that plan is out of date: the newest plan of {companion.id} is {newest}")
        return companion

    def made(self, companion: Companion) -> list[Resource]:
        return [resource for resource in self.ledger.resources(companion.marker) if resource.state == "made"]

    def memories_of(self, spec: Wish) -> list[StagedMemory]:
        """The documents of what a spec may mean, which needn't be known yet."""
        named = self.ledger.companion(spec.companion) if spec.companion else None
        known = [named] if named else self.ledger.namesakes(name_key(spec.subject.name))
        plans = [self.ledger.plan(companion.plan_id) for companion in known]
        return [memory for plan in plans if plan for memory in plan.memories]

    def made_of(self, companion: str) -> list[Resource]:
        """What was made of a companion, which needn't be known yet."""
        known = self.ledger.companion(companion)
        return self.made(known) if known else []

    def agent(self, companion: Companion) -> str | None:
        return next((resource.id for resource in self.made(companion) if resource.kind == "agent"), None)

    def voice(self, companion: Companion) -> Resource | None:
        """The voice that it speaks in; while it has no agent, or that has another, the newest plan's."""
        made, plan = self.made(companion), self.ledger.plan(companion.plan_id)
        spoken = next((str(at(r.sent, VOICE)) for r in made if r.kind == "agent"), "")
        voices = [resource for resource in made if resource.kind == "voice"]
        order = sorted(voices, key=lambda v: (v.id != spoken, plan is None or v.slot != plan.voice))
        return next(iter(order), None)

    def finished(self, companion: Companion) -> bool:
        """Whether its plan was carried out, nothing was deleted since, and its agent seen to be stored as it was sent."""
        run = self.runs.of(companion.plan_id)
        made = self.made(companion)
        safe = any(resource.kind == "agent" and resource.verified for resource in made)
        return safe and run is not None and run.state == "done" and not self._lacking(companion, made)

    def _lacking(self, companion: Companion, made: Sequence[Resource]) -> list[Wanted]:
        """What its plan wants beside the agent and isn't there."""
        plan = self.ledger.plan(companion.plan_id)
        there = {(resource.kind, resource.slot) for resource in made}
        pieces = [wanted.voice(plan), *wanted.documents(plan)] if plan else []
        return [piece for piece in pieces if (piece.kind, piece.slot) not in there]

    def made_from(self, companion: Companion) -> Plan:
        """The plan that a companion is made from."""
        plan = self.ledger.plan(companion.plan_id)
        if plan is None:
            raise NotFound("the plan of this companion is gone", next="plan it again from a spec")
        return plan

    def drift(self, companion: Companion, live: Live) -> list[str]:
        """What of a finished companion isn't at ElevenLabs as it was made."""
        plan, made = self.ledger.plan(companion.plan_id), self.made(companion)
        lost = [f"drift: the {r.kind} {r.id} was deleted at ElevenLabs" for r in made if r.id in live.gone]
        run = self.runs.of(companion.plan_id)
        lacking = self._lacking(companion, made) if run and run.state == "done" else []
        lost += [f"the {w.kind} '{w.name}' was deleted, until it is planned again" for w in lacking]
        public = live.agent is not None and at(live.agent.platform_settings, "auth.enable_auth") is not True
        door = [f"drift: the agent {live.agent.agent_id} is public"] if live.agent and public else []
        edits = edited(plan, made, live).drift if plan and self.finished(companion) else []
        return [*lost, *door, *drifted(edits), *live.unseen]

    def identify(self, spec: Wish, recordings: list[str]) -> str:
        """Which companion a spec means. The same name and the same recordings are the same one, said how often; one that
        is named by its id may get other recordings, and so another voice.

        Raises WhichCompanion, NotFound or Conflict where it isn't clear what is meant.
        """
        contents = planning.contents(recordings)
        named = self.ledger.companion(spec.companion) if spec.companion else None
        if named and (named.contents == contents or named.name_key == name_key(spec.subject.name)):
            return named.id
        if spec.companion and spec.companion != "new":
            raise self._mismatch(spec.companion)
        # Of a companion of which nothing was made there is only a plan, and a new plan takes its place.
        known = self.ledger.namesakes(name_key(spec.subject.name))
        namesakes = [c for c in known if c.contents == contents or self.namesakes.stands(c)]
        same = [c.id for c in namesakes if c.contents == contents]
        if same:
            return same[0]
        if namesakes and spec.companion is None:
            raise WhichCompanion(f"there is {namesakes[0].id} already, from other recordings")
        return planning.companion_id(spec.subject.name, recordings, self.ledger.ids())

    def _mismatch(self, companion: str) -> Conflict | NotFound:
        if self.ledger.companion(companion) is None:
            return NotFound("there is no companion with that id")
        return Conflict(
            f"{companion} has another name and other recordings", next="leave `companion` out, or say `new`"
        )

    def _keep(self, plan: Plan) -> set[str]:
        """Write the plan down; answers the staged files that it leaves to nobody. A change of what is made waits beside
        the plan that it was made from."""
        with self.ledger.database.transaction():
            known = self.ledger.companion(plan.companion)
            self.ledger.keep_plan(plan)
            if known and known.plan_id != plan.plan_id:
                self.runs.clear(plan.plan_id, known.id)
            if known and plan.observed.agent:
                planned = "" if known.plan_id == plan.plan_id else plan.plan_id
                self.ledger.keep_companion(known.model_copy(update={"planned": planned}))
            else:
                self.ledger.keep_companion(_companion(plan, known, int(self.clock())))
            if known or plan.spec.companion:
                return set()
            return self.namesakes.replace(name_key(plan.spec.subject.name), plan.companion)

    def _leave_as_it_is(self, companion: str) -> None:
        """The newest wish is what is made already, so a change that was planned before it is off."""
        with self.ledger.database.transaction():
            known = self.ledger.companion(companion)
            if known and known.planned:
                self.ledger.keep_companion(known.model_copy(update={"planned": ""}))

    def take_up(self, plan: Plan) -> Companion:
        """The companion, made from this plan from now on. Raises Conflict where a newer plan was drawn meanwhile."""
        with self.ledger.database.transaction():
            known = self._owner(plan)
            run = self.runs.of(plan.plan_id)
            if known.plan_id != plan.plan_id:
                self.runs.clear(plan.plan_id, known.id)
                before = known.plan_id if self.finished(known) else known.before
                now = _companion(plan, known, known.made_at).model_copy(update={"before": before})
            elif run and run.state == "done":
                now = known.model_copy(update={"before": ""})  # it was carried out once, so nothing goes back behind it
            else:
                return known
            self.ledger.keep_companion(now)
        return now

    def _show(self, plan: Plan, todo: list[Step], notes: list[str]) -> Draft:
        asked = [] if self.consents.covering(about(plan)) else [question(plan)]
        return Draft(
            plan_id=plan.plan_id,
            companion=plan.companion,
            workspace=plan.workspace,
            exists=any(step.action != "create" for step in todo),
            recordings=[recording.name for recording in plan.recordings],
            steps=todo,
            cost=planning.cost(todo),
            warnings=[*notes, *self.workspace.notes],
            questions=asked,
            next=self._next(plan, todo, asked=bool(asked)),
        )

    def _next(self, plan: Plan, todo: list[Step], *, asked: bool) -> str:
        known = self.ledger.companion(plan.companion)
        made = known and known.plan_id == plan.plan_id and self.finished(known)
        if made and planning.kept(todo) and not asked:
            return "nothing: it is made as planned"
        return ("record_consent, then " if asked else "") + f"provision_companion(plan_id={plan.plan_id})"


def _doubts(plan: Plan, staged: Staged) -> list[str]:
    """What a keeper should know about the recordings and memories of a plan."""
    found = planning.warnings(plan.spec, staged.judged, staged.memories)
    return [*found, *retrieval.notes(staged.memories), *staged.doubts, *(f"left out: {n}" for n in staged.left_out)]


def _companion(plan: Plan, known: Companion | None, now: int) -> Companion:
    heard = planning.contents(plan.hashes)
    return Companion(
        id=plan.companion,
        name=plan.spec.subject.name,
        name_key=name_key(plan.spec.subject.name),
        marker=plan.marker,
        contents=heard,
        plan_id=plan.plan_id,
        made_at=known.made_at if known else now,
        first=(known.first or known.contents) if known else heard,
    )


def question(plan: Plan) -> Question:
    subject, files = plan.spec.subject, ", ".join(recording.name for recording in plan.recordings)
    who = f"{subject.name}, or their guardian," if subject.status == "living" else f"{subject.name}'s executor or heir"
    return Question(
        code="needs_consent",
        ask=f"Has {who} agreed to the voice in {files} being cloned?",
        name=subject.name,
        deceased=subject.status == "deceased",
    )
