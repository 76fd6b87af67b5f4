"""What a command tells of its work while it runs: log lines, and spans and measures where a collector is named."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from storykeeper_tools import telemetry
from storykeeper_tools.errors import StorykeeperError
from storykeeper_tools.files import Files

from . import wiring
from .reporting import logs, sending

_SERVING = frozenset({"mcp", "talk", "worker"})  # what they do has beginnings and ends of its own
_LONGEST = 1.0


@contextmanager
def observed(run: str, *, sandbox: bool) -> Generator[None]:
    """Around a command, by the name of what runs it; it is a span of its own unless it serves others."""
    chosen, command = wiring.reporting(), run.rpartition(".")[2]
    if command == "sandbox":  # where nothing is real, and everything is told
        yield
        return
    logs.configure(chosen)
    sent = chosen.traces or chosen.metrics
    if sent:
        sending.start(chosen, lambda: standings(sandbox=sandbox))
    try:
        if command in _SERVING:
            yield
            return
        telemetry.new_request()
        parent = telemetry.within({"traceparent": chosen.parent})
        with telemetry.span(f"storykeeper {command}", parent=parent, level=logging.INFO):
            yield
    finally:
        if sent:
            sending.close(_LONGEST)


def standings(*, sandbox: bool) -> Counter[str]:
    """How many companions are in each state; read over a connection of its own, since the asking thread is another."""
    try:
        chosen = wiring.settings({"STORYKEEPER_SANDBOX": "1"} if sandbox else {})
        keeper = wiring.wire(chosen, files=Files(), durable=False)
        try:
            if not keeper.ledger.database.exists():
                return Counter()
            found = asyncio.run(keeper.companions.list_companions())
            return Counter(row.status for row in found.companions)
        finally:
            keeper.ledger.database.close()
    except StorykeeperError:  # a database that is away, or settings that can't be meant, are told elsewhere
        return Counter()
