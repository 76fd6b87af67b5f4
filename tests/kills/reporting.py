"""What came of a campaign, as a table, and whether that is good enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from kills.contestants import Boundaries
from kills.episode import Tally

_WIDTH = 44


def kills(tallies: Sequence[Tally]) -> int:
    return sum(tally.kills.total() for tally in tallies)


def untried(tallies: Sequence[Tally], boundaries: Boundaries) -> set[str]:
    """The entries of the record after which nobody was interrupted yet."""
    wanted = {" ".join(boundary) for some in boundaries.values() for boundary in some}
    return wanted - added(tallies, lambda tally: tally.interrupted).keys()


def sound(tallies: Sequence[Tally]) -> bool:
    """Nothing lost, doubled or left behind, no request without an intent of its own, and no worker in trouble."""
    return all(t.verdict.clean and not t.trouble and t.posts <= t.intents for t in tallies)


def added(tallies: Sequence[Tally], part: Callable[[Tally], Counter[str]]) -> Counter[str]:
    return sum((part(tally) for tally in tallies), Counter[str]())


def table(who: str, tallies: Sequence[Tally], boundaries: Boundaries, seconds: float) -> str:
    wishes, there = added(tallies, lambda t: t.wishes), added(tallies, lambda t: t.created)
    verdicts = [tally.verdict for tally in tallies]
    rows: list[tuple[str, object]] = [
        ("episodes, with the seeds", f"{len(tallies)}: {', '.join(str(t.seed) for t in tallies)}"),
        ("companions, by what was wished for last", said(wishes)),
        ("kills", kills(tallies)),
        *(counted(added(tallies, lambda t: t.kills))),
        ("companions interrupted after the entry", ""),
        *(counted(added(tallies, lambda t: t.interrupted))),
        ("entries after which nobody was interrupted", ", ".join(sorted(untried(tallies, boundaries))) or "none"),
        ("existing at a kill, and not known yet", sum(t.unheard for t in tallies)),
        ("runs given up, and asked for again", ""),
        *(counted(Counter(why for tally in tallies for why in tally.again))),
        ("requests to make something", sum(t.posts for t in tallies)),
        ("intents", sum(t.intents for t in tallies)),
        ("ever created", there.total() + sum(t.deleted for t in tallies)),
        ("deleted", sum(t.deleted for t in tallies)),
        ("there at the end", said(there)),
        *((name, sum(getattr(v, name) for v in verdicts)) for name in ("lost", "duplicates", "orphans", "undone")),
        ("journals intact", f"{sum(v.intact for v in verdicts)} of {len(verdicts)}"),
        ("workers in trouble", sum(len(t.trouble) for t in tallies)),
        ("seconds", f"{seconds:.0f}"),
    ]
    return "\n".join([who, *(f"  {name:<{_WIDTH}} {value}".rstrip() for name, value in rows)])


def counted(counts: Counter[str]) -> list[tuple[str, object]]:
    return [(f"  {name}", count) for name, count in sorted(counts.items())]


def said(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"
