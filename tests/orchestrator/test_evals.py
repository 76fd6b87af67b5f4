"""The evals that `adk eval` grades, run here without its extra, so that they can't rot; `make evals` runs them with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adk import AGENT, ROOT
from conversations import conversing

pytestmark = pytest.mark.anyio
SETS = sorted(AGENT.glob("evals/*/*.evalset.json"))
NAMED = {"check_quota", "clone_voice", "upload_knowledge_base", "create_agent", "update_agent", "get_signed_url"}


def calls(turn: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(call["name"], call["args"]) for call in turn["intermediate_data"]["tool_uses"]]


def in_order(wanted: list[Any], made: list[Any]) -> bool:
    """Whether all are there, in that order; others may stand between."""
    rest: Iterator[Any] = iter(made)
    return all(call in rest for call in wanted)


@pytest.mark.parametrize("file", SETS, ids=lambda file: file.parent.name)
async def test_each_wish_is_understood_as_its_calls(
    file: Path, sandbox_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its test_config.json has it: in that order, or exactly these calls and no pause for a person."""
    monkeypatch.chdir(ROOT)  # the wishes name files of the example
    criterion = json.loads((file.parent / "test_config.json").read_text())["criteria"]["tool_trajectory_avg_score"]
    exact = criterion["match_type"] == "EXACT"
    wrong: list[Any] = []
    async with conversing(sandbox_url, tmp_path, ROOT / "examples") as talk:
        for case in json.loads(file.read_text())["eval_cases"]:
            talk.ids["session_id"] = case["eval_id"]
            for turn in case["conversation"]:
                talk.calls.clear()
                await talk.say(turn["user_content"]["parts"][0]["text"])
                made, wanted = [(call.name, call.args) for call in talk.calls], calls(turn)
                if not (made == wanted if exact else in_order(wanted, made)):
                    wrong.append((case["eval_id"], wanted, made))
    assert wrong == []


def test_each_wish_can_fail() -> None:
    """Among calls in order nothing is always found: what leads to no call belongs to restraint."""
    for file in SETS:
        criteria = json.loads((file.parent / "test_config.json").read_text())["criteria"]
        cases = json.loads(file.read_text())["eval_cases"]
        empty = [case["eval_id"] for case in cases for turn in case["conversation"] if not calls(turn)]
        assert not empty or criteria["tool_trajectory_avg_score"]["match_type"] == "EXACT", empty


def test_the_trajectories_have_each_single_job_in_turn() -> None:
    """One after the other in one conversation, and each procedure somewhere."""
    cases = {
        case["eval_id"]: case["conversation"] for file in SETS for case in json.loads(file.read_text())["eval_cases"]
    }
    assert {calls(turn)[0][0] for turn in cases["one-by-one"]} == NAMED
    everything = {name for turns in cases.values() for turn in turns for name, _ in calls(turn)}
    assert everything >= NAMED | {"make_companion", "change_companion", "retire_companion", "delete_resource"}
