"""Taking turns: how many requests a second the processes of one machine send together."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import Busy, RateLimited
from ..files import private_folder

_TURN = struct.Struct("<d")
_FURTHEST = 3600.0
_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Pace:
    """Turns come `1 / rate` seconds apart, and in the order in which they were asked for, whoever asked.

    `path` is a file that all of them share; it holds when the next turn is free, by the machine's own clock, which no
    correction of the time moves and which all its processes have in common.
    """

    rate: float
    path: Path
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def turn(self, longest: float) -> None:
        """Wait for a turn. Raises RateLimited, and takes none, where it would come later than in `longest` seconds."""
        while (at := self._taken(longest)) is None:
            await self.sleep(_LOOK_SECONDS)
        await self.sleep(max(0.0, at - self.clock()))

    def _taken(self, longest: float) -> float | None:
        """When the turn that is taken now comes; None while another process takes one, which is never waited for."""
        try:
            private_folder(self.path.parent)
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self._next(descriptor, longest)
            finally:
                os.close(descriptor)
        except BlockingIOError:
            return None
        except OSError as error:
            raise Busy("the file by which requests take turns can't be written", next="see to the disk") from error

    def _next(self, descriptor: int, longest: float) -> float:
        now = self.clock()
        kept = os.pread(descriptor, _TURN.size, 0)
        free = _TURN.unpack(kept)[0] if len(kept) == _TURN.size else now
        # A machine that was started again counts anew, and what is written then lies far ahead, or is no number.
        at = free if now <= free <= now + _FURTHEST else now
        if at - now > longest:
            raise RateLimited("too many requests wait for their turn", after=at - now)
        os.pwrite(descriptor, _TURN.pack(at + 1 / self.rate), 0)
        return at
