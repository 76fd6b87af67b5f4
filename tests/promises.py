"""What every agent of ours promises, looked at on the wire: a create carries all of it, and no change takes any away.

Only agents with our marker are looked at: what others make with the same sandbox is theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from storykeeper_tools.companion import language as languages
from storykeeper_tools.companion import persona
from storykeeper_tools.provisioning.tree import merged

CREATE = "/v1/convai/agents/create"
_AGENT = re.compile(r"/v1/convai/agents/([^/]+)")
_AGENT_PART, _PLATFORM = "conversation_config.agent", "platform_settings"
_CONTENT = f"{_PLATFORM}.guardrails.content"
_ABSENT = object()


class Broken(AssertionError):
    """An agent of ours that promises less than it must."""


@dataclass(frozen=True)
class Exactly:
    """One value; a change may send a part of it."""

    expected: Any

    def __call__(self, value: Any) -> bool:
        return type(value) is type(self.expected) and value == self.expected

    def part(self, value: Any) -> bool:
        return merged(self.expected, value) == self.expected if isinstance(self.expected, dict) else self(value)


def _within(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and low <= value <= high


def _discloses(message: Any) -> bool:
    """First of all, or in a greeting of ours to the letter."""
    return any(pattern.match(str(message)) for pattern in _disclosures())


@cache
def _disclosures() -> list[re.Pattern[str]]:
    """The sentence in which each language tells that this is an AI, for anybody, and the greetings that hold it."""
    said = [(persona.spoken(code, name), name) for code in languages.offered() for name in ("Éqx", "Bqx")]
    firsts = [(words["disclosure"], name, r"(?=\s|\Z)") for words, name in said]
    greetings = [(t, name, r"\Z") for words, name in said for key, t in words.items() if key.startswith("first_m")]
    return [_for_anybody(text, name, end) for text, name, end in [*firsts, *greetings]]


def _for_anybody(text: str, name: str, end: str) -> re.Pattern[str]:
    pattern = re.escape(text).replace(name, "(?P<name>.{1,320})", 1).replace(name, "(?P=name)")
    return re.compile(pattern + end)


def _instructs(prompt: Any) -> bool:
    """With our rules to the letter, and the words for a crisis among the data."""
    rules, _, data = str(prompt).partition(persona.PERSON)
    return persona.RULES in rules and len(json.loads(data)["sentences"]["crisis"]) > 80


# A pause is the one thing that may close the doors; nothing opens them further than a spec can.
PROMISES: Mapping[str, Callable[[Any], bool]] = {
    f"{_AGENT_PART}.first_message": _discloses,
    f"{_AGENT_PART}.disable_first_message_interruptions": Exactly(True),
    f"{_AGENT_PART}.prompt.prompt": _instructs,
    f"{_AGENT_PART}.prompt.built_in_tools": lambda tools: list(tools) == ["end_call"],
    f"{_AGENT_PART}.prompt.llm": lambda llm: bool(llm),
    "conversation_config.asr": Exactly({"quality": "high", "user_input_audio_format": "pcm_16000"}),
    "conversation_config.conversation.max_duration_seconds": _within(60, 3 * 3600),
    "conversation_config.conversation.text_only": Exactly(False),
    "conversation_config.tts.speed": lambda speed: 0.7 <= speed <= 1.2,
    f"{_PLATFORM}.auth": Exactly({"enable_auth": True, "allowlist": [], "require_origin_header": False}),
    f"{_PLATFORM}.privacy.record_voice": Exactly(False),
    f"{_PLATFORM}.privacy.delete_audio": Exactly(True),
    f"{_PLATFORM}.privacy.retention_days": _within(0, 365),
    f"{_PLATFORM}.privacy.conversation_history_redaction.enabled": lambda on: isinstance(on, bool),
    f"{_PLATFORM}.call_limits.agent_concurrency_limit": _within(0, 10),
    f"{_PLATFORM}.call_limits.daily_limit": _within(0, 1000),
    f"{_PLATFORM}.call_limits.bursting_enabled": Exactly(False),
    f"{_PLATFORM}.overrides": Exactly({"conversation_config_override": {"conversation": {"text_only": True}}}),
    f"{_PLATFORM}.guardrails.focus.is_enabled": Exactly(True),
    f"{_PLATFORM}.guardrails.prompt_injection.is_enabled": Exactly(True),
    f"{_CONTENT}.config.self_harm": Exactly({"is_enabled": True, "threshold": "low"}),
    f"{_CONTENT}.config.medical_and_legal_information": Exactly({"is_enabled": True, "threshold": "medium"}),
    f"{_CONTENT}.trigger_action.type": Exactly("retry"),
    f"{_CONTENT}.trigger_action.feedback": lambda words: len(words) > 80,
    f"{_PLATFORM}.guardrails.custom.config.configs": lambda rules: [rule["is_enabled"] for rule in rules] == [True],
}
FORBIDDEN = (
    f"{_AGENT_PART}.prompt.tools",
    f"{_AGENT_PART}.prompt.tool_ids",
    f"{_AGENT_PART}.prompt.mcp_server_ids",
    f"{_AGENT_PART}.prompt.ignore_default_personality",
    "conversation_config.language_presets",
    f"{_PLATFORM}.auth.shareable_token",
    f"{_PLATFORM}.workspace_overrides",
)


@dataclass
class Promises:
    """Raises Broken; counts what it looked at. `ours` are the agents that were made with our marker."""

    ours: set[str] = field(default_factory=set[str])
    creates: int = 0
    changes: int = 0

    def sent(self, method: str, path: str, body: bytes) -> None:
        agent = _AGENT.fullmatch(path)
        if (method, path) == ("POST", CREATE) and is_ours(body):
            self.creates += 1
            check(json.loads(body), whole=True)
        elif method == "PATCH" and agent and agent[1] in self.ours:
            self.changes += 1
            check(json.loads(body), whole=False)

    def answered(self, method: str, path: str, body: bytes, answer: bytes) -> None:
        """Learn which agents are ours. What a fault made of an answer teaches nothing."""
        if (method, path) == ("POST", CREATE) and is_ours(body):
            found = re.search(rb'"agent_id": ?"([^"]+)"', answer)
            self.ours |= {found[1].decode()} if found else set()


def is_ours(body: bytes) -> bool:
    return bool(re.search(rb'"keep-[0-9a-f]{20}"', body))


def check(agent: Mapping[str, Any], *, whole: bool) -> None:
    """Raises Broken for the first promise that an agent breaks or, if it is `whole`, leaves out."""
    for path, keeps in PROMISES.items():
        value = _at(agent, path)
        if value is _ABSENT and whole:
            raise Broken(f"{path} is missing")
        kept = keeps.part if isinstance(keeps, Exactly) and not whole else keeps
        if value is not _ABSENT and not kept(value):
            raise Broken(f"{path} is {str(value)[:200]}")
    for path in FORBIDDEN:
        if _at(agent, path) not in (_ABSENT, None, [], {}):
            raise Broken(f"{path} is there")
    if whole and persona.facts(agent["conversation_config"]["agent"]["prompt"]["prompt"])["name"] not in str(
        agent["conversation_config"]["agent"]["first_message"]
    ):
        raise Broken("the first message doesn't say whose companion it is")


def _at(agent: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(agent, dict) or part not in agent:
            return _ABSENT
        agent = agent[part]
    return agent
