"""Whom an agent speaks for, as far as its own texts tell."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..state import Row
from .languages import telling

_NAME = r"(?P<name>[^\W\d_a-z][\w\u2019'-]*(?: (?:van |von |de |da |la )?[^\W\d_a-z][\w\u2019'-]*){0,3})"
_NOT = r"(?!An? |The |Not |AI\b|KI\b)"
_PROMPT = (
    re.compile(r'"name"\s*:\s*"(?P<name>(?:[^"\\]|\\"){1,80})"'),
    re.compile(rf"(?:[Yy]ou are|Du bist|Sie sind|Eres|Tu es|Vous êtes|Sei|Você é|Tu és) {_NOT}{_NAME}"),
    re.compile(r"你是(?P<name>[\u4e00-\u9fff]{2,4})(?=[\uff0c\u3002,.、])"),
)
_GREETING = (
    re.compile(rf"(?:I['\u2019]m|I am|[Ii]ch bin|[Ss]oy|[Jj]e suis|[Ss]ono|[Ss]ou) {_NOT}{_NAME}"),
    re.compile(rf"{_NAME}['\u2019]s? memories"),
)
_RELATION = re.compile(r'"relation"\s*:\s*"([^"\\]{1,40})"')
_OTHER = re.compile(r"(?i)new|agent|companion|memor(y|ies)|storykeeper|keep|the|a|of|for|voice|my|our|assistant|test")


@dataclass(frozen=True)
class Person:
    """The name, empty where unknown, and all that English documents may call the person."""

    name: str
    called: tuple[str, ...] = ()


def person(settings: Row) -> Person:
    """From the agent's prompt, its first message or its name, in this order."""
    agent = settings["conversation_config"]["agent"]
    prompt = agent["prompt"]["prompt"]
    name = _search(_PROMPT, prompt) or _search(_GREETING, agent["first_message"]) or _of_agent(settings["name"])
    relation = _RELATION.search(prompt)
    called: list[str] = telling()["called"].get(relation[1].lower(), []) if relation else []
    return Person(name, tuple(dict.fromkeys(filter(None, (name, name.partition(" ")[0], *called)))))


def _search(patterns: tuple[re.Pattern[str], ...], text: str) -> str:
    found = (pattern.search(text) for pattern in patterns)
    return next((match["name"].replace('\\"', '"').strip() for match in found if match), "")


def _of_agent(name: str) -> str:
    words = re.findall(r"[^\W\d_][\w-]*", re.sub(r"['\u2019]s\b", "", name))
    return " ".join(word for word in words if word[:1].isupper() and not _OTHER.fullmatch(word))[:60]
