"""A person's own yes to what spends or deletes, asked for where whoever calls can ask them.

The questions are made of what the ledger knows alone: in the stateless protocol a call starts again with the answer, which
counts for the very same question only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from ..caller import Caller, Declined
from ..errors import NOTHING_MADE, NeedsConfirm
from ..model import Model
from ..settings import Consenting
from . import plan as planning
from .comparing import leaving
from .differing import differences
from .ledger import Resource
from .plan import Cost, Plan, Step

_NAMED = 12  # things or changes that a question names; more are counted
_LONGEST = 160  # characters of each
_DOUBTS, _DOUBT = 3, 120  # the same of warnings, of which a plan shows all


class GoAhead(Model):
    confirm: Annotated[bool, Field(strict=True, description="Yes, do that")]


async def agreed(question: str, caller: Caller, exists: str = NOTHING_MADE) -> bool:
    """Whether a person said yes; False where nobody can be asked. Raises NeedsConfirm where they didn't."""
    try:
        answer = await caller.ask(question, GoAhead)
    except Declined:
        answer = GoAhead(confirm=False)
    if answer is not None and not answer.confirm:
        next = "ask what they want instead; call again only if they say so"
        raise NeedsConfirm("the person who was asked did not say yes", exists=exists, next=next)
    return answer is not None


async def spend(question: str, caller: Caller, policy: Consenting, command: str = "") -> None:
    """Ask before something is spent. Where nobody can be asked the call itself is the yes, unless only a person's own
    answer counts: then NeedsConfirm says where they can give it."""
    if not await agreed(question, caller) and policy == "elicit":
        raise NeedsConfirm("here only a person's own yes counts, and this client can't ask for it", next=only(command))


def only(command: str) -> str:
    """Where a person can answer; some things no command does."""
    return "use a client with elicitation" + (f", or {command} at a terminal" if command else "")


def provisioning(
    plan: Plan, made: Sequence[Resource], base: Plan | None, doubts: Sequence[str] = (), notes: Sequence[str] = ()
) -> str | None:
    """The question whether a plan shall be carried out, by what is made of it already; None where nothing is left to do.
    `base` is the plan that the companion is made from, of a change."""
    there = {(r.kind, r.slot) for r in made if r.id not in plan.observed.gone}
    todo = planning.steps(plan, there, [], leaving(list(made), plan.observed.surplus))
    changes = [*map(str, differences(base, plan) if base else ()), *(["undo edits made elsewhere"] * plan.overwrite)]
    effects = _effects(todo)
    if not effects and not plan.observed.agent:
        return None
    lines = [
        f"{_carry_out(plan.plan_id)} for {plan.companion} ({quoted(plan.spec.subject.name)})?",
        f"It will {'; '.join(effects or ['change the agent'])}.",
        f"Changes: {_listed(changes)}." if changes else "",
        spending(planning.cost(todo)),
        *(["Warnings:"] if doubts else []),
        *(f"- {doubt}" for doubt in _first(doubts, _DOUBTS, _DOUBT)),
        *notes,
    ]
    return "\n".join(filter(None, lines))


def provisioning_of(plan_id: str, cost: Cost) -> list[str]:
    """By what the question about a plan is known, and about what it spends."""
    return [_carry_out(plan_id), spending(cost)]


def _carry_out(plan_id: str) -> str:
    return f"Carry out {plan_id}"


def _effects(todo: Sequence[Step]) -> list[str]:
    """What is made and what goes, by kind."""
    count = Counter((step.action, step.kind) for step in todo if step.action != "keep")
    return [f"{action} {number} {kind}{'s' * (number != 1)}" for (action, kind), number in count.items()]


def spending(cost: Cost) -> str:
    if not cost.voice_slots:
        return "It spends no voice slot."
    return f"It spends {cost.voice_slots} voice slot and {cost.voice_changes} of this month's voice changes."


def cloning(name: str, files: Iterable[str], notes: Sequence[str] = ()) -> str:
    """The question whether a voice shall be cloned on its own."""
    cost = spending(Cost(voice_slots=1, voice_changes=1, documents=0, agents=0))
    return "\n".join([clone_of(name), f"From {_listed(list(files))}.", cost, *notes])


def clone_of(name: str) -> str:
    return f"Clone the voice of {quoted(name)}?"


def deletion(of: str, effects: Sequence[str], notes: Sequence[str] = ()) -> str:
    """The question whether something shall be deleted, with all that goes."""
    return "\n".join([f"Delete {of} for good?", f"This goes, and can't be had back: {_listed(effects)}.", *notes])


def _listed(things: Sequence[str]) -> str:
    return "; ".join(_first(things, _NAMED, _LONGEST))


def _first(things: Sequence[str], most: int, longest: int) -> list[str]:
    """Each in one line, whatever it quotes: what begins a line is ours."""
    lines = [" ".join(thing.split()) for thing in things[:most]]
    named = [line if len(line) <= longest else f"{line[: longest - 1]}…" for line in lines]
    return [*named, *([f"and {len(things) - most} more"] if len(things) > most else [])]


def quoted(name: str) -> str:
    """A name as data."""
    return json.dumps(name, ensure_ascii=False)
