"""What would be done for a companion, with cost, warnings and open questions. Pure: facts in, a plan out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from ..companion.consent import canonical
from ..companion.recordings.preflight import Recording
from ..companion.spec import Wish, name_key
from ..errors import Conflict

Kind = Literal["voice", "document", "agent"]
Piece = tuple[Kind, str, str]
_REMOVAL = "forget_"


class StagedRecording(BaseModel):
    sha256: str
    name: str
    mime: str
    seconds: float


class StagedMemory(BaseModel):
    sha256: str
    title: str
    type: Literal["text", "file"]
    mime: str


class Field(BaseModel):
    """A field of an agent, by its path; of long texts only the part from where they differ."""

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.field.rpartition('.')[2]}: {said(self.before)} -> {said(self.after)}"


class Step(BaseModel):
    action: Literal["create", "change", "keep", "delete"]
    kind: Kind
    name: str
    fields: list[Field] = []

    def __str__(self) -> str:
        changed = f" ({'; '.join(map(str, self.fields))})" if self.fields else ""
        return f"{self.action} {self.kind} '{self.name}'{changed}"


class Cost(BaseModel):
    voice_slots: int
    voice_changes: int
    documents: int
    agents: int


class Question(BaseModel):
    code: str
    ask: str


class Observed(BaseModel):
    """What a change was planned against: the agent and its version, the ids of what somebody deleted at the service,
    and the documents that are no longer wanted."""

    agent: str = ""
    version: str = ""
    gone: list[str] = []
    surplus: list[str] = []


class Plan(BaseModel):
    """Everything a run needs, by hash: a run reads no path and asks nobody. `overwrite` undoes edits made elsewhere."""

    plan_id: str
    workspace: str
    companion: str
    marker: str
    spec: Wish
    recordings: list[StagedRecording]
    memories: list[StagedMemory]
    observed: Observed = Observed()
    overwrite: bool = False

    @property
    def hashes(self) -> list[str]:
        """The sha256 of the recordings: what a consent is about."""
        return [recording.sha256 for recording in self.recordings]

    def check(self) -> None:
        """Raise Conflict unless it still is what its id was made of: somebody may have been at the row."""
        hashes = [*self.hashes, *(memory.sha256 for memory in self.memories)]
        mine = plan_id(self.workspace, self.companion, self.spec, hashes, self.observed, overwrite=self.overwrite)
        if mine != self.plan_id or self.marker != marker(self.workspace, self.companion):
            raise Conflict(
                "that plan was changed after it was drawn up", next="call plan_companion again, and provision"
            )


class Draft(BaseModel):
    """A plan as it is shown."""

    plan_id: str
    companion: str
    workspace: str
    exists: bool
    recordings: list[str]
    steps: list[Step]
    cost: Cost
    warnings: list[str]
    questions: list[Question]
    next: str

    @property
    def writes(self) -> bool:
        """Whether carrying it out does anything."""
        return any(step.action != "keep" for step in self.steps)

    def __str__(self) -> str:
        todo = ", ".join(map(str, self.steps))
        asks = "".join(f" Question {q.code}: {q.ask}" for q in self.questions)
        doubts = f" Warnings: {'; '.join(self.warnings)}." if self.warnings else ""
        spends = f"Spends {self.cost.voice_slots} voice slot." if self.cost.voice_slots else "Spends nothing."
        voice = f"voice from {', '.join(self.recordings)}"
        return f"{self.plan_id} for {self.companion} ({voice}): {todo}. {spends}{doubts}{asks} Next: {self.next}"


def contents(hashes: Collection[str]) -> str:
    """One hash for a set of contents, whatever their order."""
    return hashlib.sha256("|".join(sorted(hashes)).encode()).hexdigest()


def companion_id(name: str, recordings: Collection[str], taken: Collection[str] = ()) -> str:
    """`dorothy-7f3a`: the same person from the same recordings is the same companion, on every machine."""
    slug = re.sub(r"[^a-z0-9]+", "-", name_key(name)).strip("-")[:40] or "companion"
    digest = hashlib.sha256(f"{name_key(name)}|{contents(recordings)}".encode()).hexdigest()
    candidates = (f"{slug}-{digest[:digits]}" for digits in range(4, len(digest)))
    return next(candidate for candidate in candidates if candidate not in taken)


def marker(workspace: str, what: str) -> str:
    """What every remote resource of a companion carries, so that it can be found again."""
    return "keep-" + hashlib.sha256(f"{workspace}|{what}".encode()).hexdigest()[:20]


def removal_id(marker: str) -> str:
    """What the forgetting of a companion is called: a run as any other, and only ever one for each."""
    return _REMOVAL + marker.removeprefix("keep-")


def is_removal(plan_id: str) -> bool:
    return plan_id.startswith(_REMOVAL)


def plan_id(
    workspace: str, companion: str, spec: Wish, hashes: Sequence[str], observed: Observed, *, overwrite: bool
) -> str:
    """The same wish for the same content and the same state of things is the same plan; where the files lie is all one."""
    said = spec.model_dump(mode="json", include=set(Wish.model_fields) - {"recordings", "memories", "companion"})
    document: dict[str, Any] = {"workspace": workspace, "companion": companion, "spec": said, "blobs": sorted(hashes)}
    if observed != Observed():
        document |= {"observed": observed.model_dump(), "overwrite": overwrite}
    return "plan_" + hashlib.sha256(canonical(document)).hexdigest()[:20]


def steps(
    plan: Plan, made: Collection[tuple[str, str]], changes: Sequence[Field], surplus: Sequence[str]
) -> list[Step]:
    """One step for each resource: kept where `made` has (kind, slot), created otherwise; and for `surplus` documents."""
    voice: Piece = ("voice", "", plan.spec.subject.name)
    agent: Piece = ("agent", "", agent_name(plan.spec.subject.name))
    documents: list[Piece] = [("document", memory.sha256, memory.title) for memory in plan.memories]
    wanted = [voice, *documents, agent]
    todo = [
        Step(action="keep" if (kind, slot) in made else "create", kind=kind, name=name) for kind, slot, name in wanted
    ]
    if changes and todo[-1].action == "keep":
        todo[-1] = Step(action="change", kind="agent", name=todo[-1].name, fields=list(changes))
    return todo + [Step(action="delete", kind="document", name=name) for name in surplus]


def cost(todo: Sequence[Step]) -> Cost:
    created = [step.kind for step in todo if step.action == "create"]
    voices = created.count("voice")
    return Cost(
        voice_slots=voices, voice_changes=voices, documents=created.count("document"), agents=created.count("agent")
    )


def said(value: object) -> str:
    """A value of a field, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:119]}…"


def agent_name(name: str) -> str:
    return f"{name} (memory companion)"


def warnings(spec: Wish, recordings: Sequence[Recording], memories: Sequence[StagedMemory]) -> list[str]:
    """What a keeper should know before going on."""
    found = [f"{r.name}: {f.what}; {f.do}" for r in recordings for f in r.findings]
    if not memories:
        found.append("there are no memories, so the companion will know almost nothing")
    if recordings and len(spec.recordings) > len(recordings):  # a change brings none
        found.append("the same recording was given more than once; it is sent once")
    if spec.privacy.max_minutes > 30 or spec.privacy.retention_days > 30:
        found.append("visits or transcripts are kept longer than the default 30 minutes and 30 days")
    return found
