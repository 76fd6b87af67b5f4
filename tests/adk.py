"""ADK's own command line on our agents, as real processes in the sandbox, from a clean clone with no key."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx

ROOT = Path(__file__).parent.parent
AGENT = ROOT / "agents" / "storykeeper_orchestrator"
NAME = AGENT.name


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "google.adk.cli", *map(str, arguments)]


def environ(home: Path, **more: str) -> dict[str, str]:
    """Neither a key nor a setting but where state lives; what is measured of coverage is passed on."""
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    return {**kept, "HOME": str(home), "STORYKEEPER_HOME": str(home / "state"), **more}


@asynccontextmanager
async def listening(kind: str, home: Path, port: int) -> AsyncIterator[httpx.AsyncClient]:
    """`adk web` or `adk api_server`, once it answers; sessions are kept in memory."""
    start = command(kind, "--port", port, "--session_service_uri", "memory://", ROOT / "agents")
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
        await anyio.open_process(start, env=environ(home), cwd=ROOT, stdout=-3, stderr=-3) as process,
    ):
        try:
            with anyio.fail_after(120):
                while not await answers(http):
                    assert process.returncode is None
                    await anyio.lowlevel.checkpoint()
            yield http
        finally:
            process.terminate()
            await process.wait()


async def answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health")).is_success
    except httpx.TransportError:
        return False


@dataclass
class Visit:
    """Somebody's session with an ADK server, as a web page holds it."""

    http: httpx.AsyncClient
    user: str
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)

    async def open(self) -> None:
        made = await self.http.post(f"/apps/{NAME}/users/{self.user}/sessions", json={})
        self.session = made.raise_for_status().json()["id"]

    async def say(self, text: str) -> None:
        await self._run({"text": text})

    async def answer(self, value: object) -> None:
        call = self.pause
        assert call is not None
        key = "confirmed" if call["name"] == "adk_request_confirmation" else "result"
        await self._run({"functionResponse": {"id": call["id"], "name": call["name"], "response": {key: value}}})

    async def streamed(self, text: str) -> None:
        """The same as saying it, over server-sent events."""
        async with self.http.stream(
            "POST", "/run_sse", json={**self._asked({"text": text}), "streaming": True}
        ) as told:
            lines = [line async for line in told.raise_for_status().aiter_lines()]
        self.events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]

    async def _run(self, part: dict[str, Any]) -> None:
        self.events = (await self.http.post("/run", json=self._asked(part))).raise_for_status().json()

    def _asked(self, part: dict[str, Any]) -> dict[str, Any]:
        message = {"role": "user", "parts": [part]}
        return {"appName": NAME, "userId": self.user, "sessionId": self.session, "newMessage": message}

    @property
    def parts(self) -> list[dict[str, Any]]:
        return [part for event in self.events for part in (event.get("content") or {}).get("parts", [])]

    @property
    def said(self) -> str:
        return "\n".join(part["text"] for part in self.parts if part.get("text"))

    @property
    def pause(self) -> dict[str, Any] | None:
        """The call that waits for an answer, if there is one."""
        waiting = {id for event in self.events for id in event.get("longRunningToolIds") or ()}
        calls = [part["functionCall"] for part in self.parts if "functionCall" in part]
        return next((call for call in calls if call["id"] in waiting), None)

    @property
    def asked(self) -> str:
        return self.pause["id"] if self.pause else ""

    def outcome(self, tool: str) -> dict[str, Any]:
        """What a tool answered in this turn."""
        told = [part["functionResponse"] for part in self.parts if "functionResponse" in part]
        return next((answer["response"] for answer in told if answer["name"] == tool), {})
