"""The sandbox as an application: its services, its error envelopes and a trace id on every answer."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import account, auth, ids, official, plans
from .addresses import names_here
from .agents import agents, sharing, simulation, widget_config
from .clock import Clock
from .control import admin
from .control.request_log import Recorder
from .conversation import convai_settings, conversations, endpoint, history, webhooks
from .directory import Directory
from .envelopes import HANDLERS, Refusal, rendered
from .faults.rules import Faults, Rule, rule
from .faults.spoiling import Spoiler
from .knowledge import dependents, editing, folders, ingestion, knowledge_base, passages, rag
from .routing import Setup
from .state import State
from .switches import Switches
from .voices import samples, text_to_speech, voice_settings, voices

__all__ = ["Switches", "build"]

_USUAL = Switches()
_ROUTES = [
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
        clock or Clock(ahead=state.ahead),
        faults=Faults([rule(fault) if isinstance(fault, str) else fault for fault in faults]),
    )
    app = Starlette(routes=[Directory([*official.hidden(_ROUTES), *_ROUTES])], exception_handlers=HANDLERS)
    app.state.setup = setup
    return _Edge(app, setup)


class _Edge:
    """What every request passes: a name of this machine, a trace id, and the admin routes apart from what is logged,
    spoiled and cross-origin."""

    def __init__(self, services: ASGIApp, setup: Setup) -> None:
        self._services = services
        self._setup = setup
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
            if message["type"].endswith("http.response.start"):
                message["headers"] = [*message.get("headers", ()), (b"x-trace-id", trace.encode())]
            await send(message)

        await self._app(scope, trace)(scope, receive, traced)

    def _app(self, scope: Scope, trace: str) -> ASGIApp:
        if not names_here(Headers(scope=scope).get("host", "")):
            # A name that a stranger rebound to this machine would make the sandbox's answers those of its own site.
            message = "The sandbox is only for this machine; ask for 127.0.0.1 or localhost."
            refusal = Refusal(403, "authorization_error", "forbidden", message)
            return rendered(refusal, trace, self._setup.switches.envelope)
        return self._services if scope["path"].startswith(admin.PREFIX) else self._public
