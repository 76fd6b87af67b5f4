"""`storykeeper reconcile`: what is at the service and not in the ledger, and the other way round."""

from __future__ import annotations

import argparse

from storykeeper_tools.errors import BadInput, NeedsConfirm
from storykeeper_tools.provisioning.reconcile import Reconcile, Report

from .commands import opened, print_json, print_text
from .terminal import Terminal


async def reconcile(arguments: argparse.Namespace) -> int:
    """0 where ledger and service agree, or do now; else as for input that is refused."""
    async with opened(arguments) as keeper:
        comparing = Reconcile(keeper.ensure, keeper.engine.runs, keeper.companions.workspace)
        report = await comparing.look()
        terminal = Terminal(yes=arguments.yes)
        if arguments.delete and not await _allowed(terminal, report):
            raise NeedsConfirm(
                "the deleting wasn't confirmed", exists="nothing was changed", next="say yes, or add --yes"
            )
        report = await comparing.act(report, adopt=arguments.adopt, delete=arguments.delete)
    if arguments.json:
        print_json({**report.model_dump(mode="json"), "clean": report.clean})
    else:
        print_text(report)
    return 0 if report.clean else BadInput.exit_code


async def _allowed(terminal: Terminal, report: Report) -> bool:
    doomed = [finding for finding in report.findings if finding.do == "delete"]
    if not doomed:
        return True
    terminal.say("\n".join(map(str, doomed)))
    return await terminal.confirm(f"Delete {len(doomed)} at ElevenLabs for good?")
