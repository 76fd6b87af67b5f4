"""Taking companions out of use: paused and resumed, or forgotten with a receipt; and single things deleted."""

from __future__ import annotations

import asyncio
from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from .caller import NOBODY, Caller, Wait
from .companion.spec import Which
from .elevenlabs.client import ElevenLabs, plain_id
from .errors import BadInput, Busy, Conflict, NotFound, StorykeeperError, WrongKind
from .part import part
from .provisioning.allowing import Allowing, Way
from .provisioning.confirms import Confirms
from .provisioning.deleting import Deleting, conversations, strange
from .provisioning.engine import Engine
from .provisioning.ensure import title
from .provisioning.erasing import Erasing
from .provisioning.ledger import Companion, Resource
from .provisioning.marked import Marked, marked
from .provisioning.pausing import Pausing
from .provisioning.plan import Kind
from .provisioning.planner import Planner
from .provisioning.receipts import Item, Receipt, Receipts
from .provisioning.removal import Removal, removal
from .provisioning.runs import UNFINISHED
from .provisioning.voiced import Voiced
from .provisioning.watching import watch
from .provisioning.workspace import Workspace
from .telemetry import spanned
from .views import Retired, kept

Action = Literal["pause", "resume", "forget"]
Confirm = Annotated[str, Field(max_length=64)]
KINDS: tuple[Kind, ...] = ("agent", "document", "voice")


@part
class Retirement:
    elevenlabs: ElevenLabs
    engine: Engine
    planner: Planner
    workspace: Workspace
    pausing: Pausing
    deleting: Deleting
    erasing: Erasing
    receipts: Receipts
    confirms: Confirms
    voiced: Voiced
    _going: set[asyncio.Task[Receipt]] = field(default_factory=set["asyncio.Task[Receipt]"], repr=False)

    @spanned("retire")
    async def retire_companion(
        self,
        companion: Which,
        action: Action,
        confirm: Confirm = "",
        wait_seconds: Wait = 45,
        *,
        caller: Caller = NOBODY,
    ) -> Retired:
        """Pause a companion, resume it, or forget it: deleted for good, with a receipt.
        `forget` first says what would go and gives a `confirm`; ask the person, then use it."""
        if action == "forget":
            return await self._forget(companion, confirm, wait_seconds, caller, asks=True)
        return await self.retire(companion, action, confirm, wait_seconds, caller)

    async def retire(self, companion: str, action: Action, confirm: str, seconds: float, caller: Caller) -> Retired:
        """The same for a command, which asks the person itself: its `confirm` is their yes."""
        if action == "forget":
            return await self._forget(companion, confirm, seconds, caller, asks=False)
        if confirm:
            raise BadInput("only `forget` takes a `confirm`", exists="nothing was changed")
        known = self.planner.known(companion)
        if action == "resume":
            self.planner.ledger.refuse_revoked(known.id)
        self._refuse_busy(known)
        await self.workspace.check()
        self._refuse_busy(known)  # a change may have begun meanwhile, which reads whether it is paused
        agent = next((resource for resource in self.planner.made(known) if resource.kind == "agent"), None)
        if agent is None:
            raise Conflict(f"{known.id} has no agent yet, so nobody can talk to it", exists="nothing was changed")
        return await (self._pause(known, agent) if action == "pause" else self._resume(known, agent))

    async def delete_resource(
        self, id: Annotated[str, Field(max_length=64)], confirm: Confirm = "", *, caller: Caller = NOBODY
    ) -> Retired:
        """Delete one voice, document or agent that Storykeeper made, in two calls like `forget`."""
        return await self._remove(id, confirm, caller, asks=True)

    async def delete(self, id: str, confirm: str) -> Retired:
        """The same for a command, which asks the person itself."""
        return await self._remove(id, confirm, NOBODY, asks=False)

    async def _remove(self, id: str, confirm: str, caller: Caller, *, asks: bool) -> Retired:
        self._refuse_other_kinds(plain_id(id))
        if id.startswith("consent_"):
            return await self._delete_record(id, confirm, caller, asks=asks)
        await self.workspace.check()
        known = self.planner.ledger.by_remote_id(id)
        thing = known or await self._orphan(id)
        if thing is None:
            return self._deleted(id, self._past(id))
        lacking, agreed = self._lacking(thing), False
        if self._allowing.to_be_shown(confirm, asks=asks):
            effects = [f"{thing.kind} {id} '{title(thing.name)}'", *lacking, *await self._mute(thing)]
            agreed = asks and await self._allowing.agreed(id, effects, caller)
            if not agreed:
                return self._proposed(id, effects, Way("delete", id, "", f"delete_resource(id={id}"), asks=asks)
            self._lacking(thing)  # something may have begun while a person was asked
        item = Item(kind=thing.kind, id=id)
        with self.confirms.database.transaction():
            if not agreed:
                self.confirms.redeem(confirm, "delete", id)
            receipt = self.receipts.open(id, thing.marker).receipt_id
            self.receipts.expect(receipt, [(item.kind, id)])
        task = asyncio.create_task(self._delete(item, receipt, known))
        self._going.add(task)
        task.add_done_callback(self._going.discard)
        return self._deleted(id, await asyncio.shield(task))  # who gives up doesn't leave it half deleted

    # Pausing

    async def _pause(self, companion: Companion, agent: Resource) -> Retired:
        await self.pausing.pause(agent)
        again = f"retire_companion(companion={companion.id}, action=resume) ends it"
        if self.planner.ledger.revoked(companion.id):
            forget = f"retire_companion(companion={companion.id}, action=forget) deletes it for good"
            again = f"its consent was taken back, so it stays paused; {forget}"
        return Retired(of=companion.id, status="paused", receipt=None, warnings=self.workspace.notes, next=again)

    async def _resume(self, companion: Companion, agent: Resource) -> Retired:
        warnings = await self.pausing.resume(agent) if agent.before_pause is not None else ["it wasn't paused"]
        notes = [*warnings, *self.workspace.notes]
        talk = self.workspace.talking(companion.id)
        return Retired(of=companion.id, status="resumed", receipt=None, warnings=notes, next=talk)

    # Forgetting

    async def _forget(self, companion: str, confirm: str, seconds: float, caller: Caller, *, asks: bool) -> Retired:
        known = self._known(companion)
        going = removal(self.workspace.name, known.id if known else companion)
        begun = self.engine.look(going.plan_id)
        fresh, agreed = begun is None or begun.state == "done", False
        if known is None:
            if begun is None:
                raise NotFound("there is no such companion in this workspace")
            # Its rows are erased, and what is left to do knows it by its marker only.
            going = Removal(plan_id=going.plan_id, companion=going.marker)
        elif fresh and self._allowing.to_be_shown(confirm, asks=asks):
            effects, warnings = await self._effects(known)
            agreed = asks and await self._allowing.agreed(known.id, effects, caller)
            if not agreed:
                command = f"`storykeeper retire {known.id} --forget`"
                way = Way("forget", known.marker, command, f"retire_companion(companion={known.id}, action=forget")
                return self._proposed(known.id, effects, way, warnings, asks=asks)
        if known or not fresh:
            with self.confirms.database.transaction():  # what can't be submitted uses no `confirm` up
                if known and fresh and not agreed:
                    self.confirms.redeem(confirm, "forget", known.marker)
                self.engine.submit(going)
            await watch(self.engine, going.plan_id, seconds, caller)
        return self._outcome(known.id if known else companion, going)

    def _known(self, companion: str) -> Companion | None:
        """A companion by its id or name; None for one that may have been forgotten."""
        try:
            return self.planner.known(companion)
        except NotFound:
            return None

    async def _effects(self, companion: Companion) -> tuple[list[str], list[str]]:
        """What forgetting would delete; of what can't be looked at now, what the ledger has. And what to know of that."""
        things = {(r.kind, r.id): r.name for r in self.planner.made(companion)}
        talks, warnings, others = 0, list(self.workspace.notes), set[str]()
        try:
            things |= {(t.kind, t.id): t.name for t in await marked(self.elevenlabs, companion.marker)}
            more = {("agent", agent.agent_id): agent.name for agent in await self.voiced.others(things)}
            things, others = {**things, **more}, {id for _, id in more}
            for kind, id in things:
                talks += len(await conversations(self.elevenlabs, id)) if kind == "agent" else 0
        except StorykeeperError as error:
            warnings.append(f"ElevenLabs couldn't be asked what else there is ({error.code})")
        told = {id: f"{kind} {id} '{title(name)}'" for (kind, id), name in sorted(things.items())}
        effects = [f"{what}, which has its voice" if id in others else what for id, what in told.items()]
        effects.append(f"{talks} talk{'' if talks == 1 else 's'} with it, transcripts and sound")
        effects.append("the staged recordings and memories, plans and consents on this computer")
        return effects, warnings

    def _outcome(self, companion: str, going: Removal) -> Retired:
        run = self.engine.look(going.plan_id)
        if run and run.state in {"parked", "failed"} and run.result and run.result.error:
            raise kept(run, run.result.error, companion)
        again = f"retire_companion(companion={companion}, action=forget)"
        if run and run.state in UNFINISHED:
            next = f"call {again} again to wait; it goes on while a Storykeeper is open"
            return Retired(of=companion, status="forgetting", receipt=None, warnings=self.workspace.notes, next=next)
        receipt = self.receipts.newest(going.marker)
        notes = self.workspace.notes
        return Retired(of=companion, status="forgotten", receipt=receipt, warnings=notes, next="keep the receipt")

    # Single things

    def _refuse_other_kinds(self, id: str) -> None:
        if self.planner.ledger.companion(id):
            next = f"retire_companion(companion={id}, action=forget)"
            raise WrongKind("that is the id of a companion", exists="nothing was deleted", next=next)
        if id.startswith(("conv_", "plan_", "receipt_")):
            raise WrongKind("that is no id of a voice, document or agent", exists="nothing was deleted")

    async def _orphan(self, id: str) -> Marked | None:
        """What isn't in the ledger and carries a marker; None for what was deleted by us before."""
        found = next((thing for thing in await marked(self.elevenlabs) if thing.id == id), None)
        if found or self.receipts.newest(id):
            return found
        there = [kind for kind in KINDS if await self._exists(kind, id)]
        if there:
            raise Conflict(f"that {there[0]} wasn't made by Storykeeper", exists="nothing was deleted")
        raise NotFound("nothing with that id was made by Storykeeper", exists="nothing was deleted")

    async def _exists(self, kind: Kind, id: str) -> bool:
        try:
            return await self.deleting.there(Item(kind=kind, id=id))
        except BadInput:
            return False  # the service has ids of another form for this kind

    def _lacking(self, thing: Resource | Marked) -> list[str]:
        """Who will miss it. Raises Busy while something is done with it."""
        owners = [c for c in self.planner.ledger.companions() if c.marker == thing.marker]
        for owner in owners:
            self._refuse_busy(owner)
        return [f"{owner.id} will be without this {thing.kind}, until it is planned again" for owner in owners]

    async def _mute(self, thing: Resource | Marked) -> list[str]:
        """The agents that are no companion's, and speak in a voice that is to go."""
        agents = await self.voiced.others([(thing.kind, thing.id)])
        return [f"agent {agent.agent_id} '{agent.name}' will be without its voice" for agent in agents]

    async def _delete_record(self, id: str, confirm: str, caller: Caller, *, asks: bool) -> Retired:
        """A consent for a voice on its own, once no voice is left that was made under it."""
        record = self.planner.consents.record(id)
        if record is None and self.receipts.newest(id):
            return self._deleted(id, self._past(id))
        if record is None or record.companion:
            raise NotFound("there is no consent for a voice on its own with that id", exists="nothing was deleted")
        voices = self.voiced.made_under(record)
        if voices:
            next = f"delete_resource(id={voices[0].id}) deletes it, and the consent with it"
            raise Conflict("a voice was made under that consent", exists="nothing was deleted", next=next)
        agreed = False
        if self._allowing.to_be_shown(confirm, asks=asks):
            effects = [f"consent {id} on this computer"]
            agreed = asks and await self._allowing.agreed(id, effects, caller)
            if not agreed:
                way = Way("delete", id, f"`storykeeper consent {id} --revoke`", f"delete_resource(id={id}")
                return self._proposed(id, effects, way, asks=asks)
        with self.confirms.database.transaction():
            if not agreed:
                self.confirms.redeem(confirm, "delete", id)
            self.erasing.record(record, self.receipts.open(id, id).receipt_id)
        await self.erasing.scrub()
        return self._deleted(id, self._past(id))

    async def _delete(self, item: Item, receipt: str, known: Resource | None) -> Receipt:
        await self.deleting(receipt, item)
        self.erasing.resource(known, receipt, await strange(self.elevenlabs))
        if item.kind == "voice":  # whose consents name people
            await self.erasing.scrub()
        return self._past(item.id)

    def _past(self, id: str) -> Receipt:
        receipt = self.receipts.newest(id)
        assert receipt is not None  # noqa: S101 - only called where there is one
        return receipt

    def _deleted(self, id: str, receipt: Receipt) -> Retired:
        return Retired(of=id, status="deleted", receipt=receipt, warnings=self.workspace.notes, next="keep the receipt")

    # Both

    def _refuse_busy(self, companion: Companion) -> None:
        if self.planner.ledger.forgotten(companion.marker):
            raise Busy(f"{companion.id} is being forgotten", exists="see get_companion")
        if companion.id in self.engine.runs.going():
            raise Busy(f"{companion.id} is being made or changed", exists="see get_companion")

    @property
    def _allowing(self) -> Allowing:
        return Allowing(self.planner.consents.policy, self.confirms, self.workspace)

    def _proposed(
        self, of: str, effects: list[str], way: Way, warnings: list[str] | None = None, *, asks: bool
    ) -> Retired:
        confirm, next = self._allowing.offer(way, asks=asks)
        notes = self.workspace.notes if warnings is None else warnings
        return Retired(
            of=of, status="needs_confirm", effects=effects, confirm=confirm, receipt=None, warnings=notes, next=next
        )
