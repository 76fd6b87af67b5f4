"""At most one of each thing, at a service without idempotency keys.

An intent is written down before each request. Its nonce is kept in this process only and used once, so a step that is
run again after a crash can't send again: it finds out by the marker whether the request had got through, adopts what
is there, and only after a time in which nothing can show up any more writes a new intent.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import anyio
from pydantic import BaseModel

from ..elevenlabs.client import ElevenLabs
from ..errors import RateLimited, StorykeeperError, Unavailable, UpstreamError, from_row
from .blobs import Blobs
from .kinds import Made, Wanted
from .ledger import Ledger, Resource


class Run(Protocol):
    """What carries a saga: a step's result is kept, so that a run that is taken up again doesn't repeat it.

    Gather only single steps: what is gathered must come in the same order each time.
    """

    async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any: ...

    async def sleep(self, seconds: float) -> None: ...


class Direct:
    """A run that just calls: for single tools, whose ledger rows are all that must last."""

    async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await call(*args)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. `fresh`: how old an intent may be when its request is sent. `settle`: how long after its intent a dead
    process's request may still take effect. `lag`: how long a lost answer's thing may take to show up in lists.
    `poll`: between look-ups. `rounds`: how many tries a resource gets; `longest`: the longest wait between two."""

    fresh: float = 20
    settle: float = 360
    lag: float = 60
    poll: float = 3
    rounds: int = 8
    longest: float = 120


SANDBOX_PATIENCE = Patience(fresh=5, settle=8, lag=2, poll=0.2, rounds=8, longest=10)


class Outcome(BaseModel):
    """What became of one request. `unknown`: it may have taken effect, which shows by `until`; `after`: seconds."""

    state: Literal["made", "throttled", "unknown", "rejected"]
    made: Made | None = None
    after: float | None = None
    until: float | None = None
    error: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Ensure:
    """Makes things exist once. `clock` is wall time, since intents outlive processes."""

    elevenlabs: ElevenLabs
    ledger: Ledger
    blobs: Blobs
    patience: Patience = Patience()
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    _unsent: set[str] = field(default_factory=set[str], repr=False)

    async def __call__(self, run: Run, wanted: Sequence[Wanted]) -> list[Made]:
        """All of them, in order. Raises the first error, saying what exists; nothing beside it is interrupted."""
        done: dict[tuple[str, str], Made] = {}
        for attempt in range(self.patience.rounds):
            todo = [w for w in wanted if (w.kind, w.slot) not in done]
            if not todo:
                break
            outcomes = await self._round(run, todo)
            done |= {(w.kind, w.slot): o.made for w, o in zip(todo, outcomes, strict=True) if o.made}
            self._raise_rejected(outcomes, done)
            waits = [2.0**attempt if o.after is None else o.after for o in outcomes if o.state == "throttled"]
            if waits:
                await run.sleep(min(max(waits), self.patience.longest))
        if len(done) < len({(w.kind, w.slot) for w in wanted}):
            raise RateLimited("ElevenLabs keeps answering that it is too busy", exists=listing(done.values()))
        return [done[w.kind, w.slot] for w in wanted]

    async def _round(self, run: Run, todo: Sequence[Wanted]) -> list[Outcome]:
        names = ", ".join(w.kind for w in todo)
        intents = [Resource.model_validate(i) for i in await run.step(f"intend {names}", self._intend, todo)]
        pairs = list(zip(todo, intents, strict=True))
        sent = await asyncio.gather(*(run.step(f"create {w.kind} '{w.name}'", self._send, w, i) for w, i in pairs))
        outcomes = [Outcome.model_validate(o) for o in sent]
        lost = [n for n, o in enumerate(outcomes) if o.state == "unknown"]
        found = await asyncio.gather(
            *(run.step(f"look up {pairs[n][0].kind}", self._look_up, *pairs[n], outcomes[n].until) for n in lost)
        )
        for n, outcome in zip(lost, found, strict=True):
            outcomes[n] = Outcome.model_validate(outcome)
        return outcomes

    def _raise_rejected(self, outcomes: Sequence[Outcome], done: dict[tuple[str, str], Made]) -> None:
        for outcome in outcomes:
            if outcome.error:
                error = from_row(outcome.error)
                error.exists = listing(done.values())
                raise error

    async def _intend(self, todo: Sequence[Wanted]) -> list[dict[str, Any]]:
        return [self._intent(wanted).model_dump() for wanted in todo]

    def _intent(self, wanted: Wanted) -> Resource:
        fresh = wanted.intent().model_copy(update={"nonce": secrets.token_hex(8), "intended_at": self.clock()})
        kept = self.ledger.intend(fresh)
        if kept.nonce == fresh.nonce:
            self._unsent.add(fresh.nonce)
        return kept

    async def _send(self, wanted: Wanted, intent: Resource) -> dict[str, Any]:
        return (await self._sent(wanted, intent)).model_dump()

    async def _sent(self, wanted: Wanted, intent: Resource) -> Outcome:
        if intent.state == "made":
            return Outcome(state="made", made=_made(intent))
        mine = intent.nonce in self._unsent
        self._unsent.discard(intent.nonce)
        if not mine:
            return Outcome(state="unknown", until=intent.intended_at + self.patience.settle)
        if self.clock() > intent.intended_at + self.patience.fresh:
            self.ledger.withdraw(intent)
            return Outcome(state="throttled", after=0)
        try:
            return self._keep(intent, await wanted.create(self.elevenlabs, self.blobs))
        except StorykeeperError as error:
            return self._judge(intent, error)

    def _judge(self, intent: Resource, error: StorykeeperError) -> Outcome:
        """What an error says about whether the thing exists."""
        if isinstance(error, UpstreamError) and error.maybe_done:
            return Outcome(state="unknown", until=self.clock() + self.patience.lag)
        self.ledger.withdraw(intent)
        if isinstance(error, (RateLimited, Unavailable)):
            return Outcome(state="throttled", after=error.after)
        return Outcome(state="rejected", error=error.row())

    async def _look_up(self, wanted: Wanted, intent: Resource, until: float) -> dict[str, Any]:
        """Poll until the thing is found, or a look after `until` doesn't find it: then it was never made."""
        while True:
            outcome = await self._look(wanted, intent, until)
            if outcome:
                return outcome.model_dump()
            await self.sleep(self.patience.poll)

    async def _look(self, wanted: Wanted, intent: Resource, until: float) -> Outcome | None:
        """One look; None while it's too early to tell. An intent whose fate stays unknown is kept for the next run."""
        late = self.clock() >= until
        known = self.ledger.resource(wanted.marker, wanted.kind, wanted.slot)
        if known and known.state == "made":
            return Outcome(state="made", made=_made(known))
        try:
            made = await wanted.find(self.elevenlabs)
        except UpstreamError as error:
            return Outcome(state="rejected", error=error.row()) if late else None
        except StorykeeperError as error:
            return Outcome(state="rejected", error=error.row())
        if made:
            return self._keep(intent, made)
        if not late:
            return None
        self.ledger.withdraw(intent)
        return Outcome(state="throttled", after=0)

    def _keep(self, intent: Resource, made: Made) -> Outcome:
        self.ledger.keep_made(intent.model_copy(update={"state": "made", **made.model_dump()}))
        return Outcome(state="made", made=made)


def _made(resource: Resource) -> Made:
    return Made(id=resource.id, name=resource.name, type=resource.type, blocked=resource.blocked)


def listing(things: Any) -> str:
    """What exists, in words."""
    names = [f"{thing.name} ({thing.id})" for thing in things]
    return "exists: " + ", ".join(names) if names else "nothing was made"
