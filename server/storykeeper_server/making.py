"""`storykeeper provision`: one companion, from a sentence, a file, the command line's own words, or a plan."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from storykeeper_tools.companion.spec import Spec, parse
from storykeeper_tools.companion.written import load
from storykeeper_tools.companions import CompanionView
from storykeeper_tools.errors import NOTHING_MADE, AuthMissing, BadInput, Busy, NeedsConfirm, NeedsConsent, from_row
from storykeeper_tools.files import Files, allow
from storykeeper_tools.provisioning.plan import Draft

from .commands import LONGEST_WAIT, STILL_GOING, opened, print_json, print_text, warned
from .terminal import Terminal, described
from .wiring import Storykeeper, wire

TALK_SOON = None  # a command or URL that starts a conversation, once there is a talk page
_LOOK_SECONDS = 0.2
Oneshot = Callable[..., Awaitable[Mapping[str, Any]]]


async def provision(arguments: argparse.Namespace) -> int:
    """From a sentence through the orchestrator, from a companion.yaml, or from files."""
    written = bool(arguments.sentence) and arguments.sentence.endswith((".yaml", ".yml", ".json"))
    if arguments.plan:
        return await _from_plan(arguments)
    if arguments.sentence and not written:
        return await _from_sentence(arguments)
    spec = load(Path(arguments.sentence)) if written else parse(_spec_of(arguments), "the command line")
    async with opened(arguments, [*spec.recordings, *spec.memories], work=True) as keeper:
        terminal = Terminal(yes=arguments.yes)
        view = await _provision(keeper, spec, terminal, overwrite=arguments.overwrite)
        return await _conclude(keeper, view, arguments)


async def _from_plan(arguments: argparse.Namespace) -> int:
    """Carry out a plan that was shown before, or go on with its run."""
    async with opened(arguments, work=True) as keeper:
        terminal = Terminal(yes=arguments.yes)
        joined = keeper.engine.running(arguments.plan)
        if not joined and not await terminal.confirm(f"Carry out {arguments.plan}?"):
            raise NeedsConfirm("the plan wasn't confirmed", exists="nothing was changed", next="say yes, or add --yes")
        provision = keeper.companions.provision_companion
        view = await provision(arguments.plan, LONGEST_WAIT, caller=terminal.caller)
        return await _conclude(keeper, view, arguments)


async def _from_sentence(arguments: argparse.Namespace) -> int:
    """Hand the sentence to the orchestrator, which calls our MCP server; then fetch the link ourselves."""
    chosen = warned(arguments)
    if chosen.api_key is None:
        raise AuthMissing("there is no ElevenLabs key")
    allow(chosen.files, home=Path.home())  # said here, before a tool server fails over it
    terminal = Terminal(yes=arguments.yes)
    async with contextlib.AsyncExitStack() as stack:
        environ = {"STORYKEEPER_FILES": os.pathsep.join(map(str, [*chosen.files, *mentioned(arguments.sentence)]))}
        if chosen.sandbox:
            environ["STORYKEEPER_SANDBOX"] = "1"
        report = await orchestrator()(arguments.sentence, environ=environ, terminal=terminal)
        if report.get("error"):
            raise from_row(report["error"])
        if "said" in report:
            print_json(report) if arguments.json else print_text(report["said"])
            return 0
        keeper = wire(chosen, files=Files())
        await stack.enter_async_context(keeper.running())
        return await _conclude(keeper, CompanionView.model_validate(report["companion"]), arguments)


def mentioned(sentence: str) -> list[Path]:
    """The files and folders that a sentence names: whoever types a path means it to be read."""
    words = [word.strip(".,;:!?()\"'") for word in sentence.split()]
    paths = [Path(word) for word in words if os.sep in word and os.path.exists(word)]
    return [path for path in paths if path.resolve() not in {Path.home(), Path(path.anchor)}]


def orchestrator() -> Oneshot:
    """Found by its entry point: the server doesn't know the orchestrator."""
    found = entry_points(group="storykeeper.orchestrator", name="oneshot")
    return cast("Oneshot", next(iter(found)).load())


async def _provision(keeper: Storykeeper, spec: Spec, terminal: Terminal, *, overwrite: bool) -> CompanionView:
    """plan, consent, confirm, run: each only when the one before allows it."""
    draft = await _drawn(keeper, spec, terminal, overwrite=overwrite)
    terminal.say(str(draft))
    if draft.questions:
        block = spec.consent or await terminal.ask_consent(spec.subject.name, spec.subject.status)
        if block is None:
            raise NeedsConsent(f"nobody has allowed yet that the voice of {spec.subject.name} is cloned")
        await keeper.companions.record_consent(
            block.kind, block.granted_by, draft.companion, relation=block.relation, statement=block.statement
        )
    spends = f"Spend {_cost(draft)}?" if draft.cost.voice_slots else "Change it?"
    joined = keeper.engine.running(draft.plan_id)
    if draft.writes and not joined and not await terminal.confirm(spends):
        exists = "what exists is unchanged" if draft.exists else NOTHING_MADE
        raise NeedsConfirm("the plan wasn't confirmed", exists=exists, next="say yes, or add --yes")
    return await keeper.companions.provision_companion(draft.plan_id, LONGEST_WAIT, caller=terminal.caller)


async def _drawn(keeper: Storykeeper, spec: Spec, terminal: Terminal, *, overwrite: bool) -> Draft:
    """The plan. What is being done for the companion already is carried to its end first: nobody else may be there."""
    until = time.monotonic() + LONGEST_WAIT
    while True:
        going = keeper.engine.runs.going()
        try:
            return await keeper.companions.plan_companion(spec, overwrite=overwrite)
        except Busy as busy:
            if not going or time.monotonic() > until:
                raise
            terminal.say(f"{busy.what}; that is carried to its end first")
        while going <= keeper.engine.runs.going() and time.monotonic() < until:  # noqa: ASYNC110  # another process may carry it
            await asyncio.sleep(_LOOK_SECONDS)


async def _conclude(keeper: Storykeeper, view: CompanionView, arguments: argparse.Namespace) -> int:
    """Print the companion; the link is minted now and kept nowhere."""
    link = await keeper.sessions.get_signed_url(view.companion) if view.status == "done" else None
    if arguments.env:
        ids = {"VOICE": view.voice_id, "KB": ",".join(d.id for d in view.documents), "AGENT": view.agent_id}
        print("\n".join(f"ELEVENLABS_{name}_ID={value or ''}" for name, value in ids.items()))
    elif arguments.json:
        print_json(_finished(view, link.signed_url if link else None, link.expires_at if link else None))
    else:
        print_text(described(view, link, embedded=arguments.sandbox))
    return 0 if view.status == "done" else STILL_GOING


def _finished(view: CompanionView, signed_url: str | None, expires_at: str | None) -> dict[str, Any]:
    return {
        "companion": view.companion,
        "status": view.status,
        "voice_id": view.voice_id,
        "documents": [document.model_dump() for document in view.documents],
        "agent_id": view.agent_id,
        "signed_url": signed_url,
        "expires_at": expires_at,
        "talk": TALK_SOON,
        "warnings": view.warnings,
        "next": view.next,
    }


def _spec_of(arguments: argparse.Namespace) -> dict[str, Any]:
    by = arguments.granted_by or (arguments.name if arguments.consent == "self" else None)
    if arguments.consent and not by:
        raise BadInput("--consent needs --granted-by: the name of who consented")
    consent = {"kind": arguments.consent, "granted_by": by} if arguments.consent else None
    status = "deceased" if arguments.deceased else "living"
    return {
        "companion": arguments.companion,
        "subject": {"name": arguments.name, "relation": arguments.relation, "status": status},
        "language": arguments.language,
        "recordings": arguments.audio,
        "memories": arguments.memories,
        "wishes": arguments.wishes,
        "consent": consent,
    }


def _cost(draft: Draft) -> str:
    return f"{draft.cost.voice_slots} voice slot and {draft.cost.voice_changes} of this month's voice changes"
