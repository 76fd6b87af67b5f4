"""What DBOS does, as its source has it: results of steps are kept, and a run belongs to who took it up last."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulated.machine import Machine
from storykeeper_tools.provisioning.slots import Slot
from storykeeper_tools.provisioning.worker import Carry


@dataclass
class Workflow:
    """`owner` is the execution that may write, `executor` the place of whoever has it."""

    executor: str
    status: str = "PENDING"
    owner: object = None
    steps: dict[int, tuple[str, str]] = field(default_factory=dict)


Workflows = dict[str, Workflow]


@dataclass
class Steps:
    """The saga's port. Steps are known by the order in which they are started."""

    machine: Machine
    workflow: Workflow
    count: int = 0

    async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        number, self.count = self.count, self.count + 1
        known = self.workflow.steps.get(number)
        if known:
            assert known[0] == name, f"step {number} was '{known[0]}' and is now '{name}'"
            return json.loads(known[1])
        await self.machine.point(f"before '{name}'")
        result = json.dumps(await call(*args))
        await self.machine.point(f"after '{name}', before it is written down")
        self.owned()
        self.workflow.steps[number] = name, result
        self.machine.note(self.machine.name, f"{name}: {result[:120]}")
        await self.machine.point(f"after '{name}' is written down")
        return json.loads(result)

    async def sleep(self, seconds: float) -> None:
        await self.step("wait", self.machine.sleep, seconds)

    def owned(self) -> None:
        """Who lost the run to another process stops here."""
        if self.workflow.owner is not self:
            self.machine.note(self.machine.name, "finds that its run was taken over")
            raise asyncio.CancelledError


@dataclass
class Recorded:
    """A carrier whose records outlive its process."""

    machine: Machine
    workflows: Workflows
    carry: Carry = field(init=False)
    executor: str = ""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self, executor: str) -> None:
        """Take up what the last holder of this place left."""
        self.executor = executor
        await self.machine.point("before it takes up what is left")
        self._resume(executor)

    async def take(self, run_ids: Sequence[str]) -> list[str]:
        known = [id for id in run_ids if id in self.workflows]
        for id in run_ids:
            await self.machine.point("before a run is queued")
            if id not in self.workflows:
                self.workflows[id] = Workflow(self.executor)
                self._begin(id, self.workflows[id])
        return [id for id in known if id in self.workflows and self.workflows[id].status != "PENDING"]

    async def keep(self, slot: Slot) -> None:
        """Take over what dead holders of other places left."""
        await self.machine.thawed()
        pending = {w.executor for w in self.workflows.values() if w.status == "PENDING"}
        for executor in sorted(pending - {self.executor}):
            with slot.bequeathed(executor) as ours:
                if ours:
                    self._resume(executor)
        carried = {task.get_name() for task in self.tasks if not task.done()}
        for id, workflow in list(self.workflows.items()):
            if (workflow.status, workflow.executor) == ("PENDING", self.executor) and id not in carried:
                self._begin(id, workflow)

    async def drop(self, run_ids: Sequence[str]) -> None:
        for id in run_ids:
            if id in self.workflows and self.workflows[id].status != "PENDING":
                del self.workflows[id]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def _resume(self, executor: str) -> None:
        for id, workflow in list(self.workflows.items()):
            if (workflow.status, workflow.executor) == ("PENDING", executor):
                self._begin(id, workflow)

    def _begin(self, id: str, workflow: Workflow) -> None:
        port = Steps(self.machine, workflow)
        workflow.owner, workflow.executor = port, self.executor
        self.machine.note(self.machine.name, f"carries {id}")
        self.tasks.append(asyncio.get_running_loop().create_task(self._carried(port, id), name=id))

    async def _carried(self, port: Steps, id: str) -> None:
        try:
            state = await self.carry(port, id)
        except Exception as error:
            self.machine.note(self.machine.name, f"breaks off: {error!r}")
            if port.workflow.owner is port:
                port.workflow.status = "ERROR"
            raise
        await self.machine.point("after a run, before its end is written down")
        port.owned()
        port.workflow.status = "SUCCESS"
        self.machine.note(self.machine.name, f"{id} ends {state}")
