"""How far a bar of speed may be missed before a run fails: not at all, unless SLACK says so.

SLACK=2 is for machines that other people's work shares, where a bar that holds on a quiet one is missed by a little: what
became twice as slow is found there still. What is printed is the bar itself; counts, sizes and verdicts have no slack.
"""

from __future__ import annotations

import os

SLACK = float(os.environ.get("SLACK", "1"))


def at_most(figure: float, bar: float) -> bool:
    return figure <= bar * SLACK


def at_least(figure: float, bar: float) -> bool:
    return figure >= bar / SLACK
