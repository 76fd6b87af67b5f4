"""What there is of each companion, as a host may show it: its state, memories, plan, rehearsal, and the receipt of forgetting.

No link to talk, key, path or recording is in any of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from pydantic import BaseModel

from storykeeper_tools.companion.spec import name_key
from storykeeper_tools.companions import Companions
from storykeeper_tools.errors import NotFound
from storykeeper_tools.provisioning.ledger import Companion
from storykeeper_tools.provisioning.observing import observe
from storykeeper_tools.provisioning.plan import Plan, marker
from storykeeper_tools.provisioning.receipts import Receipts

LONGEST = 200_000  # characters of a memory book; a host hands it to a model in whole


@dataclass(frozen=True, slots=True)
class Shelf:
    """Companions go by their ids here. Raises NotFound for what isn't there."""

    companions: Companions
    receipts: Receipts

    def all(self) -> list[Companion]:
        """Every companion, the newest first."""
        ledger = self.companions.planner.ledger
        known = ledger.companions() if ledger.database.exists() else []
        return sorted(known, key=lambda companion: (-companion.made_at, companion.id))

    async def state(self, id: str) -> str:
        """As get_companion tells it."""
        return _json(await self.companions.get_companion(self.known(id).id))

    async def memories(self, id: str) -> str:
        """The memory book, as Markdown."""
        known = self.known(id)
        return await anyio.to_thread.run_sync(self._book, self.companions.planner.made_from(known))

    async def plan(self, id: str) -> str:
        """The change that waits to be confirmed, or else the plan that it is made from, as it would be carried out now."""
        known, planner = self.known(id), self.companions.planner
        plan, _ = planner.current(known.planned or known.plan_id)
        return _json(planner.again(plan, await observe(self.companions.elevenlabs, planner.made(known))))

    async def rehearsal(self, id: str) -> str:
        """What it said when it was last rehearsed, as Markdown."""
        known = self.known(id)
        answers = self.companions.rehearsed.all_of(known.marker)
        if not answers:
            next = f"rehearse_companion(companion={id}) asks it what visitors may ask"
            raise NotFound(f"{id} was never rehearsed", exists="the companion is there", next=next)
        last = max(answers, key=lambda answer: answer["at"])["edition"]
        return _rehearsal(id, [answer for answer in answers if answer["edition"] == last])

    async def receipt(self, id: str) -> str:
        """The last receipt of a companion that was forgotten, by its id or the receipt's own."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", id):
            raise _nothing()
        subject = marker(self.companions.workspace.name, id)
        there = self.companions.planner.ledger.database.exists()
        found = (self.receipts.signed(id) or self.receipts.newest(subject)) if there else None
        if found is None:
            raise NotFound("there is no receipt of that", exists="nothing by that id was forgotten here")
        return _json(found)

    def receipted(self) -> list[str]:
        """The ids of all receipts."""
        return self.receipts.ids() if self.companions.planner.ledger.database.exists() else []

    def known(self, id: str) -> Companion:
        ledger = self.companions.planner.ledger
        found = ledger.companion(id) if ledger.database.exists() else None
        if found is None:
            raise _nothing()
        return found

    def called(self, which: str) -> Companion:
        """By its id or name, as tools take it."""
        return self.companions.planner.known(which)

    def look(self, id: str) -> str:
        """The same while nothing changes that is told of a companion; of `*`, while none comes or goes."""
        planner, ledger = self.companions.planner, self.companions.planner.ledger
        if not ledger.database.exists():
            return ""
        if id == "*":
            return " ".join(sorted(ledger.ids()))
        known = ledger.companion(id)
        told: list[Any] = [known, planner.runs.all_of(id)]
        if known:
            made = ledger.resources(known.marker)
            told += [made, ledger.revoked(id), self.companions.rehearsed.all_of(known.marker)]
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def _book(self, plan: Plan) -> str:
        name, blobs = plan.spec.subject.name, self.companions.stager.blobs
        parts = [f"# What is told of {name}", *_listed("Corrections, which outrank the rest", plan.spec.corrections)]
        room, left = LONGEST, list[str]()
        for memory in plan.memories:
            text = blobs.read(memory.sha256).decode() if memory.type == "text" else ""
            if not text or len(text) > room:
                left.append(memory.title)
                continue
            room -= len(text)
            parts.append(f"# {memory.title}\n\n{text}")
        more = f"Not shown here; get_companion(companion={plan.companion}, about=TOPIC) finds what is told on a topic"
        return "\n\n".join([*parts, *_listed(more, left)]) + "\n"


def found_by(typed: str, companion: Companion) -> bool:
    """Whether what somebody began to type may mean it: its id, its name, or a word of that, whatever the accents."""
    key = name_key(typed)
    return not key or any(
        text.startswith(key) for text in (companion.id, companion.name_key, *companion.name_key.split())
    )


def _rehearsal(id: str, answers: Sequence[dict[str, Any]]) -> str:
    passed = sum(answer["verdict"] == "pass" for answer in answers)
    lines = [f"# The last rehearsal of {id}", f"{passed} of {len(answers)} answers passed."]
    for answer in answers:
        said = "\n".join(f"> {line}" for text in answer["said"] for line in text.splitlines())
        lines += [
            f"## {answer['question']}: {answer['verdict']}",
            f"Rule: {answer['rule']}",
            f"Why: {answer['why']}",
            said,
        ]
    return "\n\n".join(filter(None, lines)) + "\n"


def _listed(head: str, lines: Sequence[str]) -> list[str]:
    return [f"{head}:\n\n" + "\n".join(f"- {line}" for line in lines)] if lines else []


def _nothing() -> NotFound:
    return NotFound("there is no companion with that id here", exists="nothing was changed")


def _json(told: BaseModel) -> str:
    return told.model_dump_json(indent=1)
