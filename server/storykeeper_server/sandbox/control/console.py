"""What the sandbox says in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from ..faults.rules import KINDS, Rule
from ..plans import PLANS
from ..switches import Switches

_WIDEST = 36


def greeting(url: str, tier: str, keys: int, state: str | None, switches: Switches, faults: Sequence[Rule]) -> str:
    """Where it listens, what it plays, and that nothing is real. Keys are counted, never shown."""
    from ..voices.speech import synthesiser  # looks for a program on the disk: not needed to import this

    turned = [f"{name}={value!r}" for name, value in _values(switches) if value != getattr(Switches(), name)]
    lines = [
        f"A local ElevenLabs on {url}; nothing in it is real.",
        f"  plan      {tier}, {keys} key{'s' if keys > 1 else ''}, state {f'in {state}' if state else 'in memory'}",
        f"  speech    {synthesiser()}, made here: nobody's voice is cloned",
        *([f"  switches  {', '.join(turned)}"] if turned else []),
        *(f"  fault     {rule}" for rule in faults),
        f"  itself    {url}/_sandbox",
    ]
    return "\n".join(lines)


def options() -> str:
    """The end of the command's help: what keys, faults and switches look like."""
    switches = [f"  {name}={value}" for name, value in _values(Switches())]
    kinds = [f"  {kind:{_WIDEST}}  {what}" for kind, what in KINDS.items()]
    return "\n".join(
        [
            f"tiers: {', '.join(PLANS)}",
            "",
            'keys: KEY, or "KEY [workspace=NAME] [scopes=voices_read,...] [credits=N] [addresses=IP,NETWORK,...]".',
            "A workspace is named after its first key: `workspace=sandbox` is where the key `sandbox` is at home.",
            "",
            "faults: METHOD PATH KIND [xN] [p=0.1] [seed=N] [skip=N], such as",
            '  "POST /v1/voices/add reset-after-commit x1", "GET /v2/* 429 retry-after=2 x3", "WS * reset-after-open"',
            "In a path, * is any text and {name} one segment; without xN a fault never ends. The kinds:",
            *kinds,
            "",
            "switches, with their usual values:",
            *switches,
        ]
    )


def _values(switches: Switches) -> list[tuple[str, object]]:
    return [(field.name, getattr(switches, field.name)) for field in fields(switches)]
