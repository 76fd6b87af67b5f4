"""A program with the orchestrator in it and its sessions in a file, told what to do by lines of JSON on standard input.

    python tests/driven.py SESSIONS

A line is `{"session", "say"}`, `{"session", "answer", "to"}` or `{"session", "resume"}` with the id of an invocation; what
happens is told on standard output, a line each, and `{"over": true}` at the end of a turn.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from typing import Any

import anyio
import anyio.to_thread
from google.adk.events.event import Event
from google.adk.runners import Runner
from google.adk.sessions.sqlite_session_service import SqliteSessionService
from google.genai import types

from storykeeper_orchestrator import build_app


def tell(**what: Any) -> None:
    print(json.dumps(what, default=str), flush=True)


def happened(event: Event) -> None:
    tell(invocation=event.invocation_id)
    for part in (event.content.parts if event.content else None) or []:
        call, answer = part.function_call, part.function_response
        if call and call.id in (event.long_running_tool_ids or ()):
            tell(pause=call.id)
        if answer and answer.name == "make_companion":
            tell(outcome=answer.response)
        if part.text:
            tell(said=part.text)


def message(asked: dict[str, Any]) -> types.Content | None:
    if "say" in asked:
        return types.UserContent(asked["say"])
    if "answer" in asked:
        answer = types.FunctionResponse(id=asked["to"], name="adk_request_input", response={"result": asked["answer"]})
        return types.Content(role="user", parts=[types.Part(function_response=answer)])
    return None


async def main(sessions: str) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    kept = SqliteSessionService(sessions)
    async with Runner(app=build_app(dict(os.environ)), session_service=kept, auto_create_session=True) as runner:
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            asked = json.loads(line)
            run = {"user_id": "keeper", "session_id": asked["session"], "invocation_id": asked.get("resume")}
            async for event in runner.run_async(**run, new_message=message(asked)):
                happened(event)
            tell(over=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
