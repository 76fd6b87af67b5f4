"""The tool server's own question about a consent, answered with what the person has just answered here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from mcp import types


class Ear:
    """Answers for a person only while their own answer is being recorded, and only whether they agree to what it was about.

    One recording at a time, so that the answer of one conversation is never taken for that of another.
    """

    def __init__(self) -> None:
        self._alone = asyncio.Lock()
        self._names: tuple[str, ...] = ()

    @asynccontextmanager
    async def hearing(self, *names: str) -> AsyncGenerator[None]:
        """While a question that has all these names in it, whose voice and who agrees, is answered; without any, none is."""
        async with self._alone:
            self._names = names
            try:
                yield
            finally:
                self._names = ()

    async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult | types.ErrorData:
        form = params.requested_schema if isinstance(params, types.ElicitRequestFormParams) else {}
        meant = bool(self._names) and all(name in params.message for name in self._names)
        if meant and set(form.get("properties", {})) == {"agree"}:
            return types.ElicitResult(action="accept", content={"agree": True})
        return types.ErrorData(code=types.INVALID_REQUEST, message="nobody is there to be asked")
