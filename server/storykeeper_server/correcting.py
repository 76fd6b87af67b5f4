"""`storykeeper corrections`: what visitors proposed, for the keeper to take over or to drop."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from storykeeper_tools.errors import BadInput
from storykeeper_tools.provisioning.proposals import Proposal, Proposals

from .commands import opened, print_json, print_text
from .grammar import parser
from .making import provision


async def corrections(arguments: argparse.Namespace) -> int:
    """Show those that wait; take some over, as `provision ID --correction TEXT` does; or drop some."""
    async with opened(arguments) as keeper:
        known = keeper.companions.planner.known(arguments.companion)
        proposals = Proposals(keeper.ledger)
        waiting = proposals.of(known)
        chosen = _chosen(arguments.take or arguments.drop, waiting)
        for each in chosen if arguments.drop else []:
            proposals.drop(known, each.id)
        left = proposals.of(known)
    if arguments.take:
        said = ["provision", known.id, *(f"--correction={each.text}" for each in chosen)]
        flags = [f"--{name}" for name in ("sandbox", "json", "yes") if getattr(arguments, name)]
        return await provision(parser().parse_args([*said, *flags]))
    if arguments.json:
        print_json({"companion": known.id, "corrections": [each.model_dump() for each in left]})
    else:
        print_text(_told(known.id, left))
    return 0


def _told(companion: str, waiting: Sequence[Proposal]) -> str:
    if not waiting:
        return "No corrections wait."
    lines = [f"{n:>3}  {each.text}" for n, each in enumerate(waiting, 1)]
    how = f"storykeeper corrections {companion} --take NUMBER takes one over, and --drop NUMBER forgets it."
    return "\n".join(["Visitors propose, and nobody has checked:", *lines, how])


def _chosen(said: Sequence[str], waiting: Sequence[Proposal]) -> list[Proposal]:
    if list(said) == ["all"]:
        return list(waiting)
    numbers = [int(one) for one in said if one.isdecimal() and 1 <= int(one) <= len(waiting)]
    if len(numbers) != len(said):
        raise BadInput(
            "there is no correction of that number", exists="they are all kept", next="list them, and choose"
        )
    return [waiting[n - 1] for n in dict.fromkeys(numbers)]
