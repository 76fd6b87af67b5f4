"""Runs carried by DBOS: it keeps which steps are done, so that a run goes on where a dead process left it.

It holds control flow only: ids and hashes, as portable JSON. What was made is in our own ledger. When a worker takes
a run over from one that still lives, DBOS lets only the new one write, and the old one stops at its next step; what
that was sending meanwhile is an intent in the ledger, which the new one looks for and doesn't repeat.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from ..errors import Busy
from .database import OutOfReach
from .postgres import CONNECT_SECONDS
from .slots import Slot
from .worker import Carry

if TYPE_CHECKING:
    from dbos import DBOSClient, WorkflowStatus

_QUEUE = "provision"
_VERSION = "saga-5"  # the order of the saga's steps: runs of another one can't be taken up
_AT_ONCE = 20
_EVERYWHERE = 40
_POLL_SECONDS = 0.1
_AGAIN_SECONDS = 0.5  # before a step is tried again whose ledger was out of reach
_DEAD_END = frozenset({"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "SUCCESS"})
_POOL = {"engine": 8, "client": 4}  # connections: as many as threads use them, and a server has a hundred for all
_ENDING_LOOKS = 50
_ADRIFT_SECONDS = 2.0
_TIDY_SECONDS = 300.0
_AT_A_TIME = 200  # rows to delete in one transaction, which on SQLite keeps others from writing
# An hour, in which somebody who asks why a run failed still finds its steps. What it made is in the ledger for good.
KEPT_SECONDS = 3600.0


class _Steps:
    """The saga's port, inside a workflow."""

    async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        from dbos import DBOS  # this runs only where it was imported

        with _reached():  # a disk may be too full to keep what the step came to
            return await DBOS.run_step_async({"name": name}, _insisting, call, *args)

    async def sleep(self, seconds: float) -> None:
        # Not DBOS's own, which wakes up at a time of day: a clock that is set back would hold a run up until then.
        await self.step("wait", anyio.sleep, seconds)


async def _insisting(call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """A step, run again while its ledger is out of reach: as after a crash, but for the crash."""
    while True:
        try:
            return await call(*args)
        except OutOfReach:
            await asyncio.sleep(_AGAIN_SECONDS)


@dataclass(slots=True)
class Durable:
    """`url` is SQLAlchemy's, `schema` the name of DBOS's own where there are schemas. `carry` does a run's work, by its
    id, and never raises. `kept`: for how many seconds what has ended can be looked up in DBOS."""

    url: str = field(repr=False)
    carry: Carry
    schema: str = "dbos"
    kept: float = KEPT_SECONDS
    _client: DBOSClient | None = field(default=None, repr=False)
    _tasks: dict[asyncio.Task[Any], str] = field(default_factory=dict["asyncio.Task[Any]", str], repr=False)
    _adrift: dict[str, float] = field(default_factory=dict[str, float], repr=False)
    _look_at: float = field(default=0.0, repr=False)
    _leaving: bool = field(default=False, repr=False)
    _tidy_at: float = field(default=0.0, repr=False)

    @property
    def shared(self) -> bool:
        """Whether there may be other workers."""
        return self.url.startswith("postgresql:")

    async def start(self, executor: str) -> None:
        """Launch, and take up what this executor left. Workflows run on the loop that calls this."""
        self._leaving = False
        with _reached():
            # Half a second of imports and a migration: not on the loop that answers the client's pings.
            await anyio.to_thread.run_sync(self._prepare)
            self._launch(executor)

    async def take(self, run_ids: Sequence[str]) -> list[str]:
        """Carry these runs; said again it changes nothing. Answers those that have come to a dead end in DBOS."""
        if not run_ids or self._client is None:
            return []
        with _reached():
            rows = await self._client.list_workflows_async(
                workflow_ids=list(run_ids), load_input=False, load_output=False
            )
            known = {row.workflow_id for row in rows}
            stranded = [row.workflow_id for row in rows if self._stranded(row)]
            if stranded:
                await self._client.cancel_workflows_async(stranded)
            for id in run_ids:
                if id not in known:
                    options: Any = {"workflow_name": "provision", "queue_name": _QUEUE, "workflow_id": id}
                    options["app_version"] = _VERSION
                    await self._client.enqueue_async(options, id)
        return [row.workflow_id for row in rows if row.status in _DEAD_END or row.workflow_id in stranded]

    async def keep(self, slot: Slot) -> None:
        """Take over what dead workers of other places left, and what nobody carries; now and then drop what is long
        over."""
        with _reached():
            if self.shared or time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + _ADRIFT_SECONDS
                await self._inherit(slot)
            if time.monotonic() >= self._tidy_at:
                self._tidy_at = time.monotonic() + _TIDY_SECONDS
                await self.tidy()

    async def tidy(self) -> None:
        """Drop what DBOS knows of runs that ended long ago: what came of them is in the ledger."""
        until = datetime.fromtimestamp(time.time() - self.kept, UTC).isoformat()
        over: dict[str, Any] = {"status": sorted(_DEAD_END), "completed_before": until, "limit": _AT_A_TIME}
        over |= {"load_input": False, "load_output": False}
        while self._client and (rows := await self._client.list_workflows_async(**over)):
            await self._client.delete_workflows_async([row.workflow_id for row in rows])

    async def drop(self, run_ids: Sequence[str]) -> None:
        """Keep nothing of runs that have ended. Raises Busy for one that doesn't end."""
        if not run_ids or self._client is None:
            return
        for _ in range(_ENDING_LOOKS):
            rows = await self._client.list_workflows_async(
                workflow_ids=list(run_ids), load_input=False, load_output=False
            )
            if all(row.status in _DEAD_END or self._stranded(row) for row in rows):
                if rows:
                    await self._client.delete_workflows_async([row.workflow_id for row in rows])
                return
            await anyio.sleep(_POLL_SECONDS)
        raise Busy("an earlier run of it is still ending", exists="nothing is lost")

    async def stop(self) -> None:
        """Let go of everything; unfinished runs stay as they are for whoever comes next."""
        # The tasks first, or a run would find the engine gone and end as failed.
        self._leaving = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client:
            self._client.destroy()
            self._client = None
        # DBOS has made its own threads the loop's, and while they go others may ask for one.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        await anyio.to_thread.run_sync(_destroy, abandon_on_cancel=True)

    def _stranded(self, row: WorkflowStatus) -> bool:
        """Whether a run was left with another order of steps, so that nobody takes it up here. On a server somebody of
        that version may carry it yet, until it is queued again."""
        other = row.app_version != _VERSION and row.status not in _DEAD_END
        return other and (row.status == "ENQUEUED" or not self.shared)

    async def _inherit(self, slot: Slot) -> None:
        rows = await self._under_way()
        for executor in {str(row.executor_id) for row in rows} - {slot.executor}:
            with slot.bequeathed(executor) as ours:
                left = await self._under_way(executor_id=executor) if ours else []
                await self._resume(row.workflow_id for row in left)
        await self._pick_up({row.workflow_id for row in rows if row.executor_id == slot.executor})

    async def _pick_up(self, ours: set[str]) -> None:
        """What bears this place's name and isn't carried: somebody launched under it too late and let go of it again,
        or the claim to it, or its end, was lost with a connection. Not at once, for DBOS hands over and writes down in
        its own time.
        """
        now = time.monotonic()
        self._adrift = {id: self._adrift.get(id, now) for id in ours - set(self._tasks.values())}
        again = sorted(id for id, since in self._adrift.items() if now - since >= _ADRIFT_SECONDS)
        await self._resume(again)
        for id in again:
            del self._adrift[id]

    async def _resume(self, run_ids: Iterable[str]) -> None:
        found = list(run_ids)
        if found and self._client:
            await self._client.resume_workflows_async(found, queue_name=_QUEUE)

    async def _under_way(self, **more: Any) -> list[Any]:
        if self._client is None:
            return []
        return await self._client.list_workflows_async(status="PENDING", load_input=False, load_output=False, **more)

    async def _carried(self, run_id: str) -> str:
        """Carry a run, as a task that can be told to stop."""
        task = asyncio.current_task()
        if task is None or self._leaving:
            raise asyncio.CancelledError
        self._tasks[task] = run_id
        try:
            return await self.carry(_Steps(), run_id)
        finally:
            del self._tasks[task]

    def _prepare(self) -> None:
        logging.getLogger("dbos").setLevel(logging.ERROR)
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

        DBOS.migrate(self._address, schema=self.schema)
        self._client = DBOSClient(
            system_database_url=self._address,
            dbos_system_schema=self.schema,
            serializer=DBOSPortableJSONSerializer(),
            system_database_pool_size=_POOL["client"],
            retry_connection_errors=False,
            lazy=True,
        )
        # Before the launch: what is launched looks for new queues only once a second.
        self._client.register_queue(
            _QUEUE, worker_concurrency=_AT_ONCE, global_concurrency=_EVERYWHERE, polling_interval_sec=_POLL_SECONDS
        )

    @property
    def _address(self) -> str:
        if not self.shared:
            return self.url
        return f"{self.url}{'&' if '?' in self.url else '?'}connect_timeout={CONNECT_SECONDS}"

    def _launch(self, executor: str) -> None:
        from dbos import DBOS, DBOSPortableJSONSerializer

        DBOS(
            config={
                "name": "storykeeper",
                "system_database_url": self._address,
                "dbos_system_schema": self.schema,
                "sys_db_pool_size": _POOL["engine"],
                "executor_id": executor,
                "application_version": _VERSION,
                "serializer": DBOSPortableJSONSerializer(),
                "run_migrations": False,
                "log_level": "ERROR",
            }
        )
        carried = self._carried

        @DBOS.workflow(name="provision")
        async def provision(run_id: str) -> str:  # pyright: ignore[reportUnusedFunction]  # DBOS finds it by its name
            return await carried(run_id)

        DBOS.listen_queues([_QUEUE])
        DBOS.launch()


def _destroy() -> None:
    from dbos import DBOS

    DBOS.destroy(destroy_registry=True)


@contextmanager
def _reached() -> Generator[None]:
    """What SQLAlchemy says of a server that is away, in our words: its own would be told with all that it was doing."""
    try:
        yield
    except Exception as error:
        from sqlalchemy import exc  # DBOS brought it

        if isinstance(error, (exc.InterfaceError, exc.OperationalError, exc.TimeoutError)):
            raise OutOfReach("the database can't be reached, or written, by what carries the runs") from None
        raise
