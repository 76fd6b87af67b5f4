"""A plan against what was made and what the service has now: what it rests on, what goes, and what changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import Busy, Unavailable
from . import wanted
from .changing import planned
from .edits import Edit, foreign_embedding
from .ensure import title
from .kinds import Made, Wanted
from .ledger import Resource
from .observing import Live
from .plan import Field, Kind, Observed, Plan, said
from .staging import Staged


def observed(made: list[Resource], staged: Staged, live: Live, voice: str, *, overwrite: bool) -> Observed:
    """What a plan rests on. Before there is an agent that is only what isn't wanted any more: all else is found when it
    is asked for."""
    gone = sorted(resource.id for resource in made if resource.id in live.gone)
    wanted = {("agent", ""), ("voice", voice), *(("document", memory.sha256) for memory in staged.memories)}
    left = [r for r in made if (r.kind, r.slot) not in wanted and r.id not in live.gone]
    surplus = [r.id for r in sorted(left, key=lambda r: (r.kind, r.id))]  # voices last
    if live.agent is None:
        if any(resource.kind == "agent" and resource.id not in live.gone for resource in made):
            if not live.unseen:  # it wasn't in the ledger yet when the service was looked at
                raise Busy("the companion's agent was made just now", exists="see get_companion")
            raise Unavailable(live.unseen[0], exists="what was made is unchanged")
        return Observed(gone=gone, surplus=surplus)
    agent = next((resource for resource in made if resource.kind == "agent"), None)
    embedding = foreign_embedding(agent.sent, live.agent.model_dump()) if agent and not overwrite else ""
    version = live.agent.version_id or ""
    return Observed(agent=live.agent.agent_id, version=version, gone=gone, surplus=surplus, embedding=embedding)


def leaving(made: list[Resource], ids: Sequence[str]) -> list[tuple[Kind, str]]:
    """What goes, voices last, and what it is called."""
    return [(r.kind, title(r.name)) for id in ids for r in made if r.id == id]


def edited(plan: Plan, made: list[Resource], live: Live) -> Edit:
    """What would change about the agent, told with stand-ins for what isn't made yet."""
    agent = next((r for r in made if r.kind == "agent"), None)
    if agent is None or live.agent is None:
        return Edit()
    there = {(r.kind, r.slot): r for r in made if r.id not in live.gone}
    voice, *documents = [_stand_in(w, there) for w in (wanted.voice(plan), *wanted.documents(plan))]
    return planned(plan, agent, voice, documents, live.agent.model_dump())


def _stand_in(wanted: Wanted, there: Mapping[tuple[str, str], Resource]) -> Made:
    known = there.get((wanted.kind, wanted.slot))
    if known:
        return Made(id=known.id, name=known.name, type=known.type)
    return Made(id=f"new {wanted.kind} {wanted.slot[:8]}".strip(), name=wanted.full_name, type="text")


def drifted(drift: Sequence[Field]) -> list[str]:
    """What somebody changed at ElevenLabs, in words."""
    again = "; plan with `overwrite` to change it back"
    return [f"drift: {f.field} was {said(f.before)} and is {said(f.after)} at ElevenLabs{again}" for f in drift]
