"""The sandbox as an application: its services, its error envelopes and a trace id on every answer."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import account, agents, auth, conversations, ids, knowledge_base, plans, voices
from .clock import Clock
from .envelopes import HANDLERS
from .routing import Setup
from .state import State
from .switches import Switches

__all__ = ["Switches", "build"]

_USUAL = Switches()

# These look like ids to the routes of single resources, but are operations that the sandbox doesn't have.
_NOT_IDS = (
    "/v1/voices/accents",
    "/v1/convai/agents/summaries",
    "/v1/convai/knowledge-base/crawl",
    "/v1/convai/knowledge-base/rag-index",
    "/v1/convai/knowledge-base/search",
    "/v1/convai/knowledge-base/summaries",
)


def build(
    state: State,
    *,
    keys: Sequence[str] = ("sandbox",),
    plan: str = "creator",
    switches: Switches = _USUAL,
    clock: Clock | None = None,
) -> Starlette:
    """A sandbox over `state`, where each key is a workspace of its own on the given plan."""
    app = Starlette(
        routes=[
            *(Route(path, _not_emulated) for path in _NOT_IDS),
            *voices.ROUTES,
            *knowledge_base.ROUTES,
            *agents.ROUTES,
            *conversations.ROUTES,
            *account.ROUTES,
        ],
        middleware=[Middleware(_Trace)],
        exception_handlers=HANDLERS,
    )
    workspaces = frozenset(auth.workspace(key) for key in keys)
    app.state.setup = Setup(state, workspaces, plans.named(plan), switches, clock or Clock())
    return app


async def _not_emulated(request: Request) -> None:
    raise HTTPException(501)


class _Trace:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace = ids.trace()
        scope.setdefault("state", {})["trace"] = trace

        async def traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-trace-id"] = trace
            await send(message)

        await self._app(scope, receive, traced)
