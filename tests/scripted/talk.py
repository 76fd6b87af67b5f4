"""A person who talks with the orchestrator, its tool server in a process of its own, and a sandbox over HTTP."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from google.adk.models import BaseLlm
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

import canary
from storykeeper_orchestrator import build_app
from storykeeper_orchestrator.toolbox import Toolbox

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NUMBERS = count()


@dataclass
class Talk:
    """What is heard of one message: texts, tools' answers, and the pauses that wait for an answer."""

    runner: Runner
    session: str = "s"
    said: list[str] = field(default_factory=list)
    answers: list[types.FunctionResponse] = field(default_factory=list)
    pauses: list[types.FunctionCall] = field(default_factory=list)

    def anew(self) -> None:
        """Another conversation, with the same tool server."""
        self.session, self.pauses = f"s{next(NUMBERS)}", []

    async def say(self, text: str) -> None:
        await self.send(types.UserContent(text))

    async def answer(self, value: object, pause: types.FunctionCall | None = None, **response: object) -> None:
        """An answer to a pause, the first one unless told otherwise, as a web client sends it."""
        pause = pause or self.pauses[0]
        told = response or {"confirmed" if pause.name == "adk_request_confirmation" else "result": value}
        reply = types.FunctionResponse(id=pause.id, name=pause.name, response=told)
        await self.send(types.Content(role="user", parts=[types.Part(function_response=reply)]))

    async def through(self, answers: Mapping[str, object], most: int = 20) -> None:
        """Answers each pause by the beginning of its id; what isn't listed is answered with no."""
        while self.pauses and (most := most - 1):
            id = self.pauses[0].id or ""
            await self.answer(next((value for start, value in answers.items() if id.startswith(start)), "no"))

    async def send(self, message: types.Content) -> None:
        self.said, self.answers, self.pauses = [], [], []
        async for event in self.runner.run_async(user_id="me", session_id=self.session, new_message=message):
            waiting = event.long_running_tool_ids or set()
            for part in (event.content.parts if event.content else None) or []:
                if part.function_call and part.function_call.id in waiting:
                    self.pauses.append(part.function_call)
                if part.function_response:
                    self.answers.append(part.function_response)
                if part.text and not event.partial:
                    self.said.append(part.text)

    @property
    def told(self) -> str:
        """All that tools answered."""
        return "\n".join(str(answer.response) for answer in self.answers)


def environ(url: str, home: Path, files: Path = EXAMPLES, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    account = {"ELEVENLABS_API_KEY": canary.KEY, "STORYKEEPER_ELEVENLABS_URL": url}
    return {**kept, **account, "STORYKEEPER_HOME": str(home), "STORYKEEPER_FILES": str(files), **more}


@asynccontextmanager
async def talking(model: BaseLlm, environ: Mapping[str, str], box: Toolbox | None = None) -> AsyncIterator[Talk]:
    app = build_app(environ, model=model, box=box)
    async with Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True) as runner:
        yield Talk(runner)


def rows(home: Path) -> dict[str, int]:
    """How much is in the ledger of what a person must have agreed to; plans may be drawn up by anybody."""
    [ledger] = home.glob("*/storykeeper.sqlite")
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as db:
        tables = ("consents", "resources", "runs", "receipts")
        return {table: db.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}
