"""`storykeeper provision`: one companion, from a sentence, a file, the command line's own words, or a plan."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from storykeeper_tools.caller import NOBODY
from storykeeper_tools.companion.changes import Changes
from storykeeper_tools.companion.spec import ConsentBlock, parse
from storykeeper_tools.companion.written import load
from storykeeper_tools.errors import (
    NOTHING_MADE,
    BadInput,
    Busy,
    NeedsConfirm,
    NeedsConsent,
    StorykeeperError,
    from_row,
)
from storykeeper_tools.files import Files
from storykeeper_tools.provisioning.observing import observe
from storykeeper_tools.provisioning.plan import Draft
from storykeeper_tools.sessions import SignedUrl
from storykeeper_tools.views import CompanionView

from .commands import ENDED, LONGEST_WAIT, STILL_GOING, opened, print_json, print_text, warned
from .orchestrating import mentioned, orchestrator, sayable, surroundings
from .terminal import Person, Terminal, described, talking
from .wiring import Storykeeper, wire
from .wording import commanded, visible

_LOOK_SECONDS = 0.2


async def provision(arguments: argparse.Namespace) -> int:
    """From a sentence through the orchestrator, from a companion.yaml, or from files."""
    written = bool(arguments.sentence) and arguments.sentence.endswith((".yaml", ".yml", ".json"))
    if arguments.plan:
        return await _from_plan(arguments)
    if arguments.sentence and arguments.correction:
        return await _correct(arguments)
    if arguments.sentence and not written:
        return await _from_sentence(arguments)
    spec = load(Path(arguments.sentence)) if written else parse(_spec_of(arguments), "the command line")
    async with opened(arguments, [*spec.recordings, *spec.memories], work=True) as keeper:
        terminal = Terminal(yes=arguments.yes)
        plan = partial(keeper.companions.plan_companion, spec, overwrite=arguments.overwrite)
        view = await _carry_out(keeper, await _drawn(keeper, plan, terminal), terminal, spec.consent)
        return await _conclude(keeper, view, arguments)


async def _from_plan(arguments: argparse.Namespace) -> int:
    """Carry out a plan that was shown before, or go on with its run."""
    async with opened(arguments, work=True) as keeper:
        terminal = Terminal(yes=arguments.yes)
        await _confirm_known(keeper, arguments.plan, terminal)
        view = await keeper.companions.provision(arguments.plan, LONGEST_WAIT, terminal.caller)
        return await _conclude(keeper, view, arguments)


async def _confirm_known(keeper: Storykeeper, plan_id: str, terminal: Terminal) -> None:
    """Shown as it stands now, and asked about; what is carried out already, or was, needs no second yes."""
    planner = keeper.companions.planner
    plan, companion = planner.current(plan_id)
    finished = companion.plan_id == plan_id and planner.finished(companion)
    if finished or keeper.engine.running(plan_id):
        return
    draft = planner.again(plan, await observe(keeper.elevenlabs, planner.made(companion)))
    terminal.say(str(draft))
    await _agreed(keeper, draft, terminal)
    if not await terminal.confirm(f"Carry out {plan_id}?"):
        raise NeedsConfirm("the plan wasn't confirmed", exists="nothing was changed", next="say yes, or add --yes")


async def _correct(arguments: argparse.Namespace) -> int:
    """One companion that there is, by its id or name, with more corrections."""
    async with opened(arguments, work=True) as keeper:
        terminal, changes = Terminal(yes=arguments.yes), Changes(add_corrections=arguments.correction)
        plan = keeper.companions.plan_companion
        draw = partial(plan, companion=arguments.sentence, changes=changes, overwrite=arguments.overwrite)
        view = await _carry_out(keeper, await _drawn(keeper, draw, terminal), terminal)
        return await _conclude(keeper, view, arguments)


async def _from_sentence(arguments: argparse.Namespace) -> int:
    """Hand the sentence to the orchestrator, which calls our MCP server; then fetch the links ourselves."""
    sentence = sayable(arguments.sentence)
    chosen, terminal = warned(arguments), Terminal(yes=arguments.yes)
    environ = surroundings(chosen, mentioned(sentence))
    report = await orchestrator("oneshot")(sentence, environ=environ, terminal=terminal)
    terminal.say(f"The model: {report['usage']['told']}.")
    made = report["companions"]
    if not made and report["error"]:
        raise from_row(report["error"])
    if not made:
        print_json({"said": report["said"], "usage": report["usage"]}) if arguments.json else print_text(report["said"])
        return 0
    keeper = wire(chosen, files=Files())
    async with keeper.running(work=False):  # what is still going on is carried by whoever works for this workspace
        shown = [await _made(keeper, outcome) for outcome in made]
    return _told(shown, report, arguments)


async def _made(keeper: Storykeeper, outcome: Mapping[str, Any]) -> Made | StorykeeperError:
    if outcome.get("error"):
        return from_row(outcome["error"])
    view = await keeper.companions.get_companion(outcome["companion"]["companion"])
    return await _concluded(keeper, view, outcome.get("rehearsal"))


def _told(shown: Sequence[Made | StorykeeperError], report: Mapping[str, Any], arguments: argparse.Namespace) -> int:
    """One as ever; several each in its turn. The first that isn't done says by which code this ends."""
    left = [from_row(report["error"])] if report["error"] else []
    errors = [each for each in [*shown, *left] if isinstance(each, StorykeeperError)]
    if len(shown) == 1 and errors:
        raise errors[0]
    rows = [each.json() if isinstance(each, Made) else {"error": each.row()} for each in shown]
    more = {"usage": report["usage"], **({"error": left[0].row()} if left else {})}
    if arguments.json:
        print_json({**rows[0], **more} if len(rows) == 1 else {"companions": rows, **more})
    else:
        told = [each.env() if arguments.env else each.text() for each in shown if isinstance(each, Made)]
        print_text("\n".join(filter(None, [*told, report["said"]])))
    for error in errors:
        print(f"storykeeper: {visible(commanded(str(error)))}", file=sys.stderr)
    codes = [each.exit_code if isinstance(each, StorykeeperError) else each.code for each in [*shown, *left]]
    return next(filter(None, codes), 0)


async def _carry_out(
    keeper: Storykeeper, draft: Draft, terminal: Terminal, given: ConsentBlock | None = None
) -> CompanionView:
    """consent, confirm, run: each only when the one before allows it."""
    terminal.say(str(draft))
    await _agreed(keeper, draft, terminal, given)
    spends = f"Spend {_cost(draft)}?" if draft.cost.voice_slots else "Change it?"
    joined = keeper.engine.running(draft.plan_id)
    if draft.writes and not joined and not await terminal.confirm(spends):
        exists = "what exists is unchanged" if draft.exists else NOTHING_MADE
        raise NeedsConfirm("the plan wasn't confirmed", exists=exists, next="say yes, or add --yes")
    return await keeper.companions.provision(draft.plan_id, LONGEST_WAIT, terminal.caller)


async def _agreed(keeper: Storykeeper, draft: Draft, terminal: Terminal, given: ConsentBlock | None = None) -> None:
    """The consent that a plan still needs is asked for, where it wasn't given with it."""
    if not draft.questions:
        return
    plan, _ = keeper.companions.planner.current(draft.plan_id)
    who = plan.spec.subject
    block = given or await terminal.ask_consent(who.name, who.status)
    if block is None:
        raise NeedsConsent(f"nobody has allowed yet that the voice of {who.name} is cloned")
    # What a file or an option says is enough, but where only a person's own answer is.
    asked = given is None or keeper.settings.consent == "elicit"
    caller = Person(terminal, heard=given is None) if asked else NOBODY
    await keeper.companions.grant(draft.plan_id, block, caller)


async def _drawn(keeper: Storykeeper, draw: Callable[[], Awaitable[Draft]], terminal: Terminal) -> Draft:
    """The plan. What is being done for the companion already is carried to its end first: nobody else may be there."""
    until = time.monotonic() + LONGEST_WAIT
    while True:
        going = keeper.engine.runs.going()
        try:
            return await draw()
        except Busy as busy:
            if not going or time.monotonic() > until:
                raise
            terminal.say(f"{busy.what}; that is carried to its end first")
        while going <= keeper.engine.runs.going() and time.monotonic() < until:  # noqa: ASYNC110  # another process may carry it
            await asyncio.sleep(_LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Made:
    """A companion as it came out, with how its rehearsal went where there was one, and a link where it can be talked to."""

    view: CompanionView
    link: SignedUrl | None
    rehearsal: Mapping[str, Any] | None
    sandbox: bool

    @property
    def code(self) -> int:
        return 0 if self.view.status == "done" else STILL_GOING

    def env(self) -> str:
        view = self.view
        ids = {"VOICE": view.voice_id, "KB": ",".join(d.id for d in view.documents), "AGENT": view.agent_id}
        return "\n".join(f"ELEVENLABS_{name}_ID={value or ''}" for name, value in ids.items())

    def json(self) -> dict[str, Any]:
        shown = _finished(self.view, *((self.link.signed_url, self.link.expires_at) if self.link else (None, None)))
        told = self.rehearsal and {key: self.rehearsal[key] for key in ("passed", "failed", "next")}
        ended = [ENDED] if self.sandbox and self.link else []
        return {**shown, "warnings": [*shown["warnings"], *ended], "rehearsal": told}

    def text(self) -> str:
        rehearsed = _rehearsed(self.view, self.rehearsal)
        return described(self.view, self.link, embedded=self.sandbox, rehearsal=rehearsed)


async def _concluded(keeper: Storykeeper, view: CompanionView, rehearsal: Mapping[str, Any] | None = None) -> Made:
    """The link is minted now and kept nowhere."""
    if rehearsal:
        view.next = rehearsal["next"]
    link = await keeper.sessions.get_signed_url(view.companion) if view.status == "done" else None
    return Made(view, link, rehearsal, keeper.settings.sandbox)


async def _conclude(keeper: Storykeeper, view: CompanionView, arguments: argparse.Namespace) -> int:
    made = await _concluded(keeper, view)
    if arguments.env:
        print(made.env())
    elif arguments.json:
        print_json(made.json())
    else:
        print_text(made.text())
    return made.code


def _rehearsed(view: CompanionView, outcome: Mapping[str, Any] | None) -> str:
    """How its rehearsal went, in a line; or how to have one, of a companion that can be talked to."""
    command = f"storykeeper rehearse {view.companion}"
    if outcome is None:
        return (
            f"none yet; {command} asks what visitors may ask, and grades the answers" if view.status == "done" else ""
        )
    count = outcome["passed"] + outcome["failed"]
    faults = f": {'; '.join(outcome['faults'])}; {command} shows all" if outcome["failed"] else ""
    return f"{outcome['passed']} of {count} answers passed{faults}"


def _finished(view: CompanionView, signed_url: str | None, expires_at: str | None) -> dict[str, Any]:
    return {
        "companion": view.companion,
        "status": view.status,
        "voice_id": view.voice_id,
        "documents": [document.model_dump() for document in view.documents],
        "agent_id": view.agent_id,
        "signed_url": signed_url,
        "expires_at": expires_at,
        "talk": talking(view.companion) if view.status == "done" else None,
        "warnings": view.warnings,
        "next": view.next,
    }


def _spec_of(arguments: argparse.Namespace) -> dict[str, Any]:
    by = arguments.granted_by or (arguments.name if arguments.consent == "self" else None)
    if arguments.consent and not by:
        raise BadInput("--consent needs --granted-by: the name of who consented")
    consent = {"kind": arguments.consent, "granted_by": by} if arguments.consent else None
    who = {"name": arguments.name, "relation": arguments.relation, "status": "deceased" if arguments.deceased else ""}
    said = {
        "companion": arguments.companion,
        "subject": {key: value for key, value in who.items() if value},
        "language": arguments.language,
        "recordings": arguments.audio,
        "memories": arguments.memories,
        "memory_id": arguments.memory_id,
        "corrections": arguments.correction,
        "wishes": arguments.wishes,
        "audience": arguments.audience,
        "consent": consent,
    }
    # What isn't said stays as it is, where there is such a companion already.
    return {key: value for key, value in said.items() if value}


def _cost(draft: Draft) -> str:
    return f"{draft.cost.voice_slots} voice slot and {draft.cost.voice_changes} of this month's voice changes"
