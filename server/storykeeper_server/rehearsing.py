"""`storykeeper rehearse`: what a companion answers to what visitors may ask, with the rule and the verdict for each."""

from __future__ import annotations

import argparse

from storykeeper_tools.errors import CallerError
from storykeeper_tools.provisioning.rehearsed import Answer
from storykeeper_tools.rehearsals import Rehearsal

from .commands import LONGEST_WAIT, STILL_GOING, opened, print_json, print_text
from .terminal import Terminal


async def rehearse(arguments: argparse.Namespace) -> int:
    """0 where all is passed, 4 where it isn't, 7 while something is still to be asked."""
    async with opened(arguments) as keeper:
        call = keeper.rehearsals.rehearse_companion
        done = await call(arguments.companion, LONGEST_WAIT, arguments.again, caller=Terminal().caller)
    if arguments.json:
        print_json(done.model_dump(mode="json"))
    else:
        print_text(_told(done))
    if done.left:
        return STILL_GOING
    return 0 if done.passed == len(done.answers) else CallerError.exit_code


def _told(done: Rehearsal) -> str:
    """The whole report: every question with its rule, its transcript and the words that decided."""
    head = f"{done.companion}: {done.tally}"
    parts = ["\n".join(_answer(answer)) for answer in done.answers]
    notes = [f"note   {warning}" for warning in done.warnings]
    return "\n\n".join([head, *parts, "\n".join([*notes, f"next   {done.next}"])])


def _answer(answer: Answer) -> list[str]:
    verdict = answer.verdict if answer.verdict == "pass" else answer.verdict.upper()
    return [
        f"{verdict:<6} {answer.question}: {answer.why}",
        f"       rule: it {answer.rule}",
        *(f"       {s}" for s in answer.said),
    ]
