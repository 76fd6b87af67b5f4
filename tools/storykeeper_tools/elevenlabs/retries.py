"""Repeating what is safe to repeat: reads and deletes, never a create."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import anyio

from ..errors import UpstreamError
from ..part import part

if TYPE_CHECKING:
    from tenacity import RetryCallState

Result = TypeVar("Result")


@dataclass(slots=True)
class Budget:
    """Repeats are paid for by successes, so that a service in trouble isn't hit harder by everyone's retries."""

    left: float = 10.0
    most: float = 10.0
    earned: float = 0.2

    def spend(self) -> bool:
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def earn(self) -> None:
        self.left = min(self.most, self.left + self.earned)


@part
class Retries:
    """Up to `attempts` tries, waiting what the service asked for, or a jittered exponential time up to `longest`.

    A wait longer than `longest` isn't sat through: its error goes to the caller, who is told.
    """

    attempts: int = 4
    first: float = 0.5
    longest: float = 20.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[], float] = random.random
    budget: Budget = field(default_factory=Budget)

    async def __call__(self, call: Callable[[], Awaitable[Result]]) -> Result:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt  # not needed to list the tools

        trying = AsyncRetrying(
            sleep=self.sleep,
            wait=self._wait,
            stop=stop_after_attempt(self.attempts),
            retry=retry_if_exception(self._worth_it),
            reraise=True,
        )
        result: Result = await trying(call)  # pyright: ignore[reportUnknownVariableType]  # tenacity leaves it open
        self.budget.earn()
        return result

    def _worth_it(self, error: BaseException) -> bool:
        if not isinstance(error, UpstreamError) or not error.retry_helps:
            return False
        return (error.after or 0) <= self.longest and self.budget.spend()

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, UpstreamError) and error.after is not None:
            return error.after
        ceiling = min(self.longest, self.first * 2.0 ** (state.attempt_number - 1))
        return ceiling * (0.5 + self.jitter() / 2)
