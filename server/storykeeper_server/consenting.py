"""`storykeeper consent`: who allowed a companion, asked for where nobody has yet, and taken back."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import ValidationError

from storykeeper_tools.companion.consent import Consent
from storykeeper_tools.companion.spec import ConsentBlock, ConsentKind, Status, faults
from storykeeper_tools.errors import BadInput, NeedsConfirm, NeedsConsent, NotFound
from storykeeper_tools.provisioning.consents import Consents, Standing, about
from storykeeper_tools.provisioning.ledger import Companion
from storykeeper_tools.provisioning.plan import Plan
from storykeeper_tools.views import Retired

from .commands import LONGEST_WAIT, STILL_GOING, opened, print_json, print_text
from .terminal import Person, Terminal, agrees
from .wiring import Storykeeper

_PAUSE_SECONDS = 20.0  # a service that doesn't answer within that is told of later
_STANDING: dict[Standing, str] = {
    "holds": "holds",
    "over": "is over",
    "taken back": "was taken back",
    "replaced": "was replaced by a later one of the same person",
    "changed": "isn't as it was signed, and counts for nothing",
    "not enough here": "counts for nothing here, where only a person's own answer does (STORYKEEPER_CONSENT=elicit)",
}


async def consent(arguments: argparse.Namespace) -> int:
    """0 where the newest plan is covered, or the companion forgotten; 3 where somebody has to answer, 7 while it goes on."""
    async with opened(arguments, work=arguments.revoke) as keeper:
        if arguments.revoke:
            return await _revoke(keeper, arguments)
        companion = keeper.companions.planner.known(arguments.companion)
        plan = _newest(keeper, companion)
        if arguments.kind or not (keeper.ledger.revoked(companion.id) or _consents(keeper).covering(about(plan))):
            await _grant(keeper, companion, plan, arguments)
        return _show(keeper, companion, plan, as_json=arguments.json)


# Giving


async def _grant(keeper: Storykeeper, companion: Companion, plan: Plan, arguments: argparse.Namespace) -> None:
    """By what the command line says, or what a person answers; one at a terminal is asked in either case."""
    terminal = Terminal()
    keeper.ledger.refuse_revoked(companion.id)
    said = _said(arguments) if arguments.kind else await _asked(terminal, plan)
    if said:
        block = _block({**said, "evidence": arguments.evidence, "expires": arguments.expires or None})
        await keeper.companions.grant(plan.plan_id, block, Person(terminal, heard=not arguments.kind))


def _said(arguments: argparse.Namespace) -> dict[str, str]:
    if not arguments.granted_by:
        raise BadInput("--kind needs --granted-by: the name of who consents", exists="nothing was recorded")
    return {
        "kind": arguments.kind,
        "granted_by": arguments.granted_by,
        "relation": arguments.relation,
        "statement": arguments.statement,
    }


async def _asked(terminal: Terminal, plan: Plan) -> dict[str, str] | None:
    """Who they are, and what they say to it, in their own words; None for a no, and where nobody is there."""
    subject = plan.spec.subject
    kind = await _kind(terminal, subject.name, subject.status)
    if kind is None:
        return None
    granted_by = subject.name if kind == "self" else (await terminal.ask("Your name:") or "").strip()
    if not granted_by:
        return None
    question = f"May the voice of {subject.name} be cloned for one private memory companion? [y/N]"
    answer = await terminal.ask(question)
    if answer is None or not agrees(answer):
        return None
    words = await terminal.ask("What shall be written down with it, in your own words? (or an empty line)")
    said = " ".join(filter(None, [f"{answer.strip().rstrip('.')}.", (words or "").strip()]))
    # Whoever thinks better of it while they write has not agreed: what is kept is shown, and takes a yes of its own.
    if (
        words
        and words.strip()
        and not agrees(await terminal.ask(f'This is written down: "{said}" Is it your yes? [y/N]'))
    ):
        return None
    return {"kind": kind, "granted_by": granted_by, "statement": f"Said at the terminal: {said}"}


async def _kind(terminal: Terminal, name: str, status: Status) -> ConsentKind | None:
    if status == "deceased":
        answer = await terminal.ask(f"Are you {name}'s executor or heir? [y/N]")
        return "executor_or_heir" if agrees(answer) else None
    answer = await terminal.ask(f"Are you {name} (self), or {name}'s legal guardian (guardian)? [self/guardian/no]")
    said = (answer or "").strip().lower()
    return cast("ConsentKind", said) if said in {"self", "guardian"} else None


def _block(said: dict[str, Any]) -> ConsentBlock:
    try:
        return ConsentBlock.model_validate(said)
    except ValidationError as error:
        raise BadInput(f"the consent: {faults(error)}", exists="nothing was recorded") from None


# Showing


def _show(keeper: Storykeeper, companion: Companion, plan: Plan, *, as_json: bool) -> int:
    consents = _consents(keeper)
    covered = consents.covering(about(plan)) is not None
    records = consents.standing(companion.id)
    names = {recording.sha256: recording.name for recording in plan.recordings}
    if as_json:
        print_json(
            {
                "companion": companion.id,
                "name": companion.name,
                "covered": covered,
                "revoked": keeper.ledger.revoked(companion.id),
                "consents": [_row(record, standing, names) for record, standing in records],
                "next": _next(keeper, companion, covered=covered),
            }
        )
    else:
        lines = [f"Consents to {companion.name}'s companion {companion.id}:"]
        lines += [_line(record, standing, names) for record, standing in records] or ["  none"]
        print_text("\n".join([*lines, f"Next: {_next(keeper, companion, covered=covered)}"]))
    return 0 if covered else NeedsConsent.exit_code


def _row(record: Consent, standing: Standing, names: dict[str, str]) -> dict[str, Any]:
    return {
        "consent_id": record.id,
        "standing": standing,
        **record.body,
        **{at: _day(when) for at, when in _times(record).items()},
        "recordings": [{"sha256": sha256, "name": names.get(sha256, "")} for sha256 in record.recordings],
    }


def _line(record: Consent, standing: Standing, names: dict[str, str]) -> str:
    how = "answered by a person" if record.granting == "elicited" else "said on their behalf"
    of = f", {record.relation}" if record.relation else ""
    files = ", ".join(names.get(sha256, sha256[:12]) for sha256 in record.recordings)
    times = _times(record)
    more = [f"until {_day(times['expires_at'])}"] if times["expires_at"] else []
    more += [f"taken back on {_day(times['revoked_at'])}"] if times["revoked_at"] else []
    more += [f"evidence {record.evidence_sha256}"] if record.evidence_sha256 else []
    more += [f"cut from {len(set(sources))} file(s)" for sources in record.derived_from.values()]
    head = f"  {record.id} {_STANDING[standing]}"
    who = f"{record.kind.replace('_', ' ')}: {record.granted_by}{of}, {how} on {_day(record.granted_at)}"
    return "\n    ".join([head, who, f"for {files}", *more, f"“{record.statement}”"])


def _times(record: Consent) -> dict[str, int | None]:
    return {"granted_at": record.granted_at, "expires_at": record.expires_at, "revoked_at": record.revoked_at}


def _day(when: int | None) -> str | None:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M UTC") if when else None


def _next(keeper: Storykeeper, companion: Companion, *, covered: bool) -> str:
    if keeper.ledger.revoked(companion.id):
        return f"storykeeper consent {companion.id} --revoke deletes it for good"
    if covered:
        planner = keeper.companions.planner
        waiting = companion.planned or ("" if planner.finished(companion) else companion.plan_id)
        return f"storykeeper provision --plan {waiting}" if waiting else f"storykeeper show {companion.id}"
    return f"storykeeper consent {companion.id} at a terminal, or with --kind and --granted-by"


def _newest(keeper: Storykeeper, companion: Companion) -> Plan:
    plan, _ = keeper.companions.planner.current(companion.planned or companion.plan_id)
    return plan


def _consents(keeper: Storykeeper) -> Consents:
    return keeper.companions.consents


# Taking back


async def _revoke(keeper: Storykeeper, arguments: argparse.Namespace) -> int:
    """Written down and paused before anything is asked; what isn't forgotten then stays paused."""
    revoked = await _taken_back(keeper, arguments.companion)
    terminal = Terminal()
    for line in _told(revoked):
        terminal.say(line)
    of = revoked.of if revoked else arguments.companion
    told = await _forget(keeper, of, arguments.confirm, alone=_alone(keeper, revoked))
    if told.status == "needs_confirm" and await terminal.may_forget(told.of, told.effects):
        told = await _forget(keeper, of, told.confirm, alone=_alone(keeper, revoked))
    if arguments.json:
        print_json({**told.model_dump(mode="json"), "revoked": True, "paused": _paused(revoked)})
    else:
        print_text(_kept(told, arguments) if told.status == "needs_confirm" else told)
    if told.status == "needs_confirm":
        return NeedsConfirm.exit_code if _paused(revoked) else STILL_GOING
    return STILL_GOING if told.status == "forgetting" else 0


async def _taken_back(keeper: Storykeeper, companion: str) -> Retired | None:
    """None for one that isn't there; forgetting says what became of it."""
    try:
        return await keeper.revoking.revoke(companion, _PAUSE_SECONDS, Terminal().caller)
    except NotFound:
        return None


def _alone(keeper: Storykeeper, revoked: Retired | None) -> bool:
    """Whether it was the consent for a voice on its own, or for nothing yet."""
    return revoked is not None and keeper.ledger.companion(revoked.of) is None


async def _forget(keeper: Storykeeper, companion: str, confirm: str, *, alone: bool) -> Retired:
    if alone:
        return await keeper.retirement.delete(companion, confirm)
    return await keeper.retirement.retire(companion, "forget", confirm, LONGEST_WAIT, Terminal().caller)


def _paused(revoked: Retired | None) -> bool:
    return revoked is None or revoked.status == "revoked"


def _told(revoked: Retired | None) -> Sequence[str]:
    if revoked is None:
        return []
    return [f"The consent to {revoked.of} was taken back: from now on nobody is let in to it.", *revoked.warnings]


def _kept(told: Retired, arguments: argparse.Namespace) -> str:
    flag = " --sandbox" if arguments.sandbox else ""
    again = f"storykeeper consent {told.of} --revoke --confirm {told.confirm}{flag}"
    stays = f"The consent to {told.of} was taken back. It stays paused for good, and nothing was deleted yet"
    return f"{stays}. To delete it, within ten minutes: {again}"
