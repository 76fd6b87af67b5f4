"""What to do about things that carry our marker and aren't in the ledger, and the other way round. Facts in, findings out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .ensure import title
from .journal import Entry
from .ledger import Resource
from .marked import Marked

Do = Literal["adopt", "delete", "cross out", "wait", "used", "foreign"]
TO_DO: tuple[Do, ...] = ("adopt", "delete", "cross out")


class Finding(Marked):
    """One thing, what is to be done about it and why; `slot` is where it belongs in the ledger. `companion` is an id, or
    nothing where a single tool made the thing; `problem` says why it couldn't be done."""

    do: Do
    why: str
    companion: str = ""
    done: bool = False
    problem: str = ""

    def __str__(self) -> str:
        whose = f" of {self.companion}" if self.companion else ""
        told = f"; not done: {self.problem}" if self.problem else "; done" if self.done else ""
        return f"{self.do:<9} {self.kind} {self.id} '{title(self.name)}'{whose}: {self.why}{told}"


@dataclass(frozen=True, slots=True)
class Facts:
    """`companions` are the ids of those that are known, by marker, `wanted` the contents that their newest plans want, `voices` the slots of their voices;
    `history` is the journal of markers. `going` are the markers that a run is about, `forgotten` those of companions
    that are to be gone; `gone` are the ids that the service doesn't have, `uses` what each agent speaks with and knows. `settle`: seconds after which nothing shows up any more."""

    now: float
    settle: float
    things: Sequence[Marked]
    rows: Sequence[Resource]
    companions: Mapping[str, str] = field(default_factory=dict[str, str])
    wanted: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    voices: Mapping[str, str] = field(default_factory=dict[str, str])
    history: Mapping[str, Sequence[Entry]] = field(default_factory=dict[str, Sequence[Entry]])
    going: frozenset[str] = frozenset()
    forgotten: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    uses: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    def strays(self) -> list[Marked]:
        """What carries a marker of ours, or looks as if, and isn't in the ledger."""
        ours = {row.id for row in self.rows if row.state == "made"}
        return [thing for thing in self.things if thing.id not in ours]


def findings(facts: Facts) -> list[Finding]:
    """What there is to say, what is to be done about it first. Nothing where ledger and service agree."""
    strays = [_about(facts, thing) for thing in facts.strays()]
    lost = [_lost(facts, row) for row in facts.rows if row.state == "made" and row.id in facts.gone]
    kept = _unused(facts, _single(facts, strays))
    order = ("cross out", "adopt", "delete", "used", "wait", "foreign")
    return sorted([*lost, *kept], key=lambda f: (order.index(f.do), f.marker, f.kind))


def _about(facts: Facts, thing: Marked) -> Finding:
    do, why, slot = _judged(facts, thing)
    whose = facts.companions.get(thing.marker, "")
    told = {"do": do, "why": why, "companion": whose, "slot": slot or thing.slot}
    return Finding.model_validate({**thing.model_dump(), **told})


def _judged(facts: Facts, thing: Marked) -> tuple[Do, str, str]:
    rows = [row for row in facts.rows if row.marker == thing.marker]
    past = facts.history.get(thing.marker, ())
    if not (rows or past or thing.marker in facts.companions):
        return "foreign", "another computer or workspace made it; delete_resource deletes it", ""
    if reason := _unsettled(facts, thing, rows):
        return "wait", reason, ""
    held = next((row for row in rows if row.state == "made" and thing.beside(row)), None)
    if held and held.id not in facts.gone:
        return "delete", f"there is {held.id} already", held.slot
    return _placed(facts, thing, rows, past)


def _unsettled(facts: Facts, thing: Marked, rows: Sequence[Resource]) -> str:
    """Why it is too early to say what is to become of a thing."""
    if thing.marker in facts.going:
        return "a run is at work on its companion"
    asked = [row.intended_at for row in rows if row.state == "intended" and thing.beside(row)]
    times = [*asked, *([] if thing.made_at is None else [thing.made_at])]
    # What lies further ahead was written before a clock was set back.
    if any(abs(facts.now - at) < facts.settle for at in times):
        return "it is so new that whoever made it may not have heard of it yet"
    return ""


def _placed(facts: Facts, thing: Marked, rows: Sequence[Resource], past: Sequence[Entry]) -> tuple[Do, str, str]:
    """What becomes of a thing whose place in the ledger is empty."""
    known = thing.marker in facts.companions
    over = not known and not rows and any(entry.event == "deleted" for entry in past)
    if over or thing.marker in facts.forgotten:
        return "delete", "what it belonged to was deleted", ""
    before = {entry.slot for entry in past if entry.kind == thing.kind}
    slots = [slot for slot in _wanted(facts, thing) if _fits(thing, slot)]
    if known and not slots:
        late = any(_fits(thing, slot) for slot in before)
        return ("delete" if late else "foreign"), "its companion's plan doesn't want this content", ""
    slots += [slot for slot in before if _fits(thing, slot)]
    if not slots:
        return "foreign", "nothing is known of its content", ""
    if _ended(past, thing, slots[0]):
        return "delete", "it was deleted before", slots[0]
    return "adopt", "the ledger has none, and this is it", slots[0]


def _wanted(facts: Facts, thing: Marked) -> Collection[str]:
    """The slots in which its companion's plan wants something of its kind."""
    if thing.kind == "document":
        return facts.wanted.get(thing.marker, ())
    return [facts.voices.get(thing.marker, "") if thing.kind == "voice" else ""]


def _fits(thing: Marked, slot: str) -> bool:
    return slot[:8] == thing.slot[:8]


def _ended(past: Sequence[Entry], thing: Marked, slot: str) -> bool:
    """Whether the last that the journal knows of a place is that what was there was deleted."""
    held, ended = "", False
    for entry in (entry for entry in past if entry.kind == thing.kind):
        if entry.slot == slot and entry.event in {"intend", "made", "adopted"}:
            held, ended = entry.id or held, False
        elif entry.event == "deleted" and entry.id == held:
            ended = True
    return ended


def _single(facts: Facts, strays: Sequence[Finding]) -> list[Finding]:
    """Of several that would be adopted to one place the one that an agent uses is, or else the oldest."""
    used = frozenset[str]().union(*facts.uses.values())
    places: defaultdict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in strays:
        if finding.do == "adopt":
            places[finding.marker, finding.kind, finding.slot].append(finding)
    chosen = {key: min(all, key=lambda f: (f.id not in used, f.made_at or 0, f.id)) for key, all in places.items()}
    return [_second(f, chosen.get((f.marker, f.kind, f.slot))) if f.do == "adopt" else f for f in strays]


def _second(finding: Finding, chosen: Finding | None) -> Finding:
    if chosen is None or chosen is finding:
        return finding
    return finding.model_copy(update={"do": "delete", "why": f"{chosen.id} is the one to adopt"})


def _unused(facts: Facts, strays: Sequence[Finding]) -> list[Finding]:
    """What an agent that stays speaks with or knows isn't deleted."""
    going = {finding.id for finding in strays if finding.do == "delete"}
    users = {thing: agent for agent, things in facts.uses.items() if agent not in going for thing in things}
    return [
        f.model_copy(update={"do": "used", "why": f"{f.why}, but the agent {users[f.id]} uses this one"})
        if f.do == "delete" and f.id in users
        else f
        for f in strays
    ]


def _lost(facts: Facts, row: Resource) -> Finding:
    return Finding(
        do="wait" if row.marker in facts.going else "cross out",
        why="somebody deleted it at ElevenLabs; planned again, it is made again",
        companion=facts.companions.get(row.marker, ""),
        **row.model_dump(include={"kind", "id", "name", "marker", "slot"}),
    )
