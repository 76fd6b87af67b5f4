"""No second one of anything, where a request's fate was unknown: a last look before a run says that it is done.

Where every answer was heard this asks nothing. What takes effect even later is for `reconcile` to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import StorykeeperError, Unavailable, UpstreamError
from .ensure import Ensure, Run
from .ledger import Resource
from .marked import marked
from .observing import observe
from .surplus import delete, ordered


async def dedupe(run: Run, ensure: Ensure, marker: str) -> list[str]:
    """Delete what is there a second time; the ledger's stays. Warnings for what couldn't be looked at or deleted."""
    patience = ensure.patience
    for n in range(patience.rounds):
        left: dict[str, Any] = await run.step("look for doubles", _once, ensure, marker)
        if not left["again"] or n + 1 == patience.rounds:
            return left["warnings"]
        await run.sleep(min(2.0**n, patience.longest))
    return []


async def _once(ensure: Ensure, marker: str) -> dict[str, Any]:
    rows = [r for r in ensure.ledger.resources(marker) if r.doubted and r.state == "made"]
    try:
        if rows:
            await _delete_doubles(ensure, rows)
    except StorykeeperError as error:
        kinds = " or ".join(sorted({row.kind for row in rows}))
        told = f"there may be a second {kinds}, which `storykeeper reconcile` finds ({error.code})"
        return {"again": isinstance(error, UpstreamError), "warnings": [told]}
    return {"again": False, "warnings": []}


async def _delete_doubles(ensure: Ensure, rows: Sequence[Resource]) -> None:
    things = await marked(ensure.elevenlabs, rows[0].marker, {row.kind for row in rows})
    ours = {row.id for row in ensure.ledger.resources(rows[0].marker)}
    unseen = [row for row in rows if row.id not in {thing.id for thing in things}]
    live = await observe(ensure.elevenlabs, unseen)
    if live.unseen:
        raise Unavailable(live.unseen[0])
    # Where ours is the one that is missing, the other is all there is.
    sure = [row for row in rows if row.id not in live.gone]
    doubles = [(thing, row) for row in sure for thing in things if thing.beside(row) and thing.id not in ours]
    for thing in ordered(thing.model_copy(update={"slot": row.slot}) for thing, row in doubles):
        await delete(ensure, thing)
    for row in sure:
        ensure.ledger.amend(row, doubted=False)
