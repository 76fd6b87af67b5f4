"""Companions: planned for nothing, provisioned once, looked at as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Annotated

import anyio.to_thread
from pydantic import Field

from .caller import NOBODY, Caller, Wait
from .companion.changes import Changes, changed, said_again
from .companion.consent import About
from .companion.language import phrases
from .companion.spec import ConsentBlock, ConsentKind, Name, Which, Wish, clean_name
from .elevenlabs.client import ElevenLabs
from .elevenlabs.models import Agent
from .errors import BadInput, Conflict, MissingPermission, UpstreamError, from_row
from .part import part
from .provisioning import goahead
from .provisioning.base import Base
from .provisioning.consents import Consents
from .provisioning.consents import about as about_plan
from .provisioning.engine import Engine
from .provisioning.ensure import standing
from .provisioning.ledger import Companion, Resource
from .provisioning.marked import marked
from .provisioning.observing import observe
from .provisioning.plan import Draft, Plan, marker
from .provisioning.planner import Planner
from .provisioning.proposals import Proposals
from .provisioning.rehearsed import Rehearsed
from .provisioning.runs import UNFINISHED, Run
from .provisioning.staging import Staged, Stager
from .provisioning.watching import watch
from .provisioning.workspace import Workspace
from .telemetry import spanned
from .views import (
    CompanionList,
    CompanionRow,
    CompanionView,
    ConsentView,
    DocumentView,
    Standing,
    consent_view,
    following,
    forgetting,
    proposed,
    reason,
    resuming,
)

TAKEN_BACK = "its consent was taken back"
Short = Annotated[str, Field(max_length=60)]


@part
class Companions:
    elevenlabs: ElevenLabs
    engine: Engine
    planner: Planner
    stager: Stager
    consents: Consents
    workspace: Workspace
    rehearsed: Rehearsed

    @spanned("plan")
    async def plan_companion(
        self,
        spec: Wish | None = None,
        companion: Which = "",
        changes: Changes | None = None,
        overwrite: Annotated[bool, Field(description="Undo edits made in the dashboard")] = False,
    ) -> Draft:
        """What making a companion from a spec, or changing one, would do and cost. Spends and uploads nothing."""
        if (spec is None) == (not companion) or (spec and changes):
            raise BadInput("give either a spec, or a companion and its changes")
        if spec is not None:
            return await self._plan(spec, overwrite)
        known = self.planner.known(companion)
        plan, news = self.planner.made_from(known), changes or Changes()
        wish = changed(plan.spec, news).model_copy(update={"companion": known.id})
        base = self._kept(known, plan, news.remove_memories)
        async with self.stager.amended(plan, wish, base, news.add_memories, news.recordings) as staged:
            return await self._draw(known.id, wish, staged, overwrite)

    async def _plan(self, spec: Wish, overwrite: bool) -> Draft:
        """Its recordings say whose it is, and so what of it there is already."""
        async with self.stager.staged(spec.recordings, []) as heard:
            before = self._before(spec, heard.hashes)
            wish = said_again(before.spec, spec) if before else spec
            base, memory_id = Base(known=self.planner.memories_of(spec)), wish.memory_id
            if before and "memories" not in spec.model_fields_set:
                base, memory_id = Base(before.memories), spec.memory_id
            async with self.stager.staged([], spec.memories, memory_id, wish=wish, base=base) as told:
                staged = replace(told, recordings=heard.recordings, judged=heard.judged)
                return await self._draw(self.planner.identify(wish, heard.hashes), wish, staged, overwrite)

    def _before(self, spec: Wish, recordings: list[str]) -> Plan | None:
        """The plan that the companion of a spec is made from; None where nothing was made yet."""
        known = self.planner.ledger.companion(self.planner.identify(spec, recordings))
        return self.planner.ledger.plan(known.plan_id) if known and self.planner.made(known) else None

    async def _draw(self, companion: str, spec: Wish, staged: Staged, overwrite: bool) -> Draft:
        phrases(spec.language)
        obstacle = await self.workspace.survey()
        live = await observe(self.elevenlabs, self.planner.made_of(companion))
        stray = await self._stray(companion)
        draft = self.planner.draw(companion, spec, staged, live, overwrite=overwrite)
        draft.warnings += stray
        if obstacle and draft.cost.voice_slots:
            draft.warnings.append(f"{obstacle.code}: {obstacle.what}")
        return draft

    async def _stray(self, companion: str) -> list[str]:
        """A warning where ElevenLabs knows a companion that this ledger has never heard of."""
        mark, ledger = marker(self.workspace.name, companion), self.planner.ledger
        if ledger.resources(mark) or ledger.journal.entries(mark):
            return []
        try:
            found = await marked(self.elevenlabs, mark, {"agent", "document"})
        except (UpstreamError, MissingPermission) as error:
            return [f"it wasn't looked whether ElevenLabs has this companion already ({error.code})"]
        if not found:
            return []
        return [
            f"ElevenLabs has this companion already ({found[0].kind} {found[0].id}), made on another computer or before"
            " this ledger: run `storykeeper reconcile --adopt` first, or all of it is made a second time"
        ]

    def _kept(self, companion: Companion, plan: Plan, remove: list[str]) -> Base:
        """The memories of a plan but for some, which go by title or document id, or one by one by their own ids."""
        from .companion.memories.provenance import is_id  # a start needn't wait for it

        ids = {resource.id: resource.slot for resource in self.planner.made(companion)}
        titles = {memory.title for memory in plan.memories}
        items = [name for name in remove if is_id(name) and name not in titles]
        going = {m.sha256 for m in plan.memories if m.title in remove} | {ids[name] for name in remove if name in ids}
        if any(name not in titles and name not in items and ids.get(name) not in going for name in remove):
            raise BadInput(f"a memory to remove isn't there; there are: {', '.join(sorted(titles)) or 'none'}")
        count = Counter(memory.title for memory in plan.memories)
        if several := [name for name in remove if count[name] > 1]:
            raise BadInput(f"several memories are called '{several[0]}'", next="remove one by its id (get_companion)")
        kept = [memory for memory in plan.memories if memory.sha256 not in going]
        return Base(kept, [memory for memory in plan.memories if memory.sha256 in going], items)

    async def record_consent(
        self,
        kind: ConsentKind,
        granted_by: Name,
        companion: Annotated[str, Field(description="A plan or companion; or give name and recordings")] = "",
        name: Annotated[str, Field(max_length=80)] = "",
        recordings: Annotated[list[str], Field(max_length=25)] = [],
        deceased: bool = False,
        relation: Short = "",
        statement: Annotated[str, Field(max_length=2000, description="Their own words")] = "",
        *,
        caller: Caller = NOBODY,
    ) -> ConsentView:
        """Record who allows this voice to be cloned: the person (self), a guardian, an executor or heir. Ask them first."""
        if bool(companion) == bool(recordings):
            raise BadInput("give either a companion, or a name and recordings")
        block = ConsentBlock(kind=kind, granted_by=granted_by, relation=relation, statement=statement)
        if companion:
            return await self.grant(companion, block, caller)
        hashes = await self.stager.hashes(recordings)
        subject = About(None, spoken(name), "deceased" if deceased else "living", tuple(hashes))
        return consent_view(await self.consents.attest(subject, block, caller), "clone_voice with the same recordings")

    async def grant(self, companion: str, block: ConsentBlock, caller: Caller = NOBODY) -> ConsentView:
        """Record the consent to what was last planned for a companion. By its plan's id it is a consent to that plan: raises
        Conflict where a newer one is about other recordings."""
        asked = self.planner.ledger.plan(companion)
        known = self.planner.known(asked.companion if asked else companion)
        plan, _ = self.planner.current(known.planned or known.plan_id)
        if asked and about_plan(asked) != about_plan(plan):
            raise Conflict(
                f"{companion} isn't the newest plan of {known.id}, and the other is about another voice",
                next="ask about the newest plan",
            )
        consent = await self.consents.attest(about_plan(plan), block, caller)
        return consent_view(consent, f"provision_companion(plan_id={plan.plan_id})")

    async def provision_companion(
        self, plan_id: str, wait_seconds: Wait = 45, *, caller: Caller = NOBODY
    ) -> CompanionView:
        """Run a plan: voice, documents, agent. Said again, it joins the run; nothing is made twice."""
        plan, _ = self.planner.current(plan_id)
        if not self.consents.covering(about_plan(plan)):
            await self.consents.ask(about_plan(plan), caller)
        await self._confirm(plan_id, caller)
        return await self.provision(plan_id, wait_seconds, caller)

    async def _confirm(self, plan_id: str, caller: Caller) -> None:
        """A person's yes to what it spends and does. What is going on, or goes on by itself, has had it."""
        plan, companion = self.planner.current(plan_id)
        run = self.engine.look(plan_id)
        going = run is not None and (run.state in UNFINISHED or run.again_at is not None)
        if going or (companion.plan_id == plan_id and self.planner.finished(companion)):
            return
        before = self.planner.ledger.plan(companion.plan_id) if companion.plan_id != plan_id else None
        doubts, notes = self.planner.kept_doubts(plan), self.workspace.notes
        question = goahead.provisioning(plan, self.planner.made(companion), before, doubts, notes)
        if question:
            await self.workspace.check_once()  # nobody is asked for what can't be done
            await goahead.spend(question, caller, self.consents.policy, f"`storykeeper provision --plan {plan_id}`")

    @spanned("provision")
    async def provision(self, plan_id: str, wait_seconds: float, caller: Caller = NOBODY) -> CompanionView:
        """The same for a command, which has asked the person itself what it spends."""
        plan, companion = self.planner.current(plan_id)
        if not self.consents.covering(about_plan(plan)):
            await self.consents.ask(about_plan(plan), caller)
            plan, companion = self.planner.current(plan_id)  # a newer one may have been drawn meanwhile
        if companion.plan_id != plan_id or not self.planner.finished(companion):
            await self.workspace.check_once()
            self.engine.submit(plan, self.planner.take_up)
            companion = self.planner.known(plan.companion)
            total = len(plan.memories) + 8
            await caller.report(0, total, "starting")
            await watch(self.engine, plan_id, wait_seconds, caller, total)
        run = self.engine.look(plan_id)
        if run and run.state in {"failed", "parked"} and run.result and run.result.error:
            error = from_row(run.result.error)
            error.exists = standing(self.planner.ledger.resources(companion.marker))
            error.next = resuming(error, run)
            raise error
        view = self._view(companion, run)
        if view.status == "done" and not self._look_ahead(view, companion, None):
            agents = [resource for resource in self.planner.made(companion) if resource.kind == "agent"]
            self._look_ahead(view, companion, (await observe(self.elevenlabs, agents)).agent)
        return view

    def _look_ahead(self, view: CompanionView, companion: Companion, agent: Agent | None) -> list[str]:
        """What is to be known before anybody talks to it; then a rehearsal comes first."""
        doubts = self.rehearsed.doubts(companion.marker, companion.id, agent)
        if doubts:
            view.next = f"rehearse_companion(companion={companion.id}) asks it what visitors may ask; then {view.next}"
        return doubts

    async def get_companion(self, companion: Which, about: Annotated[str, Field(max_length=200)] = "") -> CompanionView:
        """A companion's state and ids, and whether it is still as it was made; `about` finds memories on a topic."""
        known = self.planner.known(companion)
        view = self._view(known, self.engine.look(known.plan_id))
        live = await observe(self.elevenlabs, self.planner.made(known))
        view.warnings += self.planner.drift(known, live)
        view.rehearsed = self.rehearsed.last(known.marker)
        if view.status == "done":
            view.warnings += self._look_ahead(view, known, live.agent)
        elif view.agent_id and not view.rehearsed:
            view.rehearsed = "not rehearsed yet"
        if about:
            from .companion.memories.provenance import clean  # a start needn't wait for it

            plan = self.planner.ledger.plan(known.plan_id)
            view.memories = await anyio.to_thread.run_sync(self._about, plan, about) if plan else []
            view.warnings += [] if view.memories else [f"nothing is told about '{clean(about)[:60]}'"]
        return view

    async def list_companions(self) -> CompanionList:
        """All companions of this workspace."""
        rows = [self._row(companion) for companion in self.planner.ledger.companions()]
        return CompanionList(companions=rows, workspace=self.workspace.name)

    def _row(self, companion: Companion) -> CompanionRow:
        run = self.engine.look(companion.plan_id)
        status, agent = self._status(companion, run), self.planner.agent(companion)
        return CompanionRow(
            companion=companion.id,
            name=companion.name,
            status=status,
            agent_id=agent,
            why=TAKEN_BACK if self.planner.ledger.revoked(companion.id) else reason(status, run),
        )

    def _view(self, companion: Companion, run: Run | None) -> CompanionView:
        made = self.planner.made(companion)
        status = self._status(companion, run)
        voice = self.planner.voice(companion)
        current, left_over = self._sorted(companion, made, voice)
        planned, why = companion.planned, reason(status, run)
        return CompanionView(
            companion=companion.id,
            name=companion.name,
            workspace=self.workspace.name,
            status=status,
            plan_id=companion.plan_id,
            voice_id=voice.id if voice else None,
            documents=[DocumentView(id=r.id, name=r.name, type=r.type) for r in current],
            agent_id=self.planner.agent(companion),
            done=run.steps if run else [],
            memories=[],
            warnings=[
                *([f"it {'waits' if status == 'parked' else 'failed'}: {why}"] if why else []),
                *(run.result.warnings if run and run.result else []),
                *(f"left over from an earlier plan: {r.kind} {r.id} '{r.name}'" for r in left_over),
                *self._lapsed(companion),
                *([f"a change is planned: provision_companion(plan_id={planned})"] if planned else []),
                *proposed(Proposals(self.planner.ledger).of(companion)),
                *self.workspace.notes,
            ],
            next=forgetting(companion)
            if self.planner.ledger.revoked(companion.id)
            else following(status, companion, run, self.workspace.talking(companion.id)),
        )

    def _lapsed(self, companion: Companion) -> list[str]:
        """Why nobody is let in to what was made, where its consent doesn't hold any more."""
        if self.planner.ledger.revoked(companion.id):
            return [TAKEN_BACK]
        over = self.consents.lapsed(companion)
        return ["its consent is over: nobody is let in to it until there is a new one"] if over else []

    def _sorted(
        self, companion: Companion, made: list[Resource], voice: Resource | None
    ) -> tuple[list[Resource], list[Resource]]:
        """The documents of the current plan, and what an earlier one left."""
        plan = self.planner.ledger.plan(companion.plan_id)
        order = {memory.sha256: n for n, memory in enumerate(plan.memories)} if plan else dict[str, int]()
        documents = [resource for resource in made if resource.kind == "document"]
        wanted = sorted((d for d in documents if d.slot in order), key=lambda d: order[d.slot])
        voices = [r for r in made if voice and r.kind == "voice" and r.id != voice.id]
        return wanted, [*(d for d in documents if d.slot not in order), *voices]

    def _status(self, companion: Companion, run: Run | None) -> Standing:
        if self.planner.ledger.forgotten(companion.marker):
            return "forgetting"
        revoked = self.planner.ledger.revoked(companion.id)
        if run and run.state in UNFINISHED and not revoked:
            return run.state if self.engine.carried() else "waiting_for_worker"
        if run and run.state == "parked" and not revoked:
            return run.state
        if revoked or any(resource.before_pause is not None for resource in self.planner.made(companion)):
            return "paused"
        if run and run.state == "failed":
            return run.state
        return "done" if self.planner.finished(companion) else "planned"

    def _about(self, plan: Plan, topic: str) -> list[str]:
        from .companion.memories.documents import parse  # a start needn't wait for them
        from .companion.memories.searching import about, told

        texts = [self.stager.blobs.read(m.sha256).decode() for m in plan.memories if m.type == "text"]
        return [told(item) for item in about(parse(*texts), topic, language=plan.spec.language)]


def spoken(name: str) -> str:
    """A name as it is said in a question: clean, as in a spec."""
    try:
        return clean_name(name)
    except ValueError as error:
        raise BadInput(f"name: {error}", next="say whose voice it is") from None
