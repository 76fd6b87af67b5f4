"""The official SDK, synchronous or asynchronous, by the names of its methods."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from operator import attrgetter
from typing import Any

from elevenlabs.client import AsyncElevenLabs, ElevenLabs
from elevenlabs.core.api_error import ApiError

# Which methods answered anything but a server error in this process, for the summary of the tests.
EXERCISED: Counter[str] = Counter()


class Sdk:
    """Calls methods such as `voices.ivc.create`; both clients alike, each request once."""

    def __init__(self, official: ElevenLabs | AsyncElevenLabs) -> None:
        self._official = official
        self.called: set[str] = set()

    async def __call__(self, method: str, /, *arguments: Any, more: dict[str, Any] | None = None, **named: Any) -> Any:
        """The answer; of a stream, all of it. `more` are body fields that the SDK doesn't know."""
        options: dict[str, Any] = {"max_retries": 0}
        if more:
            options["additional_body_parameters"] = more
        try:
            answer = await _whole(attrgetter(method)(self._official)(*arguments, request_options=options, **named))
        except ApiError as error:
            if (error.status_code or 500) < 500:
                self._count(method)
            raise
        self._count(method)
        return answer

    async def refused(self, method: str, /, *arguments: Any, **named: Any) -> ApiError | None:
        """The refusal of a call, None if it wasn't refused."""
        try:
            await self(method, *arguments, **named)
        except ApiError as error:
            return error
        return None

    def _count(self, method: str) -> None:
        self.called.add(method)
        EXERCISED[method] += 1


async def _whole(answer: Any) -> Any:
    if inspect.isawaitable(answer):
        answer = await answer
    if isinstance(answer, AsyncIterator):
        return [part async for part in answer]
    return list(answer) if isinstance(answer, Iterator) else answer
