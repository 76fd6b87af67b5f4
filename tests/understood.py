"""What is understood of the instruction table: each row is compared with the calls, the question or the answer it expects."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from google.genai import types

from storykeeper_orchestrator.offline import decide, turn, wished


class Act(NamedTuple):
    """A call of a tool."""

    tool: str
    arguments: dict[str, Any]


TABLE = Path(__file__).parent / "orchestrator" / "instructions"
SPENDING = frozenset(
    [
        "make_companion",
        "change_companion",
        "clone_voice",
        "create_agent",
        "update_agent",
        "upload_knowledge_base",
        "rehearse_companion",
        "retire_companion",
        "delete_resource",
    ]
)
# What a wrong call would spend or delete for: whoever is meant, and what a voice is made of.
TARGET = ("companion", "name", "recordings", "agent_id", "id", "action")
IDLE = frozenset(
    [
        "she",
        "her",
        "he",
        "him",
        "his",
        "it",
        "they",
        "them",
        "should",
        "shall",
        "must",
        "please",
        "speak",
        "sound",
        "talk",
        "be",
        "make",
        "a",
        "an",
        "the",
        "and",
        "to",
        "more",
        "that",
        "like",
        "very",
        "bit",
    ]
)
MARKS = " \t\n.,;:!?\"'\u2018\u2019\u201c\u201d()-\u2013\u2014"


def rows(part: str) -> list[dict[str, Any]]:
    """The rows of the `development` or the `measured` part."""
    return tomllib.loads((TABLE / f"{part}.toml").read_text(encoding="utf-8"))["row"]


def talk(row: dict[str, Any]) -> list[types.Content]:
    """The conversation that ends with what the row says."""
    said, after = types.UserContent(row["say"]), row.get("after")
    if not after:
        return [said]
    asked = types.FunctionCall(name="get_companion", args={"companion": after})
    answer = types.FunctionResponse(name="get_companion", response={"told": "It is ready."})
    return [
        types.UserContent(f"show {after}"),
        types.Content(role="model", parts=[types.Part(function_call=asked)]),
        types.Content(role="user", parts=[types.Part(function_response=answer)]),
        types.ModelContent("It is ready."),
        said,
    ]


def calls(contents: list[types.Content], told: str = "Done.") -> list[Act]:
    """The calls that the rules make, one after the other, when each is answered."""
    contents, made = list(contents), list[Act]()
    while (call := decide(contents).function_call) and len(made) < 10:
        made.append(Act(call.name or "", call.args or {}))
        response = types.FunctionResponse(name=call.name, response={"told": told})
        contents.append(types.Content(role="model", parts=[types.Part(function_call=call)]))
        contents.append(types.Content(role="user", parts=[types.Part(function_response=response)]))
    return made


def _plain(name: str, value: Any) -> Any:
    if name in {"wishes", "manner"}:
        return frozenset(re.findall(r"[\w']+", str(value).lower())) - IDLE
    if name in {"about", "first_message", "title", "text"}:
        return str(value).strip(MARKS).lower()
    if name == "corrections":
        return [str(sentence).strip(MARKS) for sentence in value or []]
    if name == "consent_statement":
        return str(value).strip(MARKS)
    return frozenset(value) if isinstance(value, list) else value


def expected(row: dict[str, Any]) -> list[Act]:
    return [Act(*call) for act in row.get("acts", []) for call in act.items()]


def _same(one: Act, other: Act, names: tuple[str, ...] | None = None) -> bool:
    # Consent is no argument of a call: the procedures read it in the person's own words, and that is tested there.
    keys = ({*one.arguments, *other.arguments} if names is None else set(names)) - {"consent_statement"}
    equal = all(
        _plain(key, one.arguments.get(key)) == _plain(key, other.arguments.get(key))
        for key in keys
        if key in one.arguments or key in other.arguments
    )
    return one.tool == other.tool and equal


@dataclass
class Graded:
    """How one part of the table went."""

    total: Counter[str] = field(default_factory=Counter[str])
    exact: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    inexact: list[tuple[dict[str, Any], Any]] = field(default_factory=list[tuple[dict[str, Any], Any]])

    @property
    def accuracy(self) -> float:
        return self.exact.total() / self.total.total()


@cache
def graded(part: str) -> Graded:
    """Every row of a part, read by the rules as ADK drives them."""
    result = Graded()
    for row in rows(part):
        contents, wanted = talk(row), expected(row)
        made = calls(contents)
        said, after, _ = turn(contents)
        wish = wished(said, after)[1]
        if made or wanted:
            exact = len(made) == len(wanted) and all(map(_same, made, wanted))
        elif "ask" in row:
            exact = not wish[0] and set(wish[1]) == set(row["ask"])
        else:
            exact = not wish[0] and not wish[1] and wish[2] == row["answer"]
        result.total[row["kind"]] += 1
        result.exact[row["kind"]] += exact
        if not exact:
            result.inexact.append((row, made or wish))
        if any(act.tool in SPENDING and not any(_same(act, want, TARGET) for want in wanted) for act in made):
            result.wrong.append(row["say"])
    return result
