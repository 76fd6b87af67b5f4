"""The subscription tiers that the sandbox can play. Numbers follow the public tiers; edits a month are assumed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What a tier includes. `standard` and `flash` are how many requests may run at once, by the kind of model;
    `rag` is how many bytes of documents may be indexed."""

    tier: str
    credits: int
    voices: int
    edits: int
    instant: bool
    professional: int
    standard: int
    flash: int
    rag: int


_MB = 1024 * 1024

PLANS = {
    plan.tier: plan
    for plan in (
        Plan("free", 10_000, 3, 20, False, 0, 2, 4, _MB),
        Plan("starter", 30_000, 10, 60, True, 0, 3, 6, 2 * _MB),
        Plan("creator", 100_000, 30, 95, True, 1, 5, 10, 20 * _MB),
        Plan("pro", 500_000, 160, 320, True, 1, 10, 20, 100 * _MB),
        Plan("scale", 2_000_000, 660, 1_320, True, 3, 15, 30, 500 * _MB),
    )
}


def named(tier: str) -> Plan:
    """The plan of a tier."""
    if tier not in PLANS:
        raise ValueError(f"no plan {tier!r}: choose one of {', '.join(PLANS)}")
    return PLANS[tier]
