"""Faults on demand: which requests fail, how, and how often.

A rule is a line of text, METHOD PATH KIND and options in any order, or the same as a JSON object:

    POST /v1/voices/add reset-after-commit x1       the clone is made, and the answer lost, once
    GET /v2/voices 429 x3 retry-after=2             three times; `retry-after=date+30` and any other text work too
    * /v1/convai/* 503 p=0.1 seed=7                 one request in ten, always the same ones
    GET /v1/convai/agents/{agent_id} truncated skip=2     from the third one on
    WS /v1/convai/conversation reset-after-open messages=3

A path is matched whole: `*` is any text, `{name}` one segment. METHOD `*` is any but WS, which is a WebSocket's
handshake. The first rule that is due decides; one without `xN` never ends.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..paths import pattern

KINDS = {
    "400 to 599": "that status instead of the handler; options code=TEXT body=json|html|text|empty retry-after=TEXT",
    "400-after-commit to 599-after-commit": "that status, though the handler ran and its state is kept",
    "reset": "the connection is dropped before the handler runs; for WS, before the socket opens",
    "reset-after-commit": "the handler runs, and the connection is dropped without an answer",
    "reset-mid-body": "the connection is dropped in the middle of the answer",
    "reset-after-open": "only WS: dropped after the server sent messages=N messages, by default none",
    "blackhole": "no answer until the client goes away, at most seconds=N (300)",
    "blackhole-after-commit": "the same, but the handler ran",
    "slow": "the answer trickles in over seconds=N (5)",
    "redirect": "307 to the same path at to=URL (default http://elsewhere.invalid)",
    "html": "the answer is a page, status=N (default: what the handler answered)",
    "truncated": "the answer's JSON ends half-way",
    "wrong-json": "the answer is JSON, but a list with a word in it",
    "wrong-types": "numbers become strings, strings numbers, and so on, at any depth",
    "extra-fields": "every object of the answer has a field that nobody knows",
    "echo-key": "status=N (500) with an error message that repeats the API key",
}
_HTTP = {*KINDS} - {"400 to 599", "400-after-commit to 599-after-commit", "reset-after-open"}
_WS = {"reset", "reset-after-open", "blackhole"}
_STATUS = re.compile(r"[45]\d\d(-after-commit)?")
_USAGE = "a fault is METHOD PATH KIND and options xN p=N seed=N skip=N"
_SHORT = {"p": "probability"}


class Dropped(ConnectionResetError):
    """The connection is to be dropped now, without a word. What serves the sandbox sees to it."""


class Rule(BaseModel):
    """One fault. Times are in seconds; a probability of 1 and no `times` mean always."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    method: str = Field(pattern=r"^(\*|[A-Z]+)$")
    path: str = Field(pattern=r"^[/*]", max_length=300)
    kind: str
    times: int | None = Field(default=None, ge=1)
    skip: int = Field(default=0, ge=0)
    probability: float = Field(default=1.0, gt=0, le=1)
    seed: int = 0
    retry_after: str | None = Field(default=None, coerce_numbers_to_str=True)
    code: str | None = None
    body: str = Field(default="json", pattern="^(json|html|text|empty)$")
    seconds: float | None = Field(default=None, gt=0, le=3600)
    status: int | None = Field(default=None, ge=200, le=599)
    to: str = Field(default="http://elsewhere.invalid", pattern="^https?://")
    messages: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        known = _WS if self.method == "WS" else _HTTP
        if self.kind not in known and not (self.method != "WS" and _STATUS.fullmatch(self.kind)):
            kinds = sorted(known) if self.method == "WS" else sorted({*KINDS} - {"reset-after-open"})
            raise ValueError(f"no fault {self.kind!r} for {self.method}; there are {', '.join(kinds)}")
        return self

    @property
    def commits(self) -> bool:
        """Whether the handler runs all the same."""
        return self.kind.endswith("-after-commit")

    def __str__(self) -> str:
        given = self.model_dump(exclude_defaults=True, exclude={"method", "path", "kind", "times"})
        options = [f"{name.replace('_', '-')}={value}" for name, value in given.items()]
        return " ".join([self.method, self.path, self.kind, *([f"x{self.times}"] if self.times else []), *options])


def rule(text: str) -> Rule:
    """A rule from its text."""
    words = text.split()
    if len(words) < 3:
        raise ValueError(f"{text!r}: {_USAGE}")
    given: dict[str, Any] = {"method": words[0], "path": words[1], "kind": words[2]}
    for word in words[3:]:
        name, equals, value = word.partition("=")
        if re.fullmatch(r"x\d+", word):
            given["times"] = word[1:]
        elif equals:
            given[_SHORT.get(name, name.replace("-", "_"))] = value
        else:
            raise ValueError(f"{text!r}: {word!r} is no option; {_USAGE}")
    try:
        return Rule.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{text!r}: {' '.join([*map(str, first['loc']), first['msg']])}") from error


class Faults:
    """The rules of a sandbox, with what has become of each."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._active = [_Active(rule) for rule in rules]

    def add(self, rule: Rule) -> None:
        """After those that there are."""
        self._active.append(_Active(rule))

    def clear(self) -> None:
        """No more faults."""
        self._active = []

    def rows(self) -> list[dict[str, Any]]:
        """Each rule, and how often it has struck."""
        return [
            {**active.rule.model_dump(), "text": str(active.rule), "fired": active.fired} for active in self._active
        ]

    def due(self, method: str, path: str) -> Rule | None:
        """The rule that strikes this request. Asking counts."""
        return next((active.rule for active in self._active if active.strikes(method, path)), None)


class _Active:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.fired = 0
        self._seen = 0
        self._random = random.Random(rule.seed)  # noqa: S311  # a sequence to repeat, not a secret

    def strikes(self, method: str, path: str) -> bool:
        rule = self.rule
        fits = method != "WS" if rule.method == "*" else method == rule.method
        if not fits or not pattern(rule.path).fullmatch(path):
            return False
        self._seen += 1
        spent = rule.times is not None and self.fired >= rule.times
        if self._seen <= rule.skip or spent or self._random.random() >= rule.probability:
            return False
        self.fired += 1
        return True
