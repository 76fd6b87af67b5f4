"""The auditor: what a contestant says it made, against what there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from kills.contestants import Contestant, Made
from kills.people import MEMORIES
from kills.remote import Remote, Thing

WANTED = {"voice": 1, "document": MEMORIES, "agent": 1}


@dataclass(frozen=True)
class Verdict:
    """`lost`: wanted and not there, or not known to whom it belongs. `duplicates`: there more than once. `orphans`:
    there, and nobody knows. `undone`: companions that aren't finished, that aren't as they were wished for, or
    whose agent is made of other parts."""

    lost: int = 0
    duplicates: int = 0
    orphans: int = 0
    undone: int = 0
    intact: bool = True

    @property
    def clean(self) -> bool:
        return self == Verdict()


def audit(contestant: Contestant, remote: Remote) -> Verdict:
    things, made, markers = remote.things(), contestant.made(), contestant.markers()
    return Verdict(
        lost=lost(things, made, markers),
        duplicates=sum(Counter((t.kind, t.marker, t.slot) for t in things).values()) - len(slots(things)),
        orphans=len({t.id for t in things} - {id for _, _, id in made}),
        undone=len(contestant.unfinished() | contestant.differing() | misbuilt(remote, things, made)),
        intact=contestant.intact(),
    )


def slots(things: Collection[Thing]) -> set[tuple[str, str, str]]:
    return {(t.kind, t.marker, t.slot) for t in things}


def lost(things: Collection[Thing], made: Collection[Made], markers: Collection[str]) -> int:
    """How many of the wanted things aren't both there and known; of several in one place one counts."""
    known = {(t.kind, t.marker, t.slot) for t in things if (t.marker, t.kind, t.id) in made}
    found = Counter((kind, marker) for kind, marker, _ in known)
    return sum(max(0, n - found[kind, marker]) for kind, n in WANTED.items() for marker in markers)


def misbuilt(remote: Remote, things: Collection[Thing], made: Collection[Made]) -> set[str]:
    """The markers of agents that aren't made of exactly their companion's known parts."""
    agents = [t for t in things if t.kind == "agent" and (t.marker, t.kind, t.id) in made]
    parts = {a.marker: {id for marker, kind, id in made if marker == a.marker and kind != "agent"} for a in agents}
    return {a.marker for a in agents if remote.parts(a.id) != parts[a.marker]}
