"""A session route in a thread of its own, for web servers that have no event loop."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from .desk import Desk

Opening = Callable[[], AbstractAsyncContextManager[Desk]]
T = TypeVar("T")


@dataclass(slots=True)
class Portal:
    """Opened at the first call, since servers fork after they have read their code; closed with the process."""

    opening: Opening
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _process: int = 0
    _way: BlockingPortal | None = None
    _desk: Desk | None = None

    def call(self, ask: Callable[[Desk], Awaitable[T]]) -> T:
        """From any thread; waits for the answer."""
        way, desk = self._opened()
        return way.call(ask, desk)

    def _opened(self) -> tuple[BlockingPortal, Desk]:
        with self._lock:
            if self._way is None or self._desk is None or self._process != os.getpid():
                with ExitStack() as stack:  # a thread whose opening failed would keep the process from ending
                    way = stack.enter_context(start_blocking_portal())
                    self._desk = stack.enter_context(way.wrap_async_context_manager(self.opening()))
                    self._way, self._process = way, os.getpid()
                    atexit.register(stack.pop_all().close)
            return self._way, self._desk
