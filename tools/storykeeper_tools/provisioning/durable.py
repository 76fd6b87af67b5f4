"""Runs carried by DBOS: it keeps which steps are done, so that a run goes on where a dead process left it.

It holds control flow only: ids and hashes, as portable JSON. What was made is in our own ledger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from .worker import Carry

if TYPE_CHECKING:
    from dbos import DBOSClient

_QUEUE = "provision"
_VERSION = "saga-1"  # the order of the saga's steps: runs of another one can't be taken up
_AT_ONCE = 20
_EVERYWHERE = 40
_POLL_SECONDS = 0.2
_DEAD_END = frozenset({"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "SUCCESS"})


class _Steps:
    """The saga's port, inside a workflow."""

    async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        from dbos import DBOS  # this runs only where it was imported

        return await DBOS.run_step_async({"name": name}, call, *args)

    async def sleep(self, seconds: float) -> None:
        from dbos import DBOS  # as above

        await DBOS.sleep_async(seconds)


@dataclass(slots=True)
class Durable:
    """`url` is SQLAlchemy's; `carry` does a run's work, by its id, and never raises."""

    url: str
    carry: Carry
    _client: DBOSClient | None = field(default=None, repr=False)

    async def start(self, executor: str) -> None:
        """Launch, and take up what this executor left. Workflows run on the loop that calls this."""
        # Half a second of imports and a migration: not on the loop that answers the client's pings.
        await anyio.to_thread.run_sync(self._prepare)
        self._launch(executor)
        await self._register()

    async def take(self, run_ids: Sequence[str]) -> list[str]:
        """Carry these runs; said again it changes nothing. Answers those that have come to a dead end in DBOS."""
        if not run_ids or self._client is None:
            return []
        for id in run_ids:
            options: Any = {"workflow_name": "provision", "queue_name": _QUEUE, "workflow_id": id}
            options["app_version"] = _VERSION
            await self._client.enqueue_async(options, id)
        rows = await self._client.list_workflows_async(workflow_ids=list(run_ids))
        return [row.workflow_id for row in rows if row.status in _DEAD_END]

    async def stop(self) -> None:
        """Let go of everything; unfinished runs stay as they are for whoever comes next."""
        from dbos import DBOS  # it was imported at the start

        if self._client:
            self._client.destroy()
            self._client = None
        await asyncio.to_thread(DBOS.destroy)

    def _prepare(self) -> None:
        logging.getLogger("dbos").setLevel(logging.ERROR)
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

        DBOS.migrate(self.url)
        self._client = DBOSClient(system_database_url=self.url, serializer=DBOSPortableJSONSerializer(), lazy=True)

    def _launch(self, executor: str) -> None:
        from dbos import DBOS, DBOSPortableJSONSerializer

        DBOS(
            config={
                "name": "storykeeper",
                "system_database_url": self.url,
                "executor_id": executor,
                "application_version": _VERSION,
                "serializer": DBOSPortableJSONSerializer(),
                "run_migrations": False,
                "log_level": "ERROR",
            }
        )
        carry = self.carry

        @DBOS.workflow(name="provision")
        async def provision(run_id: str) -> str:  # pyright: ignore[reportUnusedFunction]  # DBOS finds it by its name
            return await carry(_Steps(), run_id)

        DBOS.listen_queues([_QUEUE])
        DBOS.launch()

    async def _register(self) -> None:
        from dbos import DBOS

        await DBOS.register_queue_async(
            _QUEUE, worker_concurrency=_AT_ONCE, global_concurrency=_EVERYWHERE, polling_interval_sec=_POLL_SECONDS
        )
