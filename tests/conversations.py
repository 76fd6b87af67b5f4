"""A person who talks to the orchestrator in this process; its tool server is a process of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from google.adk.apps import App
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

import canary
from storykeeper_orchestrator import build_app

ROOT = Path(__file__).parent.parent
NUMBERS = count()
PROCEDURES = {"make_companion", "change_companion", "clone_voice", "retire_companion", "delete_resource"}


class Tally(BasePlugin):
    """Counts what a conversation costs."""

    def __init__(self) -> None:
        super().__init__(name="tally")
        self.models = 0

    async def before_model_callback(self, **_: Any) -> None:
        self.models += 1


class Conversation:
    """What was said, what was called, the pause that waits for an answer, and what the last procedure came to."""

    def __init__(self, runner: Runner, tally: Tally | None = None, user: str = "me", session: str = "s") -> None:
        self.runner = runner
        self.tally = tally or Tally()
        self.ids = {"user_id": user, "session_id": session}
        self.said: list[str] = []
        self.calls: list[types.FunctionCall] = []
        self.pause: types.FunctionCall | None = None
        self.outcome: dict[str, Any] = {}

    def begin(self) -> None:
        """Another conversation, with the same tool server."""
        self.ids["session_id"] = f"s{next(NUMBERS)}"
        self.said, self.calls, self.pause, self.outcome, self.tally.models = [], [], None, {}, 0

    async def say(self, text: str) -> None:
        await self._turn(types.UserContent(text))

    async def answer(self, value: object) -> None:
        """An answer to the pause, as a web client sends it."""
        assert self.pause is not None
        answer = {"confirmed" if self.pause.name == "adk_request_confirmation" else "result": value}
        response = types.FunctionResponse(id=self.pause.id, name=self.pause.name, response=answer)
        await self._turn(types.Content(role="user", parts=[types.Part(function_response=response)]))

    async def make(self, wish: str, **answers: object) -> None:
        """Say it and answer each pause by the first word of its id; a pause without an answer stays open."""
        await self.say(wish)
        while self.pause and (kind := str(self.pause.id).partition(" ")[0]) in answers:
            await self.answer(answers.pop(kind))

    async def _turn(self, message: types.Content) -> None:
        self.pause = None
        async for event in self.runner.run_async(**self.ids, new_message=message):
            for part in (event.content.parts if event.content else None) or []:
                self._take(part, event.long_running_tool_ids or set())

    def _take(self, part: types.Part, waiting: set[str]) -> None:
        if part.function_call:
            self.calls.append(part.function_call)
            self.pause = part.function_call if part.function_call.id in waiting else self.pause
        if part.text:
            self.said.append(part.text)
        if part.function_response and part.function_response.name in PROCEDURES:
            self.outcome = part.function_response.response or {}


def environ(url: str, home: Path, files: Path, **more: str) -> dict[str, str]:
    """The settings of an orchestrator whose ElevenLabs is a sandbox at `url`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **kept,
        "ELEVENLABS_API_KEY": canary.KEY,
        "STORYKEEPER_ELEVENLABS_URL": url,
        "STORYKEEPER_HOME": str(home),
        "STORYKEEPER_FILES": str(files),
        **more,
    }


@asynccontextmanager
async def conversing(url: str, home: Path, files: Path, **more: str) -> AsyncIterator[Conversation]:
    """With a sandbox, with what a person has in `files`, and with `more` settings."""
    tally = Tally()
    app: App = build_app(environ(url, home, files, **more))
    app.plugins.append(tally)
    async with Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True) as runner:
        yield Conversation(runner, tally)


async def slots(url: str) -> int:
    """Voice slots in use."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{url}/v1/user/subscription", headers={"xi-api-key": "sandbox"})
    return answer.json()["voice_slots_used"]
