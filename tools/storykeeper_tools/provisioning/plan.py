"""What would be done for a companion, with cost, warnings and open questions. Pure: facts in, a plan out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any, Literal

from ..companion import voicing
from ..companion.consent import canonical
from ..companion.recordings.verdict import Recording
from ..companion.spec import Wish, name_key, slug
from ..errors import Conflict
from ..model import Model

Kind = Literal["voice", "document", "agent"]
Piece = tuple[Kind, str, str]
_REMOVAL = "forget_"


class StagedRecording(Model):
    """`derived_from` are the sha256 of the files that a prepared cut was taken from; `findings` what a keeper should know
    of it."""

    sha256: str
    name: str
    mime: str
    seconds: float
    derived_from: list[str] = []
    findings: list[str] = []


class StagedMemory(Model):
    """`origins` are, by the names of the files that it came from, hashes of where they lay."""

    sha256: str
    title: str
    type: Literal["text", "file"]
    mime: str
    size: int = 0  # bytes
    characters: int = 0  # of a text
    origins: dict[str, str] = {}


DOCUMENTS = "documents"
_LINE = 500  # characters of a text that a plan shows


class Field(Model):
    """What changes, before and after: of a spec by its name, of an agent by its path; of an agent's long texts only the
    part from where they differ."""

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.field == DOCUMENTS:
            return f"{self.field}: {self.after}"
        if self.field.startswith("correction "):
            return f"{self.field}: {_quoted(self.before or self.after)}"
        place = self.field.split(".")
        # `enabled` alone says nothing.
        name = ".".join(place[-2:]) if place[-1] == "enabled" else place[-1]
        return f"{name}: {_quoted(self.before)} -> {_quoted(self.after)}"


def _quoted(value: object) -> str:
    """Texts in whole, up to a bound; the rest short."""
    if not isinstance(value, str):
        return said(value)
    return f'"{value}"' if len(value) <= _LINE else f'"{value[:_LINE]}…"'


class Step(Model):
    action: Literal["create", "change", "keep", "delete"]
    kind: Kind
    name: str
    fields: list[Field] = []

    def __str__(self) -> str:
        changed = "".join(f"\n  - {field}" for field in self.fields)
        return f"{self.action} {self.kind} '{self.name}'{changed}"


class Cost(Model):
    voice_slots: int
    voice_changes: int
    documents: int
    agents: int


class Question(Model):
    """`name` and `deceased` are of the person whom it is about."""

    code: str
    ask: str
    name: str = ""
    deceased: bool = False


class Observed(Model):
    """What a change was planned against: the agent and its version, the ids of what somebody deleted at the service,
    the documents and voices that are no longer wanted, and the model by which the agent was told elsewhere to look things up."""

    agent: str = ""
    version: str = ""
    gone: list[str] = []
    surplus: list[str] = []
    embedding: str = ""


class Plan(Model):
    """Everything a run needs, by hash: a run reads no path and asks nobody. `overwrite` undoes edits made elsewhere;
    `voice` is the slot of its voice: nothing for a companion's first one, else one hash for all recordings."""

    plan_id: str
    workspace: str
    companion: str
    marker: str
    spec: Wish
    recordings: list[StagedRecording]
    memories: list[StagedMemory]
    observed: Observed = Observed()
    overwrite: bool = False
    voice: str = ""

    @property
    def hashes(self) -> list[str]:
        """The sha256 of the recordings: what a consent is about."""
        return [recording.sha256 for recording in self.recordings]

    def check(self) -> None:
        """Raise Conflict unless it still is what its id was made of: somebody may have been at the row."""
        hashes = [*self.hashes, *(memory.sha256 for memory in self.memories)]
        mine = plan_id(
            self.workspace,
            self.companion,
            self.spec,
            hashes,
            self.observed,
            overwrite=self.overwrite,
            voice=self.voice,
        )
        if mine != self.plan_id or self.marker != marker(self.workspace, self.companion):
            raise Conflict(
                "that plan was changed after it was drawn up", next="call plan_companion again, and provision"
            )


class Draft(Model):
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
        return not kept(self.steps)

    def __str__(self) -> str:
        spends = f"Spends {self.cost.voice_slots} voice slot." if self.cost.voice_slots else "Spends nothing."
        lines = [
            f"{self.plan_id} for {self.companion} (voice from {', '.join(self.recordings)}):",
            *(f"- {step}" for step in self.steps),
            spends,
            *_listed("Warnings:", self.warnings),
            *_listed("Questions:", [f"{q.code}: {q.ask}" for q in self.questions]),
        ]
        return "\n".join([*lines, f"Next: {self.next}"])


def _listed(head: str, lines: Sequence[str]) -> list[str]:
    return [head, *(f"- {line}" for line in lines)] if lines else []


def contents(hashes: Collection[str]) -> str:
    """One hash for a set of contents, whatever their order."""
    return hashlib.sha256("|".join(sorted(hashes)).encode()).hexdigest()


def companion_id(name: str, recordings: Collection[str], taken: Collection[str] = ()) -> str:
    """`dorothy-7f3a`: the same person from the same recordings is the same companion, on every machine."""
    digest = hashlib.sha256(f"{name_key(name)}|{contents(recordings)}".encode()).hexdigest()
    candidates = (f"{slug(name)}-{digest[:digits]}" for digits in range(4, len(digest)))
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
    workspace: str,
    companion: str,
    spec: Wish,
    hashes: Sequence[str],
    observed: Observed,
    *,
    overwrite: bool,
    voice: str = "",
) -> str:
    """The same wish for the same content and the same state of things is the same plan; where the files lie is all one."""
    said = spec.model_dump(mode="json", include=set(Wish.model_fields) - {"recordings", "memories", "companion"})
    document: dict[str, Any] = {"workspace": workspace, "companion": companion, "spec": said, "blobs": sorted(hashes)}
    if observed != Observed():
        document |= {"observed": observed.model_dump(), "overwrite": overwrite}
    if voice:  # plans that are older than this have none
        document |= {"voice": voice}
    return "plan_" + hashlib.sha256(canonical(document)).hexdigest()[:20]


def steps(
    plan: Plan, made: Collection[tuple[str, str]], changes: Sequence[Field], surplus: Sequence[tuple[Kind, str]]
) -> list[Step]:
    """One step for each resource: kept where `made` has (kind, slot), created otherwise; and for the `surplus`, each by
    its kind and name."""
    voice: Piece = ("voice", plan.voice, plan.spec.subject.name)
    agent: Piece = ("agent", "", agent_name(plan.spec.subject.name))
    documents: list[Piece] = [("document", memory.sha256, memory.title) for memory in plan.memories]
    wanted = [voice, *documents, agent]
    todo = [
        Step(action="keep" if (kind, slot) in made else "create", kind=kind, name=name) for kind, slot, name in wanted
    ]
    if changes and todo[-1].action == "keep":
        todo[-1] = Step(action="change", kind="agent", name=todo[-1].name, fields=list(changes))
    return todo + [Step(action="delete", kind=kind, name=name) for kind, name in surplus]


def kept(todo: Sequence[Step]) -> bool:
    """Whether there is nothing to do: all is there as it should be."""
    return all(step.action == "keep" for step in todo)


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


def findings(recording: Recording) -> list[str]:
    return [f"{recording.name}: {f.what}; {f.do}" for f in recording.findings]


def warnings(spec: Wish, recordings: Sequence[Recording], memories: Sequence[StagedMemory]) -> list[str]:
    """What a keeper should know before going on."""
    found = [found for recording in recordings for found in findings(recording)]
    if not memories:
        found.append("there are no memories, so the companion will know almost nothing")
    if recordings and len(spec.recordings) > len(recordings):  # a change brings none
        found.append("the same recording was given more than once; it is sent once")
    if spec.privacy.loosened:
        found.append(f"looser than the default: {', '.join(spec.privacy.loosened)}")
    return found + manner(spec)


def manner(spec: Wish) -> list[str]:
    """How it speaks, where that isn't as usual and no field shows it."""
    found: list[str] = []
    speech = voicing.speech(spec)
    if speech != voicing.USUAL:
        found.append(f"it speaks with {speech}, by its audience, wishes and voice settings")
    if spec.audience == "bereavement" and spec.subject.status == "living":
        found.append(f"it is for somebody who is grieving, though {spec.subject.name} is said to be living")
    return found
