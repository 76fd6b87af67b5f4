"""Several processes that serve at one address: each is a server of its own, and the system shares out the calls."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from .draining import DRAIN_SECONDS

log = logging.getLogger(__name__)

ENDING_SECONDS = DRAIN_SECONDS + 4.0
_AGAIN_SECONDS = 1.0  # one that is killed again and again may not take the machine for itself


async def supervise(arguments: Sequence[str], descriptor: int, count: int, leave: asyncio.Event) -> int:
    """Keep so many of them until it is time to leave; the exit code of the first that gave up, and then of all."""
    command = [sys.executable, "-m", "storykeeper_server", *arguments]
    async with asyncio.TaskGroup() as group:
        kept = [group.create_task(_keep(command, descriptor, leave)) for _ in range(count)]
    return max(task.result() for task in kept)


async def _keep(command: Sequence[str], descriptor: int, leave: asyncio.Event) -> int:
    """One worker, and another in its place when it was killed. One that refuses ends all: the others would, too."""
    while not leave.is_set():
        # Its stdin ends when this process does, whatever the reason, and then it goes, too.
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, pass_fds=[descriptor])
        code = await _ended(process, leave)
        if code >= 0:
            leave.set()
            return code
        log.warning("a worker was killed by signal %d, another takes its place", -code)
        await _pause(leave)
    return 0


async def _ended(process: Process, leave: asyncio.Event) -> int:
    """Its exit code, when it has ended by itself, or has been told to and did."""
    ended, left = asyncio.ensure_future(process.wait()), asyncio.ensure_future(leave.wait())
    await asyncio.wait((ended, left), return_when=asyncio.FIRST_COMPLETED)
    left.cancel()
    if ended.done():
        return ended.result()
    process.terminate()
    await asyncio.wait([ended], timeout=ENDING_SECONDS)
    if not ended.done():
        process.kill()
    return max(0, await ended)


async def _pause(leave: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_AGAIN_SECONDS):
            await leave.wait()
    except TimeoutError:
        return
