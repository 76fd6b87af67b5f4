"""Closing a companion whose consent was taken back: whatever is done for it stops, and nobody can talk to it any more.

Here that holds from the moment the revocation is written down. At the service it takes a request, which may fail; so it
is a run like any other, and one that can't reach the service goes on by itself until it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from ..errors import NotFound, StorykeeperError
from ..model import Model
from ..part import part
from .ensure import Patience, Run
from .ledger import Ledger, Resource
from .marked import marked
from .pausing import Pausing
from .runs import Result
from .steps import checked
from .voiced import Voiced

_CLOSING = "revoke_"


class Closing(Model):
    """What an engine needs to close a companion."""

    plan_id: str
    companion: str

    @property
    def marker(self) -> str:
        return "keep-" + self.plan_id.removeprefix(_CLOSING)


def closing(companion: str, marker: str) -> Closing:
    return Closing(plan_id=_CLOSING + marker.removeprefix("keep-"), companion=companion)


def is_closing(plan_id: str) -> bool:
    return plan_id.startswith(_CLOSING)


@part
class Shutting:
    """The saga of a closing."""

    pausing: Pausing
    voiced: Voiced
    ledger: Ledger
    patience: Patience
    clock: Callable[[], float] = time.time

    async def __call__(self, run: Run, going: Closing) -> Result:
        try:
            if early := await checked(run, "pause the agent", self._pause, going.marker):
                await run.sleep(early)
                await checked(run, "pause what showed up", self._pause, going.marker)
            await checked(run, "pause what else has the voice", self._silence)
        except StorykeeperError as error:
            return Result(error=error.row())
        return Result()

    async def _pause(self, marker: str) -> float:
        """What the ledger knows, and whatever else carries the marker, as a request whose answer got lost may have left.
        Answers for how many seconds one that was asked for may yet show up."""
        early = 0.0
        for agent in (row for row in self.ledger.resources(marker) if row.kind == "agent"):
            if agent.state == "made":
                with suppress(NotFound):  # somebody deleted it, which closes it better
                    await self.pausing.pause(agent)
            else:
                early = self._early(agent)
        for stray in await marked(self.pausing.elevenlabs, marker, {"agent"}):
            with suppress(NotFound):
                await self.pausing.hold(stray.id)
        return early

    def _early(self, intent: Resource) -> float:
        """An intent from the future was written before a clock was set back."""
        now = self.clock()
        return max(0.0, min(intent.intended_at, now) + self.patience.settle - now)

    async def _silence(self) -> None:
        """Agents that were made or changed with single tools speak in it, too."""
        for agent_id in await self.voiced.silenced():
            with suppress(NotFound):
                await self.pausing.hold(agent_id)
