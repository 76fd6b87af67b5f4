"""Steps whose errors are values, so that every engine can keep them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import StorykeeperError, from_row
from .ensure import Run


async def checked(run: Run, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """A step's result. Raises its error, also where it was kept since an earlier process."""
    answer = await run.step(name, _valued, call, *args)
    if answer["error"]:
        raise from_row(answer["error"])
    return answer["value"]


async def _valued(call: Callable[..., Awaitable[Any]], *args: Any) -> dict[str, Any]:
    try:
        return {"value": await call(*args), "error": None}
    except StorykeeperError as error:
        return {"value": None, "error": error.row()}
