"""Storykeeper and a judged sandbox, put together in this process, with every edge in the test's hands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from judge import Judge, JudgedApp
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.state import State
from storykeeper_server.wiring import Storykeeper, wire
from storykeeper_tools.files import allow
from storykeeper_tools.settings import Settings

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy"


LOST = {"refused": httpx.ConnectError("connection refused"), "reset before": httpx.ReadError("connection reset")}
NO_PERMISSION = {"detail": {"status": "missing_permissions", "message": "user_read"}}
ANSWERED = {
    "500 before": lambda: httpx.Response(500, html="<h1>Internal Server Error</h1>"),
    "no permission": lambda: httpx.Response(401, json=NO_PERMISSION),
}
AFTER = {
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
class Stage:
    keeper: Storykeeper
    state: State
    faults: Faults
    home: Path

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """A tool of the catalogue, by its name."""
        tool = next(tool for tool in self.keeper.tools if tool.name == name)
        return await tool.call(**arguments)


@asynccontextmanager
async def open_stage(
    judge: Judge,
    home: Path,
    *,
    state: State | None = None,
    key: str | None = "sandbox",
    keys: Sequence[str] = ("sandbox",),
    plan: str = "creator",
    switches: Switches | None = None,
    settings: dict[str, Any] | None = None,
) -> AsyncIterator[Stage]:
    """A stage whose state lies in `home`; `key` is ours, `keys` are those the sandbox accepts."""
    remote = state or State(None)
    app = JudgedApp(build(remote, keys=keys, plan=plan, switches=switches or Switches()), judge)
    faults = Faults(httpx.ASGITransport(app))
    chosen = Settings(home=home / "state", api_key=key, url="http://127.0.0.1:9", workspace="sandbox")
    keeper = wire(replace(chosen, **(settings or {})), files=allow([home, EXAMPLE], base=home), transport=faults)
    async with keeper.running():
        yield Stage(keeper, remote, faults, home)
