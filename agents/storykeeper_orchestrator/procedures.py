"""The procedures, as the tools of the agent that they are."""

from __future__ import annotations

from typing import Any

from . import cloning, making, retiring
from .agreeing import Agreement
from .requests import CHANGE, DELETE, MAKE, PROCEDURES, RETIRE, Change, Delete, Make, Retire
from .toolbox import Toolbox


def tools(box: Toolbox, *, only_plan: bool = False) -> list[Any]:
    """A workflow may be a tool, though the declared type of an agent's `tools` doesn't say so."""
    server, agreement = box.server, Agreement(box.server, PROCEDURES)
    companions = [
        making.procedure(
            MAKE,
            "Make a memory companion: plans it, asks the person for consent and go-ahead, provisions, rehearses.",
            Make,
            server,
            agreement,
            only_plan=only_plan,
        ),
        making.procedure(
            CHANGE,
            "Change a companion that there is; plans it and asks the person first.",
            Change,
            server,
            agreement,
            only_plan=only_plan,
        ),
    ]
    if only_plan:
        return companions
    return [
        *companions,
        cloning.procedure(server, agreement),
        retiring.procedure(
            RETIRE, "Pause or resume a companion, or forget it for good; asks the person first.", Retire, server
        ),
        retiring.procedure(
            DELETE, "Delete one voice, document or agent for good; asks the person first.", Delete, server
        ),
    ]
