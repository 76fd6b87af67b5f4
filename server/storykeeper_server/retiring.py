"""`storykeeper retire`: a companion paused, resumed, or forgotten with a receipt."""

from __future__ import annotations

import argparse

from storykeeper_tools.errors import NeedsConfirm
from storykeeper_tools.views import Retired

from .commands import LONGEST_WAIT, STILL_GOING, opened, print_json, print_text
from .terminal import Terminal
from .wiring import Storykeeper


async def retire(arguments: argparse.Namespace) -> int:
    """0 when it is done, 3 where nobody said yes, 7 while it goes on."""
    async with opened(arguments, work=arguments.action == "forget") as keeper:
        told = await _retire(keeper, arguments, arguments.confirm)
        if told.status == "needs_confirm" and await Terminal().may_forget(told.of, told.effects):
            told = await _retire(keeper, arguments, told.confirm)
    if arguments.json:
        print_json(told.model_dump(mode="json"))
    else:
        print_text(_command(told, arguments) if told.status == "needs_confirm" else told)
    return {"needs_confirm": NeedsConfirm.exit_code, "forgetting": STILL_GOING}.get(told.status, 0)


async def _retire(keeper: Storykeeper, arguments: argparse.Namespace, confirm: str) -> Retired:
    caller = Terminal().caller
    return await keeper.retirement.retire(arguments.companion, arguments.action, confirm, LONGEST_WAIT, caller)


def _command(told: Retired, arguments: argparse.Namespace) -> str:
    flag = " --sandbox" if arguments.sandbox else ""
    again = f"storykeeper retire {told.of} --forget --confirm {told.confirm}{flag}"
    return f"Nothing was deleted. To do it, within ten minutes: {again}"
