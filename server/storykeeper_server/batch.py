"""`storykeeper apply`: many companions from their files, planned together, confirmed once, and made side by side."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from storykeeper_tools.companion.spec import Spec, name_key
from storykeeper_tools.companion.written import Fault, Misread, Written, read
from storykeeper_tools.errors import (
    BadInput,
    Busy,
    CallerError,
    InternalError,
    MissingPermission,
    NeedsConfirm,
    NeedsConsent,
    StorykeeperError,
)
from storykeeper_tools.provisioning.plan import Draft

from .board import Events, Row, counted
from .commands import STILL_GOING, opened, print_json
from .terminal import Terminal
from .watching import Leave, Watch, leaving
from .wiring import Storykeeper

GRAVEST_FIRST = (1, 5, 6, 4, 3, STILL_GOING, 0)
_GOING = {"queued", "running", "waiting_for_worker"}
_SOON = 10  # plans that are drawn before anybody wonders
_STEPS_BESIDES = 5  # looks and choices, beside what is made
_LOOK_SECONDS = 0.1
_TAKEN_UP_SECONDS = 3.0  # an idle Storykeeper looks for work twice a second, and then loads an engine
_FAREWELL_SECONDS = 5.0


async def apply(arguments: argparse.Namespace) -> int:
    """All files are read before anything is done, and all that is wrong with them is told at once."""
    if arguments.schema:
        print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **Spec.model_json_schema()})
        return 0
    events, terminal = Events(arguments.events), Terminal(yes=arguments.yes)
    try:
        return await _applied(arguments, events, terminal)
    except StorykeeperError as error:
        for fault in error.faults if isinstance(error, Misread) else ():
            terminal.say(str(fault))
            events.tell("invalid", file=fault.file, line=fault.line, what=fault.what)
        events.tell("summary", exit_code=error.exit_code, error=error.row())
        raise
    except Exception:  # a defect of ours, which the edge tells; whoever reads the events hears of it, too
        broken = InternalError("something broke", exists="see storykeeper list")
        events.tell("summary", exit_code=broken.exit_code, error=broken.row())
        raise


async def _applied(arguments: argparse.Namespace, events: Events, terminal: Terminal) -> int:
    written = read(arguments.files)
    named = [path for one in written for path in (*one.spec.recordings, *one.spec.memories)]
    async with opened(arguments, named, work=not arguments.no_wait) as keeper:
        rows = [Row(one.file, one.spec.subject.name) for one in written]
        batch = Batch(keeper, events, terminal, rows, overwrite=arguments.overwrite)
        await batch.plan(written)
        await batch.confirm()
        with leaving() as leave:
            await batch.submit()
            if arguments.no_wait:
                await batch.taken_up()
            else:
                await Watch(keeper.engine.runs, events, batch.rows).show(terminal.console, leave)
        return await batch.conclude(leave)


@dataclass(slots=True)
class Batch:
    """The companions of one call, in the order of their files."""

    keeper: Storykeeper
    events: Events
    terminal: Terminal
    rows: list[Row]
    overwrite: bool = False
    drafts: dict[str, Draft] = field(default_factory=dict[str, Draft])

    # Planning

    async def plan(self, written: Sequence[Written]) -> None:
        """Raises Misread, and nothing is started, when a file names what can't be used."""
        faults: list[Fault] = []
        if len(written) > _SOON:
            self.terminal.say(f"Planning {len(written)} companions.")
        # Who isn't told apart goes first: a plan of the same name that was drawn before would give way to it.
        for row, one in sorted(zip(self.rows, written, strict=True), key=lambda pair: bool(pair[1].spec.companion)):
            try:
                await self._draw(row, one.spec)
            except BadInput as error:
                faults.append(Fault(row.file, None, error.what))
            except CallerError as error:
                self._refuse(row, error)
        faults += _doubles(self.rows)
        faults += _namesakes([row for row, one in zip(self.rows, written, strict=True) if not one.spec.companion])
        if faults:
            raise Misread(faults)
        for row, one in zip(self.rows, written, strict=True):
            if row.state != "refused":
                await self._agree(row, one.spec)
                self._show(row)

    async def _draw(self, row: Row, spec: Spec) -> None:
        draft = await self.keeper.companions.plan_companion(spec, overwrite=self.overwrite)
        row.companion, row.plan_id = draft.companion, draft.plan_id
        row.joined = self.keeper.engine.running(draft.plan_id)
        row.total = len(draft.steps) + _STEPS_BESIDES
        self.drafts[row.plan_id] = draft

    async def _agree(self, row: Row, spec: Spec) -> None:
        """The consent of its own file, or none: nobody is asked in a batch."""
        if not self.drafts[row.plan_id].questions:
            return
        block = spec.consent
        try:
            if block is None:
                raise NeedsConsent(f"{row.file} has no consent block", next="add one, and apply it again")
            await self.keeper.companions.grant(row.plan_id, block)
        except CallerError as error:
            self._refuse(row, error)

    def _refuse(self, row: Row, error: StorykeeperError) -> None:
        row.turn("refused", f"{error.code}: {error.what}")
        row.error = error
        self.events.tell("refused", row, error=error.row())

    def _show(self, row: Row) -> None:
        if row.state == "refused":
            return
        draft = self.drafts[row.plan_id]
        self.events.tell(
            "planned",
            row,
            plan_id=row.plan_id,
            joined=row.joined,
            steps=Counter(step.action for step in draft.steps),
            cost=draft.cost.model_dump(),
            warnings=draft.warnings,
        )

    # Confirming

    async def confirm(self) -> None:
        """One summary, and one question for all that is spent."""
        going = [row for row in self.rows if row.state != "refused"]
        self.terminal.say("\n".join(self._summary()))
        cost = [self.drafts[row.plan_id].cost for row in going if not row.joined]
        slots, changes = sum(c.voice_slots for c in cost), sum(c.voice_changes for c in cost)
        if not any(self.drafts[row.plan_id].writes for row in going if not row.joined):
            return
        if slots:
            await self._warn_of_room(slots, changes)
        spend = f"Spend {_plural(slots, 'voice slot')} and {changes} of this month's voice changes?"
        if not await self.terminal.confirm(spend if slots else "Change them?"):
            raise NeedsConfirm("it wasn't confirmed", exists="nothing was changed", next="say yes, or add --yes")

    def _summary(self) -> Iterator[str]:
        common = self._common_warnings()
        for row in self.rows:
            if row.state == "refused":
                yield f"{row.file}: {row.name}: refused, {row.reason}"
                continue
            draft = self.drafts[row.plan_id]
            yield f"{row.file}: {row.companion}: {_todo(draft)}{', and goes on' if row.joined else ''}"
            yield from (f"  {field}" for step in draft.steps for field in step.fields)
            yield from (f"  {warning}" for warning in draft.warnings if warning not in common)
        yield from common

    def _common_warnings(self) -> list[str]:
        """What is said of every one is said once."""
        drafts = list(self.drafts.values())
        first = drafts[0].warnings if len(drafts) > 1 else []
        return [warning for warning in first if all(warning in draft.warnings for draft in drafts)]

    async def _warn_of_room(self, slots: int, changes: int) -> None:
        try:
            account = await self.keeper.elevenlabs.subscription()
        except MissingPermission:
            return  # a key may be good for everything but this
        rooms = [("voice slots", slots, account.voice_limit - account.voice_slots_used)]
        if account.max_voice_add_edits is not None:
            left = account.max_voice_add_edits - account.voice_add_edit_counter
            rooms.append(("voice changes of this month", changes, left))
        for what, needed, left in rooms:
            if needed > left:
                self.terminal.say(
                    f"Of the {needed} {what} that this needs, {max(left, 0)} are free:"
                    f" {_plural(needed - max(left, 0), 'companion')} will be parked until there are more."
                )

    # Making

    async def submit(self) -> None:
        for row in self.rows:
            if row.state != "refused":
                await self._start(row)
                await asyncio.sleep(0)  # each is written to the disk; others have their turn in between

    async def _start(self, row: Row) -> None:
        look = self.keeper.engine.look
        before = look(row.plan_id)
        try:
            view = await self.keeper.companions.provision(row.plan_id, 0)
        except StorykeeperError as error:
            if look(row.plan_id) == before:
                self._refuse(row, error)
                return
            row.state = "queued"  # its run has ended already, and is looked at like the others
        else:
            if view.status in _GOING:
                row.state = "queued"
                return
            row.turn("done")
            self.events.tell("done", row, unchanged=True, agent_id=view.agent_id)

    async def taken_up(self) -> None:
        """Give whoever is there the time to find out that there is something to do."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TAKEN_UP_SECONDS):
                while not self._carried():  # noqa: ASYNC110  # another process can set no event of ours
                    await asyncio.sleep(_LOOK_SECONDS)

    # Concluding

    async def conclude(self, leave: Leave) -> int:
        """What became of each that isn't done, what becomes of those that go on, and how grave it all is."""
        code = self._gravest()
        if leave.number:
            code = 128 + leave.number
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await self.keeper.stop()
        going = sum(not row.ended for row in self.rows)
        next = self._next(going) if going else ""
        for row in self.rows:
            if row.ended and row.state != "done":
                self.terminal.say(f"{row}{f'. Next: {row.error.next}' if row.error else ''}")
        self.terminal.say(". ".join(filter(None, [f"In all: {counted(self.rows)}", next])))
        counts = Counter(row.state for row in self.rows)
        self.events.tell("summary", exit_code=code, counts=counts, companions=len(self.rows), next=next, error=None)
        return code

    def _next(self, going: int) -> str:
        which = "1 companion isn't" if going == 1 else f"{going} companions aren't"
        if self._carried():
            return f"{which} done yet: another Storykeeper of this workspace goes on with it; apply again to watch"
        return (
            f"{which} done yet, and paused, since no Storykeeper of this workspace is open:"
            " nothing is lost or made twice; apply again to go on, or start `storykeeper worker`"
        )

    def _carried(self) -> bool:
        with contextlib.suppress(Busy):  # a database that is out of reach can't tell
            return self.keeper.engine.carried()
        return False

    def _gravest(self) -> int:
        codes = {_code(row) for row in self.rows}
        return next(code for code in GRAVEST_FIRST if code in codes)


def _code(row: Row) -> int:
    if row.state == "done":
        return 0
    if row.ended:
        return row.error.exit_code if row.error else 1
    return STILL_GOING


def _doubles(rows: Sequence[Row]) -> Iterator[Fault]:
    """Files that turned out to mean the same companion, by another name or from another folder."""
    known: dict[str, str] = {}
    for row in rows:
        if row.companion and row.companion in known:
            yield Fault(row.file, None, f"it means the same companion as {known[row.companion]}: {row.companion}")
        known.setdefault(row.companion, row.file)


def _namesakes(rows: Sequence[Row]) -> Iterator[Fault]:
    """Files of several people of one name of which nothing says that they are several."""
    known: dict[str, Row] = {}
    for row in rows:
        first = known.setdefault(name_key(row.name), row)
        if row.companion and first.companion and row.companion != first.companion:
            what = f"which_companion: {first.file} has the same name and other recordings; say `companion: new` in one"
            yield Fault(row.file, None, what)


def _todo(draft: Draft) -> str:
    """`creates voice, 3 documents, agent; keeps document`."""
    said: list[str] = []
    for action in ("create", "change", "delete", "keep"):
        kinds = Counter(step.kind for step in draft.steps if step.action == action)
        named = ", ".join(kind if count == 1 else f"{count} {kind}s" for kind, count in kinds.items())
        said += [f"{action}s {named}"] if named else []
    return "unchanged" if all(step.action == "keep" for step in draft.steps) else "; ".join(said)


def _plural(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
