"""The way to the sandbox, and all that happens on it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from simulated.machine import Machine
from simulated.story import AFTER, BEFORE, LIES, Story
from simulated.virtual import forever

LATEST = 20.0  # seconds after which a request certainly has taken effect or never will
LOST = {"refused": httpx.ConnectError("connection refused"), "reset": httpx.ReadError("connection reset")}
REFUSED = {
    "500": lambda: httpx.Response(500, html="<h1>Internal Server Error</h1>"),
    "503": lambda: httpx.Response(503, json={"detail": {"status": "system_busy"}}),
    "429": lambda: httpx.Response(429, text=""),
    "429 7": lambda: httpx.Response(429, headers={"retry-after": "7"}, text=""),
    "429 9999": lambda: httpx.Response(429, headers={"retry-after": "9999"}, text=""),
    "401": lambda: httpx.Response(401, json={"detail": {"status": "invalid_api_key"}}),
    "403": lambda: httpx.Response(403, json={"detail": {"status": "missing_permissions"}}),
    "html": lambda: httpx.Response(200, html="<h1>Welcome</h1>"),
    "400": lambda: httpx.Response(400, json={"detail": {"status": "invalid_parameters"}}),
    "409": lambda: httpx.Response(409, json={"detail": {"status": "conflict"}}),
}


@dataclass
class Network(httpx.AsyncBaseTransport):
    """`sent` hears of each request that leaves, `done` of each that the service took; what has left goes on when its
    machine dies."""

    machine: Machine
    story: Story
    service: httpx.AsyncBaseTransport
    sent: Callable[[str, httpx.Request], None]
    done: Callable[[httpx.Request], None]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        where = f"{request.method} {request.url.path}"
        self.machine.check(f"before {where}")
        self.sent(self.machine.name, request)
        fault = self._fault(request, where)
        self.machine.note(self.machine.name, f"{where} {fault}".rstrip())
        if fault in BEFORE:
            await asyncio.sleep(self._breath())
            return await self._unmade(fault)
        response = await self._arrived(request, fault)
        await asyncio.sleep(self._breath())
        await self.machine.point(f"before it hears the answer to {where}")
        return await self._spoiled(response, fault)

    def _fault(self, request: httpx.Request, where: str) -> str:
        making = request.method == "POST"
        if making and self.story.strikes("late", where):
            return "late"
        if making and self.story.strikes("lie", where):
            return self.story.pick("lie", LIES)
        return self.story.pick("fault", [*BEFORE, *AFTER]) if self.story.strikes("fault", where) else ""

    async def _unmade(self, fault: str) -> httpx.Response:
        if fault == "silence":
            await forever()
        if fault in LOST:
            raise LOST[fault]
        return REFUSED[fault]()

    async def _arrived(self, request: httpx.Request, fault: str) -> httpx.Response:
        """The service does it, whether or not anybody still listens; sometimes long after the connection broke."""
        delay = self.story.between("late", 1, LATEST) if fault == "late" else self._breath()
        nobody = contextvars.Context()
        doing = asyncio.get_running_loop().create_task(self._done(request, delay), context=nobody)
        if fault == "late":
            await asyncio.sleep(self._breath())
            raise httpx.ReadError("connection reset")
        return await asyncio.shield(doing)

    async def _done(self, request: httpx.Request, delay: float) -> httpx.Response:
        await asyncio.sleep(delay)
        response = await self.service.handle_async_request(request)
        await response.aread()
        if response.is_success:
            self.done(request)
        return response

    async def _spoiled(self, response: httpx.Response, fault: str) -> httpx.Response:
        if fault == "reset after":
            raise httpx.ReadError("connection reset")
        if fault == "silence after":
            await forever()
        if fault == "slow":
            await asyncio.sleep(self.story.between("slow", 1, 30))
        if fault == "truncated":
            return httpx.Response(response.status_code, content=response.content[: len(response.content) // 2])
        return REFUSED[fault.split(" ", maxsplit=1)[0]]() if fault.split(" ", maxsplit=1)[0] in REFUSED else response

    def _breath(self) -> float:
        return self.story.between("latency", 0.02, 0.6)
