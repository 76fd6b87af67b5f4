"""What earlier plans of a companion left: documents and voices that it no longer needs, and old recordings.

Whoever slept through a newer plan deletes no voice: it may be the one that the newer plan wants.
"""

from __future__ import annotations

import anyio.to_thread

from ..errors import Conflict, StorykeeperError
from .ensure import Ensure
from .ledger import Ledger, Resource
from .marked import marked
from .plan import Plan
from .surplus import delete, remove
from .voiced import Voiced


async def discard(ensure: Ensure, voiced: Voiced, plan: Plan, id: str) -> list[str]:
    """Delete a document or a voice that the companion no longer needs; a warning where it has to stay."""
    known = ensure.ledger.by_remote_id(id)
    if known is None:
        return []
    if known.kind == "voice":
        if speakers := await _speakers(ensure.ledger, voiced, known):
            return [f"the voice {id} stays: the agent {speakers[0]} speaks in it"]
        if not ensure.ledger.follows(plan):
            return []
    try:
        await remove(ensure, known)
    except Conflict:
        return [f"the {known.kind} {id} stays: something else at ElevenLabs uses it"]
    ensure.ledger.erase(known)
    return []


async def clear(ensure: Ensure, voiced: Voiced, plan: Plan) -> list[str]:
    """Voices of other plans that this one doesn't know: made after it was drawn, or asked for and not heard of. Then the
    recordings that nothing is made from any more."""
    ledger, told = ensure.ledger, list[str]()
    made = [row for row in ledger.resources(plan.marker) if (row.kind, row.state) == ("voice", "made")]
    for row in made:
        if row.slot != plan.voice and row.id not in plan.observed.surplus:
            told += await discard(ensure, voiced, plan, row.id)
    for row in ledger.doubtful(plan.marker):
        if row.kind == "voice" and row.slot != plan.voice:
            told += await _unheard(ensure, plan, row)
    await anyio.to_thread.run_sync(ensure.blobs.erase, outdated(ledger, plan))
    return told


async def _unheard(ensure: Ensure, plan: Plan, row: Resource) -> list[str]:
    """One that may yet show up stays known as asked for."""
    late = ensure.clock() >= row.intended_at + ensure.patience.settle
    try:
        found = [thing for thing in await marked(ensure.elevenlabs, row.marker, {"voice"}) if thing.beside(row)]
        for thing in found:
            if ensure.ledger.follows(plan):
                await delete(ensure, thing.model_copy(update={"slot": row.slot}))
    except StorykeeperError as error:
        return [f"there may be a second voice, which `storykeeper reconcile` finds ({error.code})"]
    if (found or late) and ensure.ledger.follows(plan):
        ensure.ledger.withdraw(row)
    return []


async def _speakers(ledger: Ledger, voiced: Voiced, voice: Resource) -> list[str]:
    """The agents that speak in a voice, its companion's own and those that are no companion's: none is to fall silent."""
    agent = ledger.resource(voice.marker, "agent", "")
    own = await voiced.speakers([voice.id], [agent.id] if agent and agent.id else [])
    return [agent.agent_id for agent in [*own, *await voiced.others([("voice", voice.id)])]]


def outdated(ledger: Ledger, plan: Plan) -> set[str]:
    """The recordings that only earlier plans of a companion name."""
    known = ledger.companion(plan.companion)
    if known is None or not ledger.follows(plan):
        return set()
    planned = ledger.plan(known.planned) if known.planned else None
    kept = {*plan.hashes, *(planned.hashes if planned else [])}
    heard = {sha256 for other in ledger.plans(plan.companion) for sha256 in other.hashes}
    return {sha256 for sha256 in heard - kept if not ledger.names(sha256, but=plan.companion)}
