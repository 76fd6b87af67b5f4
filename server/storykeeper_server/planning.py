"""`storykeeper plan`: what a sentence, or files, would make and cost. Nothing is spent, asked or recorded."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from storykeeper_tools.errors import from_row
from storykeeper_tools.files import Files
from storykeeper_tools.provisioning.plan import Draft

from . import commands
from .commands import print_json, print_text, warned
from .orchestrating import mentioned, orchestrator, sayable, surroundings
from .screen import Screen
from .terminal import Terminal
from .wiring import Storykeeper, wire
from .wording import commanded, visible

# What there is of every answer, also where there is no plan.
_NONE: Mapping[str, Any] = {
    "plan_id": None,
    "companion": None,
    "spec": None,
    "steps": [],
    "cost": None,
    "warnings": [],
    "questions": [],
}
_OPEN = "say in the sentence who will talk with it (such as: the family will talk with it), and plan it again"
_WRITTEN = (".yaml", ".yml", ".json")


async def plan(arguments: argparse.Namespace) -> int:
    """Files the plain way; anything else that is one argument is a sentence."""
    if _files(arguments.files):
        return await commands.plan(arguments)
    sentence, chosen = sayable(arguments.files[0]), warned(arguments)
    environ = surroundings(chosen, mentioned(sentence))
    report = await orchestrator("plan")(sentence, environ=environ)
    Terminal().say(f"The model: {report['usage']['told']}.")
    found = _found(wire(chosen, files=Files()), report["plans"])
    if arguments.json:
        print_json(_json(found, report))
    else:
        _show(found, report)
    errors = [row for row in [*(each.get("error") for each in found), report["error"]] if row]
    return from_row(errors[0]).exit_code if errors else 0


def _files(said: Sequence[str]) -> bool:
    return len(said) > 1 or said[0].endswith(_WRITTEN) or os.path.exists(said[0])


def _found(keeper: Storykeeper, drafts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each plan, with the spec as it was understood."""
    try:
        return [{"spec": _spec(keeper, draft), **_next(draft)} if "plan_id" in draft else draft for draft in drafts]
    finally:
        keeper.ledger.database.close()


def _next(draft: Mapping[str, Any]) -> dict[str, Any]:
    """A consent is asked for when it is carried out; what it would be otherwise has to be said before."""
    still = any(question["code"] == "needs_answer" for question in draft["questions"])
    return {**draft, "next": _OPEN} if still else dict(draft)


def _spec(keeper: Storykeeper, draft: Mapping[str, Any]) -> dict[str, Any]:
    plan = keeper.ledger.plan(draft["plan_id"])
    return plan.spec.model_dump(mode="json") if plan else {}


def _json(found: list[dict[str, Any]], report: Mapping[str, Any]) -> dict[str, Any]:
    said = () if report["error"] else ("said",)
    more = {name: report[name] for name in (*said, "error", "usage") if report[name]}
    if len(found) == 1:
        return {**_NONE, **found[0], **more}
    if found:
        return {"plans": [{**_NONE, **each} for each in found], **more}
    asked = report["error"] and report["error"]["code"] == "needs_answer"
    questions = [{"code": "needs_answer", "ask": report["error"]["what"]}] if asked else []
    return {**_NONE, "questions": questions, **more}


def _show(found: list[dict[str, Any]], report: Mapping[str, Any]) -> None:
    """The plans on stdout, what failed on stderr."""
    screen = Screen()
    for each in found:
        if "plan_id" in each:
            screen.plan(each) if screen.rich else print_text(Draft.model_validate(each))
    for row in [*(each.get("error") for each in found), report["error"]]:
        if row:
            print(f"storykeeper: {visible(commanded(str(from_row(row))))}", file=sys.stderr)
    if report["said"] and not report["error"]:
        print_text(report["said"])
