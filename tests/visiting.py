"""The talk page of a stage, and a visitor who opened it: every header and the clock are in the test's hands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from stage import EXAMPLE, Stage, at_once
from storykeeper_server.talk.app import build
from storykeeper_server.talk.desk import Desk
from storykeeper_server.talk.gallery import Gallery
from storykeeper_server.talk.guard import Guard
from storykeeper_server.talk.limits import Gate, Limits
from storykeeper_server.talk.pictures import Album
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.elevenlabs.retries import Retries

ORIGIN = "http://127.0.0.1:8780"
TOKEN = "a-token-that-nobody-else-has-1234"
DOROTHY: dict[str, Any] = {
    "subject": {"name": "Dorothy", "relation": "grandmother"},
    "recordings": [str(EXAMPLE / "recording.mp3")],
    "memories": [str(EXAMPLE / "memories")],
}


async def made(stage: Stage, **more: Any) -> Any:
    """A companion that is ready, as `provision_companion` shows it."""
    plan = await stage.call("plan_companion", spec=Wish.model_validate(DOROTHY | more))
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by=plan_name(more))
    return await stage.call("provision_companion", plan_id=plan.plan_id)


def plan_name(more: dict[str, Any]) -> str:
    return {**DOROTHY, **more}["subject"]["name"]


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Visitor:
    """Somebody who opened the page, so that they have its cookie."""

    http: httpx.AsyncClient
    clock: Clock
    said: dict[str, str] = field(default_factory=lambda: {"Origin": ORIGIN, "X-Storykeeper": "talk"})

    async def ask(self, companion: str, content: Any = None, *, without: str = "", **more: str) -> httpx.Response:
        """For a talk, with the headers of a page but those that are left out or said otherwise."""
        return await self.post(f"/api/companions/{companion}/session", content or {}, without=without, **more)

    async def post(self, path: str, content: Any, *, without: str = "", **more: str) -> httpx.Response:
        told = {name.replace("_", "-"): value for name, value in more.items()}
        headers = {n.encode(): value.encode("latin-1") for n, value in {**self.said, **told}.items() if n != without}
        return await self.http.post(path, json=content, headers=list(headers.items()))


@asynccontextmanager
async def visitor(
    stage: Stage,
    *,
    limits: Limits | None = None,
    patience: float = 20,
    closed: bool = False,
    origin: str = ORIGIN,
    albums: dict[str, Album] | None = None,
    only: str = "",
    assets: Path | None = None,
    opens: bool = True,
) -> AsyncIterator[Visitor]:
    clock = Clock()
    elevenlabs = replace(stage.keeper.elevenlabs, retries=Retries(attempts=2, sleep=at_once))
    sessions = replace(stage.keeper.sessions, elevenlabs=elevenlabs)
    desk = Desk(sessions, Gate(limits or Limits(), clock), patience)
    gallery = Gallery(stage.keeper.companions, desk, albums or {}, sandbox=True, only=only)
    guard = Guard(frozenset([origin]), {"website": TOKEN}, closed=closed)
    folder = {"assets": assets} if assets else {}
    transport = httpx.ASGITransport(build(gallery, guard, stage.keeper.elevenlabs.link.base_url, **folder), raise_app_exceptions=False)  # fmt: skip
    async with httpx.AsyncClient(transport=transport, base_url=origin) as http:
        if opens:
            await http.get("/")
        yield Visitor(http, clock)
