"""How companions and consents are shown: their state in a word, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from .companion.consent import Consent, Granting
from .companion.spec import ConsentKind
from .errors import Conflict, StorykeeperError, from_row
from .model import Model
from .provisioning.ensure import title
from .provisioning.ledger import Companion
from .provisioning.proposals import Proposal
from .provisioning.receipts import Receipt
from .provisioning.runs import Run

SHOWN = 3
Standing = Literal[
    "planned", "queued", "waiting_for_worker", "running", "parked", "done", "failed", "paused", "forgetting"
]


class DocumentView(Model):
    id: str
    name: str
    type: str


class CompanionView(Model):
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
    rehearsed: Annotated[SkipJsonSchema[str], Field(exclude=True)] = ""  # said in words only

    def __str__(self) -> str:
        ids = [f"voice {self.voice_id}"] if self.voice_id else []
        ids += [f"agent {self.agent_id}"] if self.agent_id else []
        documents = ", ".join(f"'{title(d.name)}' {d.id}" for d in self.documents)
        said = f"{self.companion} ({self.name}) is {self.status}: {', '.join(ids) or 'nothing made yet'}."
        told = f"Documents: {documents}" if documents else ""
        lines = [*self.memories, said, told, self.rehearsed, *self.warnings]
        return "\n".join([*filter(None, lines), f"Next: {self.next}"])


class CompanionRow(Model):
    companion: str
    name: str
    status: Standing
    agent_id: str | None
    why: str = ""

    def __str__(self) -> str:
        reason = f" ({self.why})" if self.why else ""
        agent = f", agent {self.agent_id}" if self.agent_id else ""
        return f"{self.companion} ({self.name}): {self.status}{reason}{agent}"


class CompanionList(Model):
    companions: list[CompanionRow]
    workspace: str

    def __str__(self) -> str:
        return "\n".join(map(str, self.companions)) or f"No companions in the workspace '{self.workspace}' yet."


class ConsentView(Model):
    consent_id: str
    kind: ConsentKind
    granted_by: str
    granting: Granting
    recordings: int
    next: str

    def __str__(self) -> str:
        return f"{self.consent_id}: {self.kind} consent of {self.granted_by}, {self.granting}. Next: {self.next}"


class Retired(Model):
    """`effects` are what would be deleted; `confirm` allows just that, once, for ten minutes."""

    of: str
    status: Literal["needs_confirm", "paused", "resumed", "forgetting", "forgotten", "deleted", "revoked", "closing"]
    effects: list[str] = []
    confirm: str = ""
    receipt: Receipt | None
    warnings: list[str]
    next: str

    def __str__(self) -> str:
        would = f"This would delete, for good: {'; '.join(self.effects)}." if self.effects else ""
        said = [would or f"{self.of} is {self.status}.", str(self.receipt or ""), *self.warnings, f"Next: {self.next}"]
        return "\n".join(filter(None, said))


def consent_view(consent: Consent, next: str) -> ConsentView:
    return ConsentView(
        consent_id=consent.id,
        kind=consent.kind,
        granted_by=consent.granted_by,
        granting=consent.granting,
        recordings=len(consent.recordings),
        next=next,
    )


def proposed(waiting: Sequence[Proposal]) -> list[str]:
    """What visitors say isn't so, quoted: their words are data."""
    if not waiting:
        return []
    shown = "; ".join(json.dumps(each.text, ensure_ascii=False) for each in waiting[:SHOWN])
    more = f" and {len(waiting) - SHOWN} more" if len(waiting) > SHOWN else ""
    return [f"visitors propose a correction, which nobody has checked or applied: {shown}{more}"]


def resuming(error: StorykeeperError, run: Run) -> str:
    """How a run goes on that met an error: those that wait for somebody are said again once they have done it."""
    if run.again_at is not None:
        return "it is tried again by itself in a minute while a Storykeeper is open; get_companion shows how it stands"
    if run.state == "parked":
        return f"{error.next}; then call provision_companion(plan_id={run.plan_id}) again"
    return error.next


def kept(run: Run, error: dict[str, str], companion: str) -> StorykeeperError:
    """Why forgetting waits; what is left is never given up."""
    told = from_row(error)
    again = f"retire_companion(companion={companion}, action=forget)"
    told.exists = f"{companion} is still being deleted: nobody is let in to it, and nothing is made from it any more"
    told.next = f"it goes on by itself in a minute while a Storykeeper is open; {again} waits for it"
    if run.again_at is None:
        told.next = f"{error['next']}; then {again} goes on with it"
    return told


def forgetting(companion: Companion) -> str:
    return f"retire_companion(companion={companion.id}, action=forget) deletes it for good"


def reason(status: Standing, run: Run | None) -> str:
    """What keeps a run from being done."""
    error = run.result.error if run and run.result else None
    return f"{error['code']}: {error['what']}" if error and status in {"failed", "parked"} else ""


def following(status: Standing, companion: Companion, run: Run | None, talking: str) -> str:
    """What to do next; `talking` says how to talk to one that is done."""
    again = f"provision_companion(plan_id={companion.plan_id})"
    settled = {
        "done": talking,
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
