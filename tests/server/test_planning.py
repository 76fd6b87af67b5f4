"""One sentence at the command line: planned without spending, or carried out, for one person or for several."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from google.adk.events.event import Event
from google.adk.models import BaseLlm, LLMRegistry
from google.adk.models.llm_response import LlmResponse
from google.genai import types

import sounds
from spoken import Command, command
from storykeeper_orchestrator.pausing import pauses
from terminals import talk

pytestmark = pytest.mark.anyio
DOROTHY = "Make a companion of my grandmother Dorothy from examples/dorothy/recording.mp3"


__all__ = ["command"]  # a fixture


def test_a_sentence_is_planned_and_nothing_is_asked_or_made(command: Command) -> None:
    """The spec as it was understood, the steps, the cost, and what would be asked; and that plan can be carried out."""
    planned = command("plan", f"{DOROTHY}. Please make her speak slowly and warmly.", "--json")
    assert planned.code == 0, planned.err
    plan = json.loads(planned.out)
    assert plan["spec"]["subject"] == {"name": "Dorothy", "relation": "grandmother", "status": "living"}
    assert {step["action"] for step in plan["steps"]} == {"create"}
    assert plan["cost"]["voice_slots"] == 1
    assert [question["code"] for question in plan["questions"]] == ["needs_consent", "needs_answer"]
    assert plan["usage"]["model_calls"] == 2
    assert "who will talk with it" in plan["next"]
    listed = json.loads(command("list", "--json").out)["companions"]
    assert [(row["companion"], row["agent_id"]) for row in listed] == [(plan["companion"], None)]
    carried = command("provision", "--plan", plan["plan_id"], "--yes")
    assert (carried.code, "needs_consent" in carried.err) == (3, True)


def test_a_plan_that_was_shown_asks_for_its_consent_when_it_is_carried_out(command: Command, tmp_path: Path) -> None:
    """What comes next is a command, and it is no dead end; where there is no plan, the keys are the same."""
    planned = json.loads(command("plan", f"{DOROTHY}. The family will talk with it.", "--json").out)
    assert planned["next"] == f"storykeeper provision --plan {planned['plan_id']} --sandbox"
    refused = json.loads(command("plan", f"{DOROTHY} and nowhere.wav", "--json").out)
    assert set(planned) - set(refused) == {"next", "exists", "recordings", "workspace"}
    answers = {"Has Dorothy agreed": "yes", "Carry out plan_": "yes"}
    code, seen = anyio.run(
        partial(talk, tmp_path, ["provision", "--plan", planned["plan_id"]], answers, STORYKEEPER_HOME=str(tmp_path))
    )
    assert (code, "companion is done" in seen) == (0, True), seen


def test_several_people_are_several_plans(command: Command, tmp_path: Path) -> None:
    """In the order in which they were named."""
    (tmp_path / "tom.wav").write_bytes(sounds.wav(sounds.speech(70), 16_000))
    found = command("plan", f"{DOROTHY} and one of my friend Tom from {tmp_path}/tom.wav.", "--json")
    assert found.code == 0, found.err
    assert [plan["spec"]["subject"]["name"] for plan in json.loads(found.out)["plans"]] == ["Dorothy", "Tom"]


@pytest.mark.parametrize(
    ("sentence", "code", "told"),
    [
        ("How much quota is left?", 0, "nothing to plan"),
        ("Forget dorothy-7f3a.", 4, "nothing to plan"),
        (f"{DOROTHY} and nowhere.wav", 4, "nowhere.wav"),
        ("   ", 4, "nothing was said"),
        ("x" * 100_000, 4, "100,000 characters"),
        ("\N{ELEPHANT}\N{ELEPHANT}", 3, "language model is needed"),
    ],
    ids=["a question", "a deletion", "no such file", "blank", "100 kB", "emoji"],
)
def test_what_cannot_be_planned_says_why(command: Command, sentence: str, code: int, told: str) -> None:
    """By words and by its exit code."""
    ended = command("plan", sentence)
    assert (ended.code, told in ended.out + ended.err) == (code, True), ended


def test_what_is_missing_is_among_the_questions(command: Command) -> None:
    """For a program that asks in its own way."""
    ended = command("plan", "Make a companion of my mother Ruth.", "--json")
    told = json.loads(ended.out)
    assert (ended.code, told["plan_id"]) == (3, None)
    assert [(q["code"], "recording" in q["ask"]) for q in told["questions"]] == [("needs_answer", True)]


async def test_two_companions_from_one_sentence(tmp_path: Path) -> None:
    """Each is asked about, each is reported, and the model's cost is told at the end."""
    (tmp_path / "tom.wav").write_bytes(sounds.wav(sounds.speech(70), 16_000))
    sentence = f"{DOROTHY} and one of my friend Tom from {tmp_path}/tom.wav."
    answers = {"Has Dorothy agreed": "yes", "Has Tom agreed": "yes"}
    code, seen = await talk(tmp_path, ["provision", "--yes", sentence], answers)
    assert code == 0, seen
    assert "Dorothy's companion is done" in seen
    assert "Tom's companion is done" in seen
    assert "The model: 3 model calls, no tokens." in seen


def test_yes_said_beforehand_neither_stops_nor_deletes_nor_hands_out(command: Command, tmp_path: Path) -> None:
    """Pausing and a link are asked about, and what would be deleted is typed: exit code 3 where nobody is there. What is
    said at the terminal counts."""
    home = {"STORYKEEPER_HOME": str(tmp_path / "state")}
    made = command("provision", "--yes", "--json", f"{DOROTHY}. She gave me her consent.", **home)
    assert made.code == 0, made.err
    companion = json.loads(made.out)["companion"]
    for sentence in (f"Pause {companion}.", f"Can I have a link to {companion}?"):
        left = command("provision", "--yes", sentence, **home)
        told = ("--yes doesn't count here" in left.err, "conversation_signature" in left.out)
        assert (left.code, *told) == (3, True, False), left
    left = command("provision", "--yes", f"Forget {companion}.", **home)
    assert (left.code, "a person must confirm" in left.err) == (3, True), left
    assert json.loads(command("list", "--json", **home).out)["companions"][0]["status"] == "done"
    code, seen = anyio.run(
        talk, tmp_path, ["provision", "--yes", f"Forget {companion}."], {f"Type {companion}": companion}
    )
    assert code == 0, seen
    assert f"{companion} is forgotten" in seen


@pytest.mark.parametrize(
    ("steps", "covered"),
    [
        ([("create", "voice"), ("create", "document"), ("create", "agent")], True),
        ([("keep", "voice"), ("change", "agent")], True),
        ([("keep", "voice"), ("delete", "document"), ("change", "agent")], False),
        ([("create", "voice"), ("delete", "voice"), ("change", "agent")], False),
    ],
)
def test_yes_said_beforehand_covers_no_plan_that_deletes(steps: list[tuple[str, str]], covered: bool) -> None:
    """A memory that is taken away, or a voice that is made anew."""
    about = {"steps": [{"action": action, "kind": kind, "name": "N", "fields": []} for action, kind in steps]}
    asked = {"payload": about, "message": "Shall I go ahead?"}
    part = types.Part(function_call=types.FunctionCall(id="confirm plan_1", name="adk_request_input", args=asked))
    event = Event(author="model", content=types.Content(parts=[part]), long_running_tool_ids={"confirm plan_1"})
    assert [pause.beforehand for pause in pauses(event)] == [covered]


class Claims(BaseLlm):
    """Says that all is done, and does nothing; or breaks."""

    model: str = "claims-done"

    @classmethod
    def supported_models(cls) -> list[str]:
        return [r"claims-.*"]

    async def generate_content_async(self, llm_request: Any, stream: bool = False) -> AsyncIterator[LlmResponse]:
        if self.model == "claims-nothing":
            raise RuntimeError("no way there")
        yield LlmResponse(content=types.ModelContent("Done: the companion dorothy-7f3a is made."))


@pytest.mark.parametrize(
    ("model", "code", "told"), [("claims-done", 3, "needs_answer"), ("claims-nothing", 6, "unavailable")]
)
def test_what_a_model_claims_is_not_what_was_done(command: Command, model: str, code: int, told: str) -> None:
    """Nothing was made, so it isn't told as done; and a model that breaks is no question to the person."""
    LLMRegistry.register(Claims)
    ended = command("provision", "--yes", "--json", f"{DOROTHY}. She gave me her consent.", STORYKEEPER_MODEL=model)
    assert (ended.code, json.loads(ended.out)["error"]["code"]) == (code, told)
    assert "No companions" in command("list").out
