"""Storykeeper and a sandbox, put together in this process or over HTTP, with every edge in the test's hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio.lowlevel
import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

import canary
from judge import Judge, JudgedApp
from storykeeper_server.sandbox import auth
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.state import State
from storykeeper_server.wiring import Storykeeper, wire
from storykeeper_tools.elevenlabs.client import ElevenLabs, Limits
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.elevenlabs.retries import Retries
from storykeeper_tools.files import allow
from storykeeper_tools.provisioning.ensure import Patience
from storykeeper_tools.settings import Settings

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy"
NOWHERE = "http://127.0.0.1:9"

LOST = {"refused": httpx.ConnectError("connection refused"), "reset before": httpx.ReadError("connection reset")}
NO_PERMISSION = {"detail": {"status": "missing_permissions", "message": "user_read"}}
ANSWERED = {
    "500 before": lambda: httpx.Response(500, html="<h1>Internal Server Error</h1>"),
    "no permission": lambda: httpx.Response(401, json=NO_PERMISSION),
}
AFTER = {
    "400 after": lambda: httpx.Response(400, json={"detail": {"status": "invalid_parameters"}}),
    "500 after": lambda: httpx.Response(500, html="<h1>Internal Server Error</h1>"),
    "503 after": lambda: httpx.Response(503, json={"detail": {"status": "system_busy"}}),
    "html": lambda: httpx.Response(200, html="<h1>Welcome</h1>"),
}


def _busy(seconds: str) -> httpx.Response:
    return httpx.Response(429, headers={"retry-after": seconds} if seconds else {}, text="")


@dataclass
class Faults(httpx.AsyncBaseTransport):
    """A way to the sandbox that fails as told, once for each (method, part of the path, fault) in `due`."""

    inner: httpx.AsyncBaseTransport
    due: list[tuple[str, str, str]] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[tuple[str, str, bytes]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.log.append((request.method, request.url.path))
        self.bodies.append((request.method, request.url.path, await request.aread()))
        fault = self._fault(request)
        if fault in LOST:
            raise LOST[fault]
        if fault in ANSWERED or fault.startswith("429"):
            return ANSWERED[fault]() if fault in ANSWERED else _busy(fault[4:])
        if fault == "forgets":  # answers as if it had done what was asked, and doesn't
            request = httpx.Request(
                "GET", request.url.copy_with(query=None), headers={"xi-api-key": request.headers["xi-api-key"]}
            )
        response = await self.inner.handle_async_request(request)
        if fault == "reset after":
            await response.aread()
            raise httpx.ReadError("connection reset")
        return AFTER[fault]() if fault in AFTER else response

    def _fault(self, request: httpx.Request) -> str:
        for row in self.due:
            if row[0] == request.method and row[1] in request.url.path:
                self.due.remove(row)
                return row[2]
        return ""

    def sent(self, method: str, path: str) -> int:
        """How many requests went to a path."""
        return self.log.count((method, path))


@dataclass
class Held(httpx.AsyncBaseTransport):
    """Keeps the first request of a method to a path waiting."""

    inner: httpx.AsyncBaseTransport
    path: str
    method: str = "GET"
    came: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if (request.method, request.url.path) == (self.method, self.path) and not self.came.is_set():
            self.came.set()
            await self.go_on.wait()
        return await self.inner.handle_async_request(request)


@dataclass
class Stage:
    keeper: Storykeeper
    state: State
    faults: Faults
    home: Path
    remote: ASGIApp

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """A tool of the catalogue, by its name."""
        return await call(self.keeper, name, **arguments)

    async def in_the_dashboard(self, agent_id: str, patch: dict[str, Any]) -> None:
        """What somebody else changes about an agent, which nobody judges."""
        transport = httpx.ASGITransport(self.remote)
        async with httpx.AsyncClient(
            transport=transport, base_url=NOWHERE, headers={"xi-api-key": "sandbox"}
        ) as client:
            (await client.patch(f"/v1/convai/agents/{agent_id}", json=patch)).raise_for_status()


@asynccontextmanager
async def open_stage(
    judge: Judge | None,
    home: Path,
    *,
    state: State | None = None,
    key: str | None = canary.KEY,
    keys: Sequence[str] = canary.KEYS,
    plan: str = "creator",
    switches: Switches | None = None,
    settings: dict[str, Any] | None = None,
) -> AsyncIterator[Stage]:
    """A stage whose state lies in `home`; `key` is ours, `keys` are those the sandbox accepts. Without a judge it may
    answer what the official file doesn't know."""
    remote = state or State(None)
    app = build(remote, keys=keys, plan=plan, switches=switches or Switches())
    faults = Faults(httpx.ASGITransport(JudgedApp(app, judge) if judge else app))
    chosen = replace(Settings(home=home / "state", api_key=key, url=NOWHERE, workspace="sandbox"), **(settings or {}))
    elevenlabs = ElevenLabs(Link(chosen.url or NOWHERE, chosen.api_key, faults))
    keeper = wire(chosen, files=allow([home, EXAMPLE], base=home), elevenlabs=elevenlabs, durable=False)
    async with keeper.running():
        yield Stage(keeper, remote, faults, home, app)


@dataclass
class Front:
    """An address at which one sandbox after another answers: starting and stopping a server takes longer than a test."""

    app: ASGIApp | None = None
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


KEY = canary.KEY
QUICK = Patience(fresh=5, settle=0.6, lag=0.06, poll=0.02, rounds=2, longest=0.02)
GENEROUS = Limits(reading=20, trying=20, writing=20, cloning=20)


async def at_once(seconds: float) -> None:
    """Waits nothing, but lets others go on."""
    await anyio.lowlevel.checkpoint()


@dataclass
class Served:
    """A sandbox behind HTTP, and the state of Storykeeper in `home`, which one process after another may open."""

    url: str
    state: State
    home: Path
    key: str | None = KEY
    limits: Limits = GENEROUS
    patience: Patience = QUICK

    @asynccontextmanager
    async def process(self, *, work: bool = True) -> AsyncIterator[Storykeeper]:
        """Storykeeper as one process has it: the next one knows only what is on the disk. Without `work` it carries
        no runs."""
        settings = Settings(home=self.home / "state", api_key=self.key, url=self.url, workspace="sandbox")
        elevenlabs = ElevenLabs(Link(self.url, self.key), Retries(attempts=2, sleep=at_once), self.limits)
        files = allow([self.home, EXAMPLE], base=self.home)
        keeper = wire(settings, files=files, elevenlabs=elevenlabs, patience=self.patience, durable=False)
        async with keeper.running(work=work):
            yield keeper

    def names(self, kind: str) -> list[str]:
        """What the account holds: the names of its voices, documents or agents."""
        with self.state.rows(auth.key(KEY).workspace) as rows:
            found = rows.all(kind)
        return sorted(row["settings"]["name"] if kind == "agent" else row["name"] for row in found)

    async def ask(self, method: str, path: str, content: Any = None) -> Any:
        """The sandbox's own routes: its faults, its requests, its clock."""
        async with httpx.AsyncClient(base_url=f"{self.url}/_sandbox", trust_env=False, verify=False) as client:
            answer = await client.request(method, path, json=content)
        return answer.raise_for_status().json()


async def call(keeper: Storykeeper, name: str, /, **arguments: Any) -> Any:
    """A tool of the catalogue, by its name."""
    return await next(tool for tool in keeper.tools if tool.name == name).call(**arguments)
