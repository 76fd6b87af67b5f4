"""Changing what exists: one PATCH of the agent, read back."""

from __future__ import annotations

from collections.abc import Sequence

from ..elevenlabs.client import ElevenLabs
from ..errors import Conflict, NotFound, UnexpectedAnswer
from . import wanted
from .edits import LLM, Edit, edit
from .kinds import Made
from .ledger import Ledger, Resource
from .pausing import shut
from .plan import Plan
from .tree import Tree, at, missing
from .verify import grave


def planned(plan: Plan, known: Resource, voice: Made, documents: Sequence[Made], stored: Tree) -> Edit:
    """What the plan changes about an agent that is stored as `stored`."""
    body = shut(_body(plan, known, voice, documents, stored), known)
    removed = {*plan.observed.gone, *plan.observed.surplus}
    return edit(known.sent, body, stored, removed=removed, overwrite=plan.overwrite)


def _body(plan: Plan, known: Resource, voice: Made, documents: Sequence[Made], stored: Tree) -> Tree:
    """The agent as it is to be; it keeps the language model that was chosen when it was made."""
    return wanted.body(plan, voice, documents, str(at(known.sent, LLM) or at(stored, LLM)))


async def change(
    elevenlabs: ElevenLabs, ledger: Ledger, plan: Plan, voice: Made, documents: Sequence[Made]
) -> list[str]:
    """Make the agent what the plan wants; warnings for what drifted and stays so. Said again, it changes nothing.

    Raises Conflict where somebody changed the agent since the plan was drawn.
    """
    before = await elevenlabs.agent(_known(ledger, plan).id)
    known, stored = _known(ledger, plan), before.model_dump()  # it may have been paused meanwhile
    news = planned(plan, known, voice, documents, stored)
    if news.patch:
        if plan.observed.version != (before.version_id or ""):
            raise Conflict("the agent was changed since this plan was drawn", exists=f"agent {known.id} is unchanged")
        ledger.refuse_revoked(plan.companion)
        ledger.note("change", known)
        await elevenlabs.patch_agent(known.id, news.patch)
        stored = (await elevenlabs.agent(known.id)).model_dump()
        _check(known.id, news.patch, stored)
        known = _known(ledger, plan)
    ledger.note_changed(known)  # which may be a change whose answer was lost
    body = _body(plan, known, voice, documents, stored)
    left = planned(plan, known, voice, documents, stored)  # not compared as they are: lists may be in another order
    safe = known.verified or not (left.patch or grave([f.field for f in left.drift]))
    ledger.amend(known, sent=body, name=body["name"], verified=safe)
    # A run keeps no texts, so this names only the fields; whoever looks at the companion sees what they hold.
    return [f"drift: {f.field} was changed at ElevenLabs, and stays so" for f in news.drift]


def _known(ledger: Ledger, plan: Plan) -> Resource:
    known = ledger.resource(plan.marker, "agent", "")
    if known is None:
        raise NotFound("the agent of this plan isn't in the ledger any more", next="call plan_companion again")
    return known


def _check(agent_id: str, patch: Tree, stored: Tree) -> None:
    lost = missing(patch, stored)
    if lost:
        raise UnexpectedAnswer(
            f"ElevenLabs did not store {', '.join(lost[:5])} as it was sent",
            exists=f"agent {agent_id}, half changed",
            next="look at it with get_agent, and plan the change again",
        )
