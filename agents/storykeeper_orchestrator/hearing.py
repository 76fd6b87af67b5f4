"""The tool server's own questions, answered with what the person has just answered here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from mcp import types


class Ear:
    """Answers for a person only while what they have answered is being carried out, and only whether they agree to just that.

    Consents are recorded one at a time, so that the answer of one conversation is never taken for that of another; a plan
    and a deletion are named in their questions.
    """

    def __init__(self) -> None:
        self._alone = asyncio.Lock()
        self._names: tuple[str, ...] = ()
        self._allowed: list[tuple[str, ...]] = []

    @asynccontextmanager
    async def hearing(self, *names: str) -> AsyncGenerator[None]:
        """While a question that has all these names in it, whose voice and who agrees, is answered; without any, none is."""
        async with self._alone:
            self._names = names
            try:
                yield
            finally:
                self._names = ()

    @contextmanager
    def allowing(self, *parts: str) -> Generator[None]:
        """While a question that has all these parts in it, whether something may be spent or deleted, is answered with the
        yes that the person gave; without any, none is."""
        self._allowed.append(parts)
        try:
            yield
        finally:
            self._allowed.remove(parts)

    async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult | types.ErrorData:
        form = params.requested_schema if isinstance(params, types.ElicitRequestFormParams) else {}
        # What is quoted in a question stands inside its lines: what was allowed has to begin one.
        allowed = [tuple(f"\n{part}" for part in parts) for parts in self._allowed]
        for field, answers in (("agree", [self._names]), ("confirm", allowed)):
            meant = any(parts and all(part in f"\n{params.message}" for part in parts) for parts in answers)
            if meant and set(form.get("properties", {})) == {field}:
                return types.ElicitResult(action="accept", content={field: True})
        return types.ErrorData(code=types.INVALID_REQUEST, message="nobody is there to be asked")
