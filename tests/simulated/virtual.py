"""An event loop whose time passes only while nothing else happens, so that a day takes no time and no luck decides."""

from __future__ import annotations

import asyncio
import secrets
import selectors
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

import anyio.lowlevel
import anyio.to_thread

Result = TypeVar("Result")


class Stuck(Exception):
    """Everybody waits for something that nobody will do."""


class _Still(selectors.DefaultSelector):
    """Waits for no file: instead of letting time pass it moves it on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:
            raise Stuck("nothing is left that could happen")
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Tasks run in the order in which they became ready; what would run in a thread runs in between."""

    def __init__(self) -> None:
        self._still = _Still()
        super().__init__(self._still)
        self._clock_resolution = 1e-6  # waking up to the digit, though times are sums of floats

    def time(self) -> float:
        return self._still.now


@contextmanager
def _threadless() -> Generator[None]:
    """A thread ends when it likes; a function that is called at once ends here."""

    async def run_sync(func: Callable[..., Result], *args: Any, **options: Any) -> Result:
        await anyio.lowlevel.checkpoint()
        return func(*args)

    with patch.object(anyio.to_thread, "run_sync", run_sync):
        yield


@contextmanager
def _known(seed: int) -> Generator[None]:
    """Ids and nonces that are the same each time: things are sorted by them."""
    dice = Random(f"{seed} ids")

    def token_hex(bytes: int = 32) -> str:
        return dice.randbytes(bytes).hex()

    with patch.object(secrets, "choice", dice.choice), patch.object(secrets, "token_hex", token_hex):
        yield


def run(main: Callable[[], Coroutine[Any, Any, Result]], seed: int) -> Result:
    """Run to the end, in no time."""
    with _threadless(), _known(seed), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


async def forever() -> None:
    """Until cancelled."""
    await asyncio.get_running_loop().create_future()
