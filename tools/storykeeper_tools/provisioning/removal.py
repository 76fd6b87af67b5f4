"""Forgetting a companion: everything of it at the service is deleted and seen to be gone, then everything of it here.

It is a run like any other, so one that was killed or abandoned goes on by itself. From its first moment nothing more
is made for the companion: whoever still carries a run of it is stopped at its next intent, and what was under way is
waited for, and looked for by the marker, before anything is called gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio

from ..elevenlabs.client import ElevenLabs
from ..errors import StorykeeperError
from ..model import Model
from ..part import part
from .deleting import Deleting, conversations, strange
from .ensure import AT_ONCE, Patience, Run
from .erasing import Erasing
from .ledger import Ledger, Resource
from .marked import marked
from .plan import marker, removal_id
from .receipts import Item, Receipts, Thing
from .runs import Result
from .steps import checked
from .voiced import Voiced
from .workspace import Workspace

_ORDER: tuple[Thing, ...] = ("agent", "conversation", "document", "voice")  # first of all, nobody can talk to it


class Removal(Model):
    """What an engine needs to forget a companion."""

    plan_id: str
    companion: str

    @property
    def marker(self) -> str:
        return "keep-" + self.plan_id.partition("_")[2]


def removal(workspace: str, companion: str) -> Removal:
    return Removal(plan_id=removal_id(marker(workspace, companion)), companion=companion)


@part
class Removing:
    """The saga of a removal. What it keeps between its steps are ids."""

    elevenlabs: ElevenLabs
    ledger: Ledger
    receipts: Receipts
    workspace: Workspace
    deleting: Deleting
    erasing: Erasing
    voiced: Voiced
    patience: Patience
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    async def __call__(self, run: Run, going: Removal) -> Result:
        """Agent, conversations, documents, voice; again until a look finds nothing; then what is here."""
        try:
            begun = await checked(run, "check the account", self._begin, going)
            if begun["receipt"]:
                await self._delete_all(run, going.marker, begun["receipt"])
                await checked(run, "erase the runs", self.erasing.engine, going.companion)
                blobs = await checked(run, "erase the files", self.erasing.blobs, going.companion)
                await checked(run, "erase the records", self._erase, going, begun["receipt"], blobs, begun["doubts"])
            await checked(run, "clear the database", self.erasing.scrub)
        except StorykeeperError as error:
            return Result(error=error.row())
        return Result()

    async def _begin(self, going: Removal) -> dict[str, Any]:
        """No receipt is opened where all but the last step was done before."""
        if self.erasing.done(going.plan_id, going.marker):
            return {"receipt": "", "doubts": []}
        await self.workspace.check()
        doubts = await strange(self.elevenlabs)
        return {"receipt": self.receipts.open(going.marker, going.marker).receipt_id, "doubts": doubts}

    async def _erase(self, going: Removal, receipt: str, blobs: int, doubts: Sequence[str]) -> None:
        self.erasing.rows(going.companion, going.marker, going.plan_id, receipt, blobs, doubts)

    async def _delete_all(self, run: Run, mark: str, receipt: str) -> None:
        settled = False  # once is enough, whatever a clock that was set back says: nothing new is asked for
        while True:
            found = await checked(run, "look what there is", self._look, mark, receipt)
            for some in _batches(found["left"]):
                await checked(run, f"delete {some[0][0]}", self._delete, receipt, some)
            if not found["left"] and (settled or not found["unsure"]):
                return
            await checked(run, "wait for what was under way", self._settle, mark)
            settled = True

    async def _look(self, mark: str, receipt: str) -> dict[str, Any]:
        """What is left to delete: what the ledger has, and whatever carries the marker, known or not."""
        unsure = self._unsure(mark, self.clock(), 0)  # asked first: what comes of it later, no list shows yet
        found: list[tuple[Thing, str]] = []
        found.extend((row.kind, row.id) for row in self.ledger.resources(mark) if row.state == "made")
        found.extend((thing.kind, thing.id) for thing in await marked(self.elevenlabs, mark))
        found.extend(("agent", agent.agent_id) for agent in await self.voiced.others(found))
        agents = {id for kind, id in found if kind == "agent"} | self.receipts.agents(receipt)
        for agent in sorted(agents):
            found.extend(("conversation", id) for id in await conversations(self.elevenlabs, agent))
        left = sorted(self.receipts.expect(receipt, found), key=lambda item: (_ORDER.index(item.kind), item.id))
        return {"left": [[item.kind, item.id] for item in left], "unsure": unsure}

    async def _delete(self, receipt: str, some: Sequence[Sequence[str]]) -> None:
        items = [Item.model_validate({"kind": kind, "id": id}) for kind, id in some]
        ends = await asyncio.gather(*(self.deleting(receipt, item) for item in items), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _settle(self, mark: str) -> None:
        """Wait until nothing that was asked for can show up any more."""
        began, waited = self.clock(), 0.0
        while self._unsure(mark, began, waited):
            await self.sleep(self.patience.poll)
            waited += self.patience.poll
        for row in self.ledger.doubtful(mark):
            self.ledger.withdraw(row)

    def _unsure(self, mark: str, began: float, waited: float) -> bool:
        """Whether a request may yet take effect, or a refusal be mistaken, which only shows in a list a little later."""
        heard = {(e.kind, e.slot): e.at for e in self.ledger.journal.entries(mark) if e.event == "refused"}
        rows = self.ledger.doubtful(mark)
        return any(self._open(row, heard.get((row.kind, row.slot), 0), began, waited) for row in rows)

    def _open(self, row: Resource, heard: float, began: float, waited: float) -> bool:
        """However far a clock may jump ahead, at least `lag` seconds are waited here for a request; however far back,
        at most `settle`."""
        patience, now = self.patience, self.clock()
        if row.state == "refused":
            return now < min(heard, began) + patience.lag and waited < patience.lag
        # An intent from the future was written before a clock was set back.
        early = now < min(row.intended_at, began) + patience.settle and waited < patience.settle
        return early or waited < patience.lag


def _batches(todo: Sequence[Sequence[str]]) -> list[list[Sequence[str]]]:
    """A few at once, of one kind, in the order of the whole."""
    batches: list[list[Sequence[str]]] = []
    for thing in todo:
        if batches and batches[-1][0][0] == thing[0] and len(batches[-1]) < AT_ONCE:
            batches[-1].append(thing)
        else:
            batches.append([thing])
    return batches
