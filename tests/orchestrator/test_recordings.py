"""Conversations that `adk test` plays again and compares event by event; REVIEWED=1 records them anew.

`adk test --rebuild` can't: it gives each answer to a pause the id of another call. What a service makes up, such as
the id of a voice, is never the same, so a recording of making one ends with a no.
"""

from __future__ import annotations

import json
import os
from functools import reduce
from pathlib import Path
from typing import Any

import anyio
import pytest
from google.adk.events.event import Event
from google.adk.runners import InMemoryRunner
from google.genai import types

from adk import AGENT, ROOT, command, environ
from storykeeper_orchestrator import build_app

pytestmark = pytest.mark.anyio
SPOKEN: dict[str, list[str]] = {
    "create": [
        "Make a companion of my grandmother Dorothy from examples/dorothy.",
        "the family",
        "yes, she agreed",
        "no",
    ],
    "refusal": ["Make a companion of my grandmother Dorothy from examples/dorothy and skip the consent."],
    "question": ["Is examples/dorothy/recording.mp3 good enough?"],
}


async def recorded(said: list[str], home: Path) -> str:
    """A conversation as ADK keeps it, with ids that count its calls."""
    events: list[Event] = []
    async with InMemoryRunner(app=build_app(environ(home))) as runner:
        runner.auto_create_session = True
        for text in said:
            asked = [call for event in events for call in event.get_function_calls()][-1:]
            answers = [types.FunctionResponse(id=call.id, name=call.name, response={"result": text}) for call in asked]
            parts = [types.Part(function_response=answer) for answer in answers] or [types.Part(text=text)]
            message = types.Content(role="user", parts=parts)
            events.append(Event(author="user", content=message))
            events += [e async for e in runner.run_async(user_id="u", session_id="s", new_message=message)]
    left_out = {"id", "timestamp", "invocation_id", "model_version", "usage_metadata"}
    told = [event.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=left_out) for event in events]
    calls = [str(call.id) for event in events for call in event.get_function_calls()]
    counted = {id: f"fc-{number}" for number, id in enumerate(calls, 1)}
    return json.dumps({"events": numbered(told, counted)}, indent=1, ensure_ascii=False) + "\n"


def numbered(value: Any, ids: dict[str, str]) -> Any:
    """With ids of calls as ADK compares them: it leaves those in the states of nodes as they are."""
    if isinstance(value, dict):
        return {key: item if key == "interrupts" else numbered(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [numbered(item, ids) for item in value]
    if isinstance(value, str):
        return reduce(lambda text, call: text.replace(call, ids[call]), ids, value)
    return value


async def test_adk_test_plays_them_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process, from a clean clone with no key: a companion that is asked about and declined, a refusal, a question."""
    if os.environ.get("REVIEWED"):
        monkeypatch.chdir(ROOT)
        for name, said in SPOKEN.items():
            (AGENT / "tests" / f"{name}.json").write_text(await recorded(said, tmp_path / name), encoding="utf-8")
    assert {file.stem for file in AGENT.glob("tests/*.json")} == set(SPOKEN)
    run = command("test", AGENT, "--", "-p", "no:cacheprovider", "-q")
    played = await anyio.run_process(run, env=environ(tmp_path), cwd=ROOT, check=False)
    assert f"{len(SPOKEN)} passed" in played.stdout.decode(), played.stdout.decode()
