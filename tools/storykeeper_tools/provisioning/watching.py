"""Watching a run that somebody else may carry: who watches doesn't own it."""

from __future__ import annotations

import time

from ..caller import Caller
from .engine import Engine
from .runs import UNFINISHED


async def watch(engine: Engine, plan_id: str, seconds: float, caller: Caller, total: int = 0) -> None:
    """Tell each step until the run ends or the time is over. `total` is how many steps there may be; more are told."""
    until = time.monotonic() + seconds
    run, told = engine.look(plan_id), 0
    while run and run.state in UNFINISHED and (left := until - time.monotonic()) > 0:
        run = await engine.changed(run, left)
        for step in run.steps[told:] if run else []:
            told += 1
            await caller.report(told, max(total, told + 1), step)
