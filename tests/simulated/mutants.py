"""Provisioning with one thing wrong each: whoever watches must notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from simulated.process import PATIENCE, Parts
from storykeeper_tools.elevenlabs.client import ElevenLabs
from storykeeper_tools.errors import RateLimited, TimedOut, Unavailable
from storykeeper_tools.provisioning.blobs import Blobs
from storykeeper_tools.provisioning.ensure import Patience, Run
from storykeeper_tools.provisioning.kinds import Made, Wanted
from storykeeper_tools.provisioning.ledger import Ledger, Resource


@dataclass
class Naive:
    """Sends, writes down what came of it, and sends again what it has heard nothing of."""

    elevenlabs: ElevenLabs
    ledger: Ledger
    blobs: Blobs
    patience: Patience
    clock: Callable[[], float]
    sleep: Callable[[float], Any]
    ticks: Callable[[], float]
    permit: Callable[[Wanted], None]

    async def __call__(self, run: Run, wanted: Sequence[Wanted]) -> list[Made]:
        return [await self._made(run, thing) for thing in wanted]

    async def _made(self, run: Run, wanted: Wanted) -> Made:
        for _ in range(self.patience.rounds):
            row = await run.step(f"create {wanted.kind}", self._create, wanted)
            if row:
                return Made.model_validate(row)
            await run.sleep(1)
        raise Unavailable("ElevenLabs doesn't answer")

    async def _create(self, wanted: Wanted) -> dict[str, Any] | None:
        known = self.ledger.resource(wanted.marker, wanted.kind, wanted.slot)
        if known:
            return known.model_dump(include={"id", "name", "type"})
        try:
            made = await wanted.create(self.elevenlabs, self.blobs, partial(self.permit, wanted))
        except (Unavailable, TimedOut, RateLimited):
            return None
        self.ledger.keep_made(wanted.intent().model_copy(update={"state": "made", **made.model_dump()}))
        return made.model_dump()


class Unwritten(Ledger):
    """Writes no intent down before its request."""

    def intend(self, wanted: Resource) -> Resource:
        return self.resource(wanted.marker, wanted.kind, wanted.slot) or wanted


class Impatient(Ledger):
    """Takes an intent that somebody else wrote for one that came to nothing."""

    def intend(self, wanted: Resource) -> Resource:
        known = self.resource(wanted.marker, wanted.kind, wanted.slot)
        if known and known.state == "intended":
            self.withdraw(known)
        return super().intend(wanted)


class Forgetful(Ledger):
    """Writes what was made down only now and then."""

    def keep_made(self, made: Resource) -> Any:
        return made if made.kind == "document" else super().keep_made(made)


class Trusting(Ledger):
    """Believes a refusal, and so doesn't look before it asks again."""

    def refuse(self, intent: Resource) -> None:
        self.withdraw(intent)


MUTANTS: dict[str, Parts] = {
    "plain repeat": Parts(ensure=Naive),
    "no intent first": Parts(ledger=Unwritten),
    "others' intents don't count": Parts(ledger=Impatient),
    "what was made isn't kept": Parts(ledger=Forgetful),
    "refusals are believed": Parts(ledger=Trusting),
    "nothing settles": Parts(patience=replace(PATIENCE, settle=0, lag=0)),
    "lists don't lag": Parts(patience=replace(PATIENCE, lag=0)),
    "intents don't grow old": Parts(patience=replace(PATIENCE, fresh=1e9)),
}
