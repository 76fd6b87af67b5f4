"""Companions: planned for nothing, provisioned once, looked at as they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from .caller import NOBODY, Caller
from .companion.consent import STATEMENT, Consent, Granting, misfit
from .companion.memories import about as mentioning
from .companion.persona import phrases
from .companion.spec import ConsentKind, Name, Spec, Status
from .elevenlabs.client import ElevenLabs
from .errors import BadInput, Conflict, NeedsConsent, NotFound, WhichCompanion, from_row
from .provisioning import plan as planning
from .provisioning.consents import Consents
from .provisioning.engine import Engine, State
from .provisioning.ensure import listing
from .provisioning.ledger import Companion, Ledger, Resource
from .provisioning.plan import Draft, Plan, Question
from .provisioning.staging import Staged, Stager
from .provisioning.workspace import Workspace, room

Standing = Literal["planned", "waiting_for_worker", "running", "done", "failed"]
Which = Annotated[str, Field(max_length=120, description="Companion id, or its name where only one has it")]
Wait = Annotated[float, Field(ge=0, le=600, allow_inf_nan=False, description="Seconds to wait at most")]
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
    done: Annotated[list[str], Field(description="Finished steps of a run")]
    memories: Annotated[list[str], Field(description="What `about` found")]
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

    def __str__(self) -> str:
        return f"{self.companion} ({self.name}): {self.status}" + (f", agent {self.agent_id}" if self.agent_id else "")


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
    recordings: Annotated[int, Field(description="How many recordings it covers")]
    next: str

    def __str__(self) -> str:
        return f"{self.consent_id}: {self.kind} consent of {self.granted_by}, {self.granting}. Next: {self.next}"


class Agreement(BaseModel):
    agree: Annotated[bool, Field(description="Yes, this voice may be cloned for a private companion")]


class Grant(Agreement):
    kind: ConsentKind
    granted_by: Annotated[str, Field(description="Who agrees")]


@dataclass(frozen=True, slots=True)
class Companions:
    elevenlabs: ElevenLabs
    engine: Engine
    ledger: Ledger
    stager: Stager
    consents: Consents
    workspace: Workspace
    clock: Callable[[], float] = time.time

    async def plan_companion(self, spec: Spec) -> Draft:
        """What making this companion would do and cost. Reads the files, spends and uploads nothing."""
        phrases(spec.language)
        staged = await self.stager.stage(spec.recordings, spec.memories)
        await self.workspace.check()
        obstacle = room(await self.elevenlabs.subscription())
        plan = self._draw(spec, staged)
        self._keep(plan)
        draft = self._show(plan, staged)
        if obstacle and draft.cost.voice_slots:
            draft.warnings.append(f"{obstacle.code}: {obstacle.what}")
        return draft

    async def record_consent(
        self,
        kind: ConsentKind,
        granted_by: Name,
        companion: Annotated[str, Field(description="A planned companion; or give name and recordings")] = "",
        name: Annotated[str, Field(max_length=80)] = "",
        recordings: Annotated[list[str], Field(max_length=25)] = [],  # noqa: B006 - pydantic copies it
        deceased: bool = False,
        relation: Short = "",
        statement: Annotated[str, Field(max_length=2000, description="Their own words")] = "",
        *,
        caller: Caller = NOBODY,
    ) -> ConsentView:
        """Record who allows this voice to be cloned: the person (self), a guardian, or an executor or heir. Ask them first."""
        if bool(companion) == bool(recordings):
            raise BadInput("give either a companion, or a name and recordings")
        subject, status, hashes = await self._consenting(companion, name, recordings, deceased)
        wrong = misfit(kind, status)
        if wrong:
            raise BadInput(wrong, next="ask who may decide, and record that kind of consent")
        question = f"May the voice of {subject} be cloned for a private memory companion? ({kind}, {granted_by})"
        answer = await caller.ask(question, Agreement)
        granting = self._granting(answer, subject)
        consent = self._consent(companion or None, subject, status, hashes, kind, granted_by, granting)
        return self._record(consent.model_copy(update=_words(relation, statement)))

    async def provision_companion(
        self, plan_id: str, wait_seconds: Wait = 45, *, caller: Caller = NOBODY
    ) -> CompanionView:
        """Run a plan: voice, documents, agent. Spends what the plan says. The same plan never makes anything twice."""
        plan, companion = self._current(plan_id)
        if not self.consents.covering(_hashes(plan)):
            await self._ask_consent(plan, caller)
        if self._agent(companion) is None:
            self.engine.submit(plan)
            await self._watch(plan, wait_seconds, caller)
        state = self.engine.look(plan_id)
        if state and state.result and state.result.error:
            error = from_row(state.result.error)
            error.exists = listing(self._made(companion))
            raise error
        return self._view(companion, state)

    async def get_companion(self, companion: Which, about: Annotated[str, Field(max_length=200)] = "") -> CompanionView:
        """A companion's state and ids, and whether it is still as it was made; `about` finds memories on a topic."""
        known = self._known(companion)
        view = self._view(known, self.engine.look(known.plan_id))
        view.warnings += await self._drift(known)
        if about:
            view.memories = self._about(known, about)
        return view

    async def list_companions(self) -> CompanionList:
        """All companions of this workspace."""
        views = [self._view(c, self.engine.look(c.plan_id)) for c in self.ledger.companions()]
        rows = [CompanionRow(companion=v.companion, name=v.name, status=v.status, agent_id=v.agent_id) for v in views]
        return CompanionList(companions=rows, workspace=self.workspace.name)

    # Planning

    def _draw(self, spec: Spec, staged: Staged) -> Plan:
        companion = self._identify(spec, [r.sha256 for r in staged.recordings])
        return Plan(
            plan_id=planning.plan_id(self.workspace.name, companion, spec, staged.hashes),
            workspace=self.workspace.name,
            companion=companion,
            marker=planning.marker(self.workspace.name, companion),
            spec=spec,
            recordings=staged.recordings,
            memories=staged.memories,
        )

    def _identify(self, spec: Spec, recordings: list[str]) -> str:
        """Which companion a spec means. The same name and the same recordings are the same one, said how often."""
        namesakes = self.ledger.namesakes(planning.name_key(spec.subject.name))
        content = planning.contents(recordings)
        same = [c.id for c in namesakes if c.contents == content]
        if same and spec.companion in {None, "new", same[0]}:
            return same[0]
        if spec.companion and spec.companion != "new":
            raise self._mismatch(spec.companion)
        if namesakes and spec.companion is None:
            raise WhichCompanion(f"there is {namesakes[0].id} already, made from other recordings")
        return planning.companion_id(spec.subject.name, recordings, {c.id for c in namesakes})

    def _mismatch(self, companion: str) -> Conflict | NotFound:
        if self.ledger.companion(companion) is None:
            return NotFound("there is no companion with that id")
        return Conflict(f"{companion} has another name or other recordings", next="leave `companion` out, or say `new`")

    def _keep(self, plan: Plan) -> None:
        """Write the plan down, unless it would change a companion that is already made."""
        known = self.ledger.companion(plan.companion)
        if known and known.plan_id != plan.plan_id and self._agent(known):
            raise Conflict(
                f"{known.id} exists already and was made from another plan",
                exists=f"{known.id} is unchanged",
                next="call get_companion to see it, and update_agent to change its agent",
            )
        self.ledger.keep_plan(plan)
        self.ledger.keep_companion(
            Companion(
                id=plan.companion,
                name=plan.spec.subject.name,
                name_key=planning.name_key(plan.spec.subject.name),
                marker=plan.marker,
                contents=planning.contents(_hashes(plan)),
                plan_id=plan.plan_id,
                made_at=known.made_at if known else int(self.clock()),
            )
        )

    def _show(self, plan: Plan, staged: Staged) -> Draft:
        made = self._made(self._known(plan.companion))
        todo = planning.steps(plan, {(r.kind, r.slot) for r in made})
        asked = [] if self.consents.covering(_hashes(plan)) else [_question(plan)]
        doubts = planning.warnings(plan.spec, staged.judged, staged.memories)
        doubts += [f"left out: {name}" for name in staged.left_out]
        return Draft(
            plan_id=plan.plan_id,
            companion=plan.companion,
            workspace=plan.workspace,
            status=self._view(self._known(plan.companion), self.engine.look(plan.plan_id)).status,
            steps=todo,
            cost=planning.cost(todo),
            warnings=doubts + self.workspace.notes,
            questions=asked,
            next=("record_consent, then " if asked else "") + f"provision_companion(plan_id={plan.plan_id})",
        )

    # Consent

    async def _consenting(
        self, companion: str, name: str, recordings: list[str], deceased: bool
    ) -> tuple[str, Status, list[str]]:
        """Whose consent it is, and the hashes of the bytes it is about."""
        if companion:
            plan, _ = self._current(self._known(companion).plan_id)
            return plan.spec.subject.name, plan.spec.subject.status, _hashes(plan)
        staged = await self.stager.stage(recordings, [])
        return name or "this person", "deceased" if deceased else "living", staged.hashes

    async def _ask_consent(self, plan: Plan, caller: Caller) -> None:
        """Ask whoever is at the other end; without an answer nothing is sent anywhere."""
        name = plan.spec.subject.name
        answer = await caller.ask(
            f"May the voice of {name} be cloned for a private memory companion? Who agrees?", Grant
        )
        if answer is None or not answer.agree:
            raise NeedsConsent(f"nobody has allowed yet that the voice of {name} is cloned")
        wrong = misfit(answer.kind, plan.spec.subject.status)
        if wrong:
            raise NeedsConsent(wrong)
        subject = plan.spec.subject
        self._record(
            self._consent(
                plan.companion, name, subject.status, _hashes(plan), answer.kind, answer.granted_by, "elicited"
            )
        )

    def _granting(self, answer: Agreement | None, subject: str) -> Granting:
        if answer is not None and not answer.agree:
            raise NeedsConsent(f"cloning the voice of {subject} was declined")
        if answer is None and self.consents.policy == "elicit":
            raise NeedsConsent(
                "here only a person's own answer counts as consent, and this client can't ask one",
                next="use a client with elicitation, or set STORYKEEPER_CONSENT=attest",
            )
        return "attested" if answer is None else "elicited"

    def _consent(
        self,
        companion: str | None,
        subject: str,
        status: Status,
        recordings: list[str],
        kind: ConsentKind,
        granted_by: str,
        granting: Granting,
    ) -> Consent:
        return Consent(
            companion=companion,
            subject=subject,
            status=status,
            kind=kind,
            granted_by=granted_by,
            granting=granting,
            recordings=tuple(sorted(recordings)),
            granted_at=int(self.clock()),
            **_words("", STATEMENT),
        )

    def _record(self, consent: Consent) -> ConsentView:
        self.consents.keep(consent)
        return ConsentView(
            consent_id=consent.id,
            kind=consent.kind,
            granted_by=consent.granted_by,
            granting=consent.granting,
            recordings=len(consent.recordings),
            next="provision_companion" if consent.companion else "clone_voice",
        )

    # Looking

    def _known(self, companion: str) -> Companion:
        known = self.ledger.companion(companion)
        namesakes = [known] if known else self.ledger.namesakes(planning.name_key(companion))
        if not namesakes:
            raise NotFound("there is no such companion in this workspace")
        if len(namesakes) > 1:
            raise WhichCompanion(f"several have that name: {', '.join(c.id for c in namesakes)}", next="use the id")
        return namesakes[0]

    def _current(self, plan_id: str) -> tuple[Plan, Companion]:
        plan = self.ledger.plan(plan_id)
        if plan is None or plan.workspace != self.workspace.name:
            raise NotFound("there is no such plan in this workspace", next="call plan_companion")
        companion = self._known(plan.companion)
        if companion.plan_id != plan_id:
            raise Conflict(f"that plan is out of date: the newest plan of {companion.id} is {companion.plan_id}")
        return plan, companion

    def _made(self, companion: Companion) -> list[Resource]:
        return [r for r in self.ledger.resources(companion.marker) if r.state == "made"]

    def _agent(self, companion: Companion) -> str | None:
        return next((r.id for r in self._made(companion) if r.kind == "agent"), None)

    async def _watch(self, plan: Plan, seconds: float, caller: Caller) -> None:
        """Tell progress until the run ends or the time is over. Who watches doesn't own the run."""
        until = time.monotonic() + seconds
        total = len(plan.memories) + 8
        while (state := self.engine.look(plan.plan_id)) and state.state == "running":
            done = len(state.steps)
            await caller.report(done, max(total, done + 1), state.steps[-1] if state.steps else "starting")
            left = until - time.monotonic()
            if left <= 0:
                return
            await self.engine.change(plan.plan_id, left)

    def _view(self, companion: Companion, state: State | None) -> CompanionView:
        made = self._made(companion)
        status = self._status(companion, state)
        documents = [DocumentView(id=r.id, name=r.name, type=r.type) for r in made if r.kind == "document"]
        return CompanionView(
            companion=companion.id,
            name=companion.name,
            workspace=self.workspace.name,
            status=status,
            plan_id=companion.plan_id,
            voice_id=next((r.id for r in made if r.kind == "voice"), None),
            documents=documents,
            agent_id=self._agent(companion),
            done=list(state.steps) if state else [],
            memories=[],
            warnings=[*(state.result.warnings if state and state.result else []), *self.workspace.notes],
            next=_next(status, companion),
        )

    def _status(self, companion: Companion, state: State | None) -> Standing:
        if state and state.state != "done":
            return state.state
        if self._agent(companion):
            return "done"
        return "waiting_for_worker" if self.ledger.resources(companion.marker) else "planned"

    async def _drift(self, companion: Companion) -> list[str]:
        """What isn't there any more, or isn't private any more."""
        found = await asyncio.gather(*(self._gone(resource) for resource in self._made(companion)))
        return [warning for warning in found if warning]

    async def _gone(self, resource: Resource) -> str:
        look = {"voice": self.elevenlabs.voice, "document": self.elevenlabs.document, "agent": self.elevenlabs.agent}
        try:
            stored = await look[resource.kind](resource.id)
        except NotFound:
            return f"drift: the {resource.kind} {resource.id} was deleted at ElevenLabs"
        settings = getattr(stored, "platform_settings", {"auth": {"enable_auth": True}})
        return "" if settings.get("auth", {}).get("enable_auth") else f"drift: the agent {resource.id} is public"

    def _about(self, companion: Companion, topic: str) -> list[str]:
        plan = self.ledger.plan(companion.plan_id)
        texts = [m for m in plan.memories if m.type == "text"] if plan else []
        return [p for m in texts for p in mentioning(self.stager.blobs.read(m.sha256).decode(), topic)][:20]


def _hashes(plan: Plan) -> list[str]:
    return [recording.sha256 for recording in plan.recordings]


def _question(plan: Plan) -> Question:
    name = plan.spec.subject.name
    return Question(
        code="needs_consent", ask=f"Has {name}, or who may decide for them, agreed to this voice being cloned?"
    )


def _words(relation: str, statement: str) -> dict[str, str]:
    from hashlib import sha256

    said = statement or STATEMENT
    return {"relation": relation, "statement": said, "statement_sha256": sha256(said.encode()).hexdigest()}


def _next(status: Standing, companion: Companion) -> str:
    if status == "done":
        return f"get_signed_url(of={companion.id}) gives a URL to talk to it"
    if status == "running":
        return f"call provision_companion(plan_id={companion.plan_id}) again to wait, or get_companion to look"
    return f"call provision_companion(plan_id={companion.plan_id}); what exists is kept and nothing is made twice"
