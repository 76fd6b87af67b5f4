"""Companions: planned for nothing, provisioned once, looked at as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from .caller import NOBODY, Caller, Wait
from .companion.changes import Changes, changed
from .companion.consent import Consent, Granting
from .companion.language import phrases
from .companion.memories.documents import about as mentioning
from .companion.spec import ConsentBlock, ConsentKind, Name, Which, Wish, clean_name
from .elevenlabs.client import ElevenLabs
from .errors import BadInput, Conflict, MissingPermission, StorykeeperError, UpstreamError, from_row
from .provisioning.consents import About, Consents
from .provisioning.consents import about as about_plan
from .provisioning.engine import Engine
from .provisioning.ensure import standing
from .provisioning.ledger import Companion, Resource
from .provisioning.marked import marked
from .provisioning.observing import observe
from .provisioning.plan import Draft, Plan, StagedMemory, marker
from .provisioning.planner import Planner
from .provisioning.runs import UNFINISHED, Run
from .provisioning.staging import Staged, Stager
from .provisioning.watching import watch
from .provisioning.workspace import Workspace

Standing = Literal[
    "planned", "queued", "waiting_for_worker", "running", "parked", "done", "failed", "paused", "forgetting"
]
Short = Annotated[str, Field(max_length=60)]


class DocumentView(BaseModel):
    id: str
    name: str
    type: str


class CompanionView(BaseModel):
    companion: str
    name: str
    workspace: str
    status: Standing
    plan_id: str
    voice_id: str | None
    documents: list[DocumentView]
    agent_id: str | None
    done: list[str]
    memories: list[str]
    warnings: list[str]
    next: str

    def __str__(self) -> str:
        ids = [f"voice {self.voice_id}"] if self.voice_id else []
        ids += [f"{d.type} document {d.id} '{d.name}'" for d in self.documents]
        ids += [f"agent {self.agent_id}"] if self.agent_id else []
        said = f"{self.companion} ({self.name}) is {self.status}: {', '.join(ids) or 'nothing made yet'}."
        return "\n".join([said, *self.memories, *self.warnings, f"Next: {self.next}"])


class CompanionRow(BaseModel):
    companion: str
    name: str
    status: Standing
    agent_id: str | None
    why: str = ""

    def __str__(self) -> str:
        reason = f" ({self.why})" if self.why else ""
        agent = f", agent {self.agent_id}" if self.agent_id else ""
        return f"{self.companion} ({self.name}): {self.status}{reason}{agent}"


class CompanionList(BaseModel):
    companions: list[CompanionRow]
    workspace: str

    def __str__(self) -> str:
        return "\n".join(map(str, self.companions)) or f"No companions in the workspace '{self.workspace}' yet."


class ConsentView(BaseModel):
    consent_id: str
    kind: ConsentKind
    granted_by: str
    granting: Granting
    recordings: int
    next: str

    def __str__(self) -> str:
        return f"{self.consent_id}: {self.kind} consent of {self.granted_by}, {self.granting}. Next: {self.next}"


@dataclass(frozen=True, slots=True)
class Companions:
    elevenlabs: ElevenLabs
    engine: Engine
    planner: Planner
    stager: Stager
    consents: Consents
    workspace: Workspace

    async def plan_companion(
        self,
        spec: Wish | None = None,
        companion: Which = "",
        changes: Changes | None = None,
        overwrite: Annotated[bool, Field(description="Undo edits made in the ElevenLabs dashboard")] = False,
    ) -> Draft:
        """What making a companion from a spec, or changing one, would do and cost. Spends and uploads nothing."""
        if (spec is None) == (not companion) or (spec and changes):
            raise BadInput("give either a spec, or a companion and its changes")
        if spec is not None:
            async with self.stager.staged(spec.recordings, spec.memories) as staged:
                return await self._draw(spec, staged, overwrite)
        known = self.planner.known(companion)
        base, news = self.planner.made_from(known), changes or Changes()
        wish = changed(base.spec, news).model_copy(update={"companion": known.id})
        kept = self._kept(known, base, news.remove_memories)
        async with self.stager.amended(base, kept, news.add_memories) as staged:
            return await self._draw(wish, staged, overwrite)

    async def _draw(self, spec: Wish, staged: Staged, overwrite: bool) -> Draft:
        phrases(spec.language)
        obstacle = await self.workspace.survey()
        companion = self.planner.identify(spec, [recording.sha256 for recording in staged.recordings])
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

    def _kept(self, companion: Companion, plan: Plan, remove: list[str]) -> list[StagedMemory]:
        """The memories of a plan but for some, which go by title or document id."""
        ids = {resource.id: resource.slot for resource in self.planner.made(companion)}
        going = {m.sha256 for m in plan.memories if m.title in remove} | {ids[name] for name in remove if name in ids}
        titles = {memory.title for memory in plan.memories}
        if any(name not in titles and ids.get(name) not in going for name in remove):
            raise BadInput(f"a memory to remove isn't there; there are: {', '.join(sorted(titles)) or 'none'}")
        return [memory for memory in plan.memories if memory.sha256 not in going]

    async def record_consent(
        self,
        kind: ConsentKind,
        granted_by: Name,
        companion: Annotated[str, Field(description="A planned companion; or give name and recordings")] = "",
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
        subject = await self._subject(companion, name, recordings, deceased)
        block = ConsentBlock(kind=kind, granted_by=granted_by, relation=relation, statement=statement)
        return consent_view(await self.consents.attest(subject, block, caller))

    async def provision_companion(
        self, plan_id: str, wait_seconds: Wait = 45, *, caller: Caller = NOBODY
    ) -> CompanionView:
        """Run a plan: voice, documents, agent. Spends what the plan says. The same plan never makes anything twice."""
        plan, companion = self.planner.current(plan_id)
        if not self.consents.covering(about_plan(plan)):
            await self.consents.ask(about_plan(plan), caller)
            plan, companion = self.planner.current(plan_id)  # a newer one may have been drawn meanwhile
        if companion.plan_id != plan_id or not self.planner.finished(companion):
            await self.workspace.check_once()
            self.engine.submit(plan, self.planner.take_up)
            companion = self.planner.known(plan.companion)
            total = len(plan.memories) + 7
            await caller.report(0, total, "starting")
            await watch(self.engine, plan_id, wait_seconds, caller, total)
        run = self.engine.look(plan_id)
        if run and run.state in {"failed", "parked"} and run.result and run.result.error:
            error = from_row(run.result.error)
            error.exists = standing(self.planner.ledger.resources(companion.marker))
            error.next = _on(error, run)
            raise error
        return self._view(companion, run)

    async def get_companion(self, companion: Which, about: Annotated[str, Field(max_length=200)] = "") -> CompanionView:
        """A companion's state and ids, and whether it is still as it was made; `about` finds memories on a topic."""
        known = self.planner.known(companion)
        view = self._view(known, self.engine.look(known.plan_id))
        view.warnings += self.planner.drift(known, await observe(self.elevenlabs, self.planner.made(known)))
        if about:
            view.memories = self._about(known, about)
        return view

    async def list_companions(self) -> CompanionList:
        """All companions of this workspace."""
        rows = [self._row(companion) for companion in self.planner.ledger.companions()]
        return CompanionList(companions=rows, workspace=self.workspace.name)

    def _row(self, companion: Companion) -> CompanionRow:
        run = self.engine.look(companion.plan_id)
        status, agent = self._status(companion, run), self.planner.agent(companion)
        return CompanionRow(
            companion=companion.id, name=companion.name, status=status, agent_id=agent, why=_why(status, run)
        )

    async def _subject(self, companion: str, name: str, recordings: list[str], deceased: bool) -> About:
        """Whose consent it is, and the hashes of the bytes it is about."""
        if companion:
            known = self.planner.known(companion)
            plan, _ = self.planner.current(known.planned or known.plan_id)
            return about_plan(plan)
        hashes = await self.stager.hashes(recordings)
        return About(None, spoken(name), "deceased" if deceased else "living", tuple(hashes))

    def _view(self, companion: Companion, run: Run | None) -> CompanionView:
        made = self.planner.made(companion)
        status = self._status(companion, run)
        current, left_over = self._sorted(companion, made)
        planned, why = companion.planned, _why(status, run)
        return CompanionView(
            companion=companion.id,
            name=companion.name,
            workspace=self.workspace.name,
            status=status,
            plan_id=companion.plan_id,
            voice_id=next((r.id for r in made if r.kind == "voice"), None),
            documents=[DocumentView(id=r.id, name=r.name, type=r.type) for r in current],
            agent_id=self.planner.agent(companion),
            done=run.steps if run else [],
            memories=[],
            warnings=[
                *([f"it {'waits' if status == 'parked' else 'failed'}: {why}"] if why else []),
                *(run.result.warnings if run and run.result else []),
                *(f"left over from an earlier plan: document {r.id} '{r.name}'" for r in left_over),
                *([f"a change is planned: provision_companion(plan_id={planned})"] if planned else []),
                *self.workspace.notes,
            ],
            next=_next(status, companion, run),
        )

    def _sorted(self, companion: Companion, made: list[Resource]) -> tuple[list[Resource], list[Resource]]:
        """The documents of the current plan, and those that an earlier one left."""
        plan = self.planner.ledger.plan(companion.plan_id)
        wanted = {memory.sha256 for memory in plan.memories} if plan else set[str]()
        documents = [resource for resource in made if resource.kind == "document"]
        return [d for d in documents if d.slot in wanted], [d for d in documents if d.slot not in wanted]

    def _status(self, companion: Companion, run: Run | None) -> Standing:
        if self.planner.ledger.forgotten(companion.marker):
            return "forgetting"
        if run and run.state in UNFINISHED:
            return run.state if self.engine.carried() else "waiting_for_worker"
        if run and run.state == "parked":
            return run.state
        if any(resource.before_pause is not None for resource in self.planner.made(companion)):
            return "paused"
        if run and run.state == "failed":
            return run.state
        return "done" if self.planner.finished(companion) else "planned"

    def _about(self, companion: Companion, topic: str) -> list[str]:
        plan = self.planner.ledger.plan(companion.plan_id)
        texts = [m for m in plan.memories if m.type == "text"] if plan else []
        return [p for m in texts for p in mentioning(self.stager.blobs.read(m.sha256).decode(), topic)][:20]


def spoken(name: str) -> str:
    """A name as it is said in a question: clean, as in a spec."""
    try:
        return clean_name(name)
    except ValueError as error:
        raise BadInput(f"name: {error}", next="say whose voice it is") from None


def consent_view(consent: Consent) -> ConsentView:
    return ConsentView(
        consent_id=consent.id,
        kind=consent.kind,
        granted_by=consent.granted_by,
        granting=consent.granting,
        recordings=len(consent.recordings),
        next="provision_companion" if consent.companion else "clone_voice",
    )


def _on(error: StorykeeperError, run: Run) -> str:
    """How a run goes on that met an error: those that wait for somebody are said again once they have done it."""
    if run.again_at is not None:
        return "it is tried again by itself in a minute while a Storykeeper is open; get_companion shows how it stands"
    if run.state == "parked":
        return f"{error.next}; then call provision_companion(plan_id={run.plan_id}) again"
    return error.next


def _why(status: Standing, run: Run | None) -> str:
    """What keeps a run from being done."""
    error = run.result.error if run and run.result else None
    return f"{error['code']}: {error['what']}" if error and status in {"failed", "parked"} else ""


def _next(status: Standing, companion: Companion, run: Run | None) -> str:
    again = f"provision_companion(plan_id={companion.plan_id})"
    settled = {
        "done": f"get_signed_url(of={companion.id}) gives a URL to talk to it",
        "paused": f"retire_companion(companion={companion.id}, action=resume) lets people talk to it again",
        "forgetting": f"retire_companion(companion={companion.id}, action=forget) waits until it is gone",
    }
    if status in settled:
        return settled[status]
    if status in {"queued", "running"}:
        return f"call {again} again to wait, or get_companion to look; it goes on while a Storykeeper is open"
    if status == "waiting_for_worker":
        return (
            "it is paused, and goes on when an assistant with Storykeeper or `storykeeper worker` is started;"
            f" call {again} to go on here"
        )
    if status == "parked" and run:
        alone = " by itself in a minute while a Storykeeper is open" if run.again_at else f" when {again} is called"
        return f"it waits ({run.reason}) and goes on{alone}; what exists is kept and nothing is made twice"
    if run and run.result and run.result.error and run.result.error["code"] == Conflict.code:
        return "plan it again with plan_companion; what exists is kept and nothing is made twice"
    return f"call {again}; what exists is kept and nothing is made twice"
