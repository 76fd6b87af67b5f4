"""The session route for FastAPI. FastAPI itself is the site's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from .portal import Opening
from .route import MOST_BYTES, route


def sessions(
    opening: Opening, visitor: Callable[..., Any], *, origins: Collection[str], companions: Collection[str]
) -> APIRouter:
    """`POST /{companion}/session` under the prefix that it is included with.

    `visitor` is a dependency that says who visits, or None for nobody. Limits are counted by it, in each process of the
    server by itself. The router opens Storykeeper when the app starts, and closes it when it ends.
    """
    allowed = route(origins, companions)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncGenerator[dict[str, Any]]:
        async with opening() as desk:
            yield {"storykeeper": desk}

    router = APIRouter(lifespan=lifespan)

    async def session(companion: str, request: Request, who: Annotated[str | None, Depends(visitor)]) -> JSONResponse:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                break
        answer = await allowed.answer(request.state.storykeeper, companion, who, request.headers, body)
        return JSONResponse(answer.body, answer.status, answer.headers)

    # Annotations are strings in this module, and `visitor` is a name that FastAPI couldn't find.
    session.__annotations__ = {"companion": str, "request": Request, "who": Annotated[Any, Depends(visitor)]}
    router.add_api_route("/{companion}/session", session, methods=["POST"], response_model=None)
    return router
