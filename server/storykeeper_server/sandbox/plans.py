"""The subscription tiers that the sandbox can play. Numbers follow the public tiers; edits a month are assumed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What a tier includes."""

    tier: str
    credits: int
    voices: int
    edits: int
    instant: bool
    professional: int


PLANS = {
    plan.tier: plan
    for plan in (
        Plan("free", 10_000, 3, 20, False, 0),
        Plan("starter", 30_000, 10, 60, True, 0),
        Plan("creator", 100_000, 30, 95, True, 1),
        Plan("pro", 500_000, 160, 320, True, 1),
    )
}


def named(tier: str) -> Plan:
    """The plan of a tier."""
    if tier not in PLANS:
        raise ValueError(f"no plan {tier!r}: choose one of {', '.join(PLANS)}")
    return PLANS[tier]
