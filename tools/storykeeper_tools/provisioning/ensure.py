"""At most one of each thing, at a service without idempotency keys.

An intent is written down before each request. Its nonce is kept in this process only and used once, so a step that is
run again after a crash can't send again: it finds out by the marker whether the request had got through, adopts what
is there, and only after a time in which nothing can show up any more writes a new intent. What was refused is looked
for before it is asked for again, since a refusal may come from something on the way.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol

import anyio

from .. import telemetry
from ..elevenlabs.client import ElevenLabs
from ..errors import NOTHING_MADE, NeedsConsent, RateLimited, StorykeeperError, Unavailable, UpstreamError, from_row
from ..model import Model
from ..part import part
from .blobs import Blobs
from .kinds import UNPROVEN, Made, Wanted
from .ledger import Ledger, Resource

AT_ONCE = 5  # accounts may have no more requests than that under way


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
    `poll`: between look-ups. `rounds`: how many may pass in which nothing is made; `longest`: the longest wait between two.
    `indexing`: how long documents may take to be indexed."""

    fresh: float = 20
    settle: float = 360
    lag: float = 60
    poll: float = 3
    rounds: int = 8
    longest: float = 120
    indexing: float = 600


SANDBOX_PATIENCE = Patience(fresh=5, settle=8, lag=2, poll=0.2, rounds=8, longest=10)


class Outcome(Model):
    """What became of one request. `unknown`: it may have taken effect, which shows by `until`; `after`: seconds;
    `error`: why it wasn't made, or wasn't heard of."""

    state: Literal["made", "throttled", "unknown", "rejected"]
    made: Made | None = None
    after: float | None = None
    until: float | None = None
    error: dict[str, str] | None = None


def no_voices(wanted: Wanted) -> None:
    """What may be sent where nobody keeps consents."""
    if wanted.kind == "voice":
        raise NeedsConsent("nobody has allowed yet that this voice is cloned")


@part
class Ensure:
    """Makes things exist once. `clock` is wall time, since intents outlive processes; `ticks` is what nobody can set.
    `permit` raises for what may not be sent."""

    elevenlabs: ElevenLabs
    ledger: Ledger
    blobs: Blobs
    patience: Patience = Patience()
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    ticks: Callable[[], float] = time.monotonic
    permit: Callable[[Wanted], None] = no_voices
    _unsent: dict[str, float] = field(default_factory=dict[str, float], repr=False)
    _sending: set[asyncio.Task[Outcome]] = field(default_factory=set["asyncio.Task[Outcome]"], repr=False)

    async def __call__(self, run: Run, wanted: Sequence[Wanted]) -> list[Made]:
        """All of them, in order. Raises the first error, saying what exists; nothing beside it is interrupted."""
        done: dict[tuple[str, str], Made] = {}
        idle = 0
        while todo := [w for w in wanted if (w.kind, w.slot) not in done][:AT_ONCE]:
            outcomes = await self._round(run, todo)
            news = {(w.kind, w.slot): o.made for w, o in zip(todo, outcomes, strict=True) if o.made}
            done |= news
            idle = 0 if news else idle + 1
            self._raise_told(wanted, outcomes, enough=idle == self.patience.rounds)
            waits = [
                2.0 ** max(idle - 1, 0) if o.after is None else o.after for o in outcomes if o.state == "throttled"
            ]
            if waits:
                await run.sleep(min(max(waits), self.patience.longest))
        return [done[w.kind, w.slot] for w in wanted]

    async def stop(self, seconds: float = 1.5) -> None:
        """Let requests that are under way end, for a moment; what then is still out is found by its intent later."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=seconds)
        for task in self._sending:
            task.cancel()

    async def _round(self, run: Run, todo: Sequence[Wanted]) -> list[Outcome]:
        kinds = ", ".join(w.kind for w in todo)
        kept = await run.step(f"intend {kinds}", self._intend, todo)
        pairs = [(w, Resource.model_validate({**i, "name": w.name})) for w, i in zip(todo, kept, strict=True)]
        sent = await asyncio.gather(*(run.step(f"{_doing(i)} {w.kind}", self._send, w, i) for w, i in pairs))
        outcomes = [_read(o, w) for w, o in zip(todo, sent, strict=True)]
        lost = [n for n, o in enumerate(outcomes) if o.state == "unknown"]
        found = await asyncio.gather(
            *(run.step(f"look up {pairs[n][0].kind}", self._look_up, *pairs[n], outcomes[n].until) for n in lost)
        )
        for n, outcome in zip(lost, found, strict=True):
            outcomes[n] = _read({"error": outcomes[n].error} | outcome, todo[n])
        return outcomes

    def _raise_told(self, wanted: Sequence[Wanted], outcomes: Sequence[Outcome], *, enough: bool) -> None:
        """The first error that is final; when it is `enough`, that of whatever still isn't made."""
        final = [o.error for o in outcomes if o.error and (o.state == "rejected" or (enough and o.state != "made"))]
        if final or enough:
            error = from_row(final[0]) if final else RateLimited("ElevenLabs keeps answering that it is too busy")
            error.exists = standing(r for w in wanted if (r := self.ledger.resource(w.marker, w.kind, w.slot)))
            raise error

    async def _intend(self, todo: Sequence[Wanted]) -> list[dict[str, Any]]:
        # A run keeps ids and hashes only: names are the keeper's, and stay in the ledger.
        return [self._intent(wanted).model_dump(exclude={"name", "sent"}) for wanted in todo]

    def _intent(self, wanted: Wanted) -> Resource:
        fresh = wanted.intent().model_copy(update={"nonce": secrets.token_hex(8), "intended_at": self.clock()})
        kept = self.ledger.intend(fresh)
        if kept.nonce == fresh.nonce:
            self._unsent[fresh.nonce] = self.ticks()
        return kept

    async def _send(self, wanted: Wanted, intent: Resource) -> dict[str, Any]:
        return _written(await self._sent(wanted, intent))

    async def _sent(self, wanted: Wanted, intent: Resource) -> Outcome:
        if intent.state == "made":
            return Outcome(state="made", made=await self._unblocked(wanted, intent))
        since = self._unsent.pop(intent.nonce, None)
        if since is None:
            # An intent from the future was written before a clock was set back.
            return Outcome(state="unknown", until=min(intent.intended_at, self.clock()) + self.patience.settle)
        # By both clocks: one can be set back, and the other may stand still while a machine sleeps.
        if max(self.clock() - intent.intended_at, self.ticks() - since) > self.patience.fresh:
            self.ledger.withdraw(intent)
            return Outcome(state="throttled", after=0)
        return await self._uninterrupted(wanted, intent)

    async def _uninterrupted(self, wanted: Wanted, intent: Resource) -> Outcome:
        """A caller who gives up doesn't stop a request that is under way: it ends, and its result is written down."""
        task = asyncio.create_task(self._request(wanted, intent))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return await asyncio.shield(task)

    async def _request(self, wanted: Wanted, intent: Resource) -> Outcome:
        try:
            made = await wanted.find(self.elevenlabs) if intent.again else None
            made = made or await wanted.create(self.elevenlabs, self.blobs, partial(self.permit, wanted))
        except StorykeeperError as error:
            return self._judge(intent, error)
        return self._keep(intent, made)  # a ledger that can't be written then says nothing of whether it was made

    async def _unblocked(self, wanted: Wanted, known: Resource) -> Made:
        """What exists; a voice that had to be verified is looked at again."""
        if known.blocked != UNPROVEN:
            return _made(known)
        try:
            now = await wanted.find(self.elevenlabs)
        except StorykeeperError:
            return _made(known)
        if now and now.id == known.id and not now.blocked:
            self.ledger.amend(known, blocked="")
            return now
        return _made(known)

    def _judge(self, intent: Resource, error: StorykeeperError) -> Outcome:
        """What an error says about whether the thing exists."""
        if isinstance(error, UpstreamError) and error.maybe_done:
            return Outcome(state="unknown", until=self.clock() + self.patience.lag, error=error.row())
        self.ledger.refuse(intent)
        if isinstance(error, (RateLimited, Unavailable)):
            return Outcome(state="throttled", after=error.after, error=error.row())
        return Outcome(state="rejected", error=error.row())

    async def _look_up(self, wanted: Wanted, intent: Resource, until: float) -> dict[str, Any]:
        """Poll until the thing is found, or a look after `until` doesn't find it: then it was never made.

        Clocks jump. However far ahead, at least `lag` seconds are waited here before that is believed; however far
        back, not much longer than `settle`.
        """
        self.ledger.doubt(intent)
        waited = 0.0
        while True:
            late = waited >= self.patience.lag and (self.clock() >= until or waited >= self.patience.settle)
            outcome = await self._look(wanted, intent, late=late)
            if outcome:
                return _written(outcome)
            await self.sleep(self.patience.poll)
            waited += self.patience.poll

    async def _look(self, wanted: Wanted, intent: Resource, *, late: bool) -> Outcome | None:
        """One look; None while it's too early to tell. An intent whose fate stays unknown is kept for the next run."""
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
        if intent.kind == "voice":
            telemetry.VOICES.tell(1)
        kept = self.ledger.keep_made(intent.model_copy(update={"state": "made", **made.model_dump()}))
        return Outcome(state="made", made=_made(kept))


def _doing(intent: Resource) -> str:
    return "keep" if intent.state == "made" else "create"


def _written(outcome: Outcome) -> dict[str, Any]:
    return outcome.model_dump(exclude_unset=True, exclude={"made": {"name"}})


def _read(outcome: dict[str, Any], wanted: Wanted) -> Outcome:
    made = outcome.get("made")
    return Outcome.model_validate({**outcome, "made": {**made, "name": wanted.full_name} if made else None})


def _made(resource: Resource) -> Made:
    return Made(id=resource.id, name=resource.name, type=resource.type, blocked=resource.blocked)


def standing(resources: Iterable[Resource]) -> str:
    """What may exist and what does, in words: what matters most first, since sentences are cut at their end."""
    known = sorted(resources, key=lambda r: ("voice", "agent", "document").index(r.kind))
    unheard = ", ".join(f"{r.kind} '{r.name}'" for r in known if r.state == "intended")
    maybe = [f"perhaps {unheard}, looked for first when this is called again"] if unheard else []
    return ". ".join([*maybe, listing(r for r in known if r.state == "made")])


def listing(things: Iterable[Made | Resource]) -> str:
    """What exists, in words."""
    names = [f"{title(thing.name)} ({thing.id})" for thing in things]
    return "exists: " + ", ".join(names) if names else NOTHING_MADE


def title(name: str) -> str:
    """A name without the marker that documents have before theirs."""
    return name.partition(" ")[2] if name.startswith("keep-") and " " in name else name
