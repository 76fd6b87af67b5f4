"""The sandbox as an application: its services, its error envelopes and a trace id on every answer."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import (
    account,
    admin,
    agents,
    auth,
    convai_settings,
    conversations,
    dependents,
    editing,
    folders,
    history,
    ids,
    ingestion,
    knowledge_base,
    passages,
    plans,
    rag,
    samples,
    sharing,
    simulation,
    text_to_speech,
    voice_settings,
    voices,
    webhooks,
    widget_config,
)
from .clock import Clock
from .conversation import endpoint
from .directory import Directory
from .envelopes import HANDLERS
from .faults import Faults, Rule, rule
from .request_log import Recorder
from .routing import Setup
from .spoiling import Spoiler
from .state import State
from .switches import Switches

__all__ = ["Switches", "build"]

_USUAL = Switches()

# These look like ids to the routes of single resources, but are operations that the sandbox doesn't have.
_NOT_IDS = (
    "/v1/voices/accents",
    "/v1/voices/collections",
    "/v1/voices/pvc",
    "/v1/convai/agents/summaries",
    "/v1/convai/conversations/resolve",
    "/v1/convai/knowledge-base/crawl",
)
_ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def build(
    state: State,
    *,
    keys: Sequence[str | auth.Key] = ("sandbox",),
    plan: str = "creator",
    switches: Switches = _USUAL,
    clock: Clock | None = None,
    faults: Sequence[str | Rule] = (),
) -> ASGIApp:
    """A sandbox over `state`. Each key is a workspace of its own unless it names one, see `auth.key`."""
    known = [auth.key(key) if isinstance(key, str) else key for key in keys]
    setup = Setup(
        state,
        {key.digest: key for key in known},
        plans.named(plan),
        switches,
        clock or Clock(),
        faults=Faults([rule(fault) if isinstance(fault, str) else fault for fault in faults]),
    )
    routes = [
        *(Route(path, _not_emulated, methods=_ANY_METHOD) for path in _NOT_IDS),
        *voices.ROUTES,
        *voice_settings.ROUTES,
        *samples.ROUTES,
        *text_to_speech.ROUTES,
        *ingestion.ROUTES,
        *folders.ROUTES,
        *dependents.ROUTES,
        *rag.ROUTES,
        *passages.ROUTES,
        *editing.ROUTES,
        *knowledge_base.ROUTES,
        *agents.ROUTES,
        *sharing.ROUTES,
        *simulation.ROUTES,
        *widget_config.ROUTES,
        *conversations.ROUTES,
        *history.ROUTES,
        *webhooks.ROUTES,
        *convai_settings.ROUTES,
        *account.ROUTES,
        *endpoint.ROUTES,
        *admin.ROUTES,
    ]
    app = Starlette(routes=[Directory(routes)], exception_handlers=HANDLERS)
    app.state.setup = setup
    return _Edge(app, setup)


async def _not_emulated(request: Request) -> None:
    raise HTTPException(501)


class _Edge:
    """What every request passes: a trace id, and the admin routes apart from what is logged, spoiled and cross-origin."""

    def __init__(self, services: ASGIApp, setup: Setup) -> None:
        self._services = services
        # Browsers call the service from pages of other origins; that it answers `*` is assumed.
        spoiled = CORSMiddleware(
            Spoiler(services, setup),
            allow_origins=["*"],
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["*"],
        )
        self._public = Recorder(spoiled, setup.log, setup.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._services(scope, receive, send)
            return
        trace = ids.trace()
        scope.setdefault("state", {})["trace"] = trace

        async def traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-trace-id", trace.encode())]
            await send(message)

        app = self._services if scope["path"].startswith(admin.PREFIX) else self._public
        await app(scope, receive, traced)
