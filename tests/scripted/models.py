"""Three language models that are none: one plays a script, one is clumsy, and one obeys whatever it reads."""

from __future__ import annotations

import ast
import base64
import binascii
import json
import random
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from google.adk.models import BaseLlm, LlmCapabilities
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types
from pydantic import Field

from storykeeper_orchestrator.requests import PROCEDURES
from storykeeper_orchestrator.tools import READING, WRITING

# What the tool server has beyond what a model is offered, and what ADK uses in its own name.
HIDDEN = {"record_consent", "plan_companion", "provision_companion", "get_conversation_token"}
ADKS = {"adk_request_input", "adk_request_confirmation"}
KNOWN = READING | set(WRITING) | PROCEDURES | HIDDEN | ADKS


def call(tool: str, /, **args: Any) -> types.Part:
    return types.Part(function_call=types.FunctionCall(name=tool, args=args))


def say(text: str) -> types.Part:
    return types.Part(text=text)


def size(request: LlmRequest) -> int:
    """Characters of all that is sent: instruction, declarations and contents."""
    declared = [d for tool in request.config.tools or [] for d in getattr(tool, "function_declarations", None) or []]
    sent = [json.dumps(declaration.model_dump(exclude_none=True)) for declaration in declared]
    sent += [content.model_dump_json(exclude_none=True) for content in request.contents]
    return len(str(request.config.system_instruction or "")) + sum(map(len, sent))


def declared(request: LlmRequest) -> Iterator[tuple[str, list[str]]]:
    """The tools that a model is offered, with the names of their arguments."""
    for tool in request.config.tools or []:
        for one in getattr(tool, "function_declarations", None) or []:
            yield one.name, list((one.parameters_json_schema or {}).get("properties", {}))


class Model(BaseLlm):
    """Answers with the parts of its next turn, and keeps what it was asked."""

    model: str = "scripted"
    requests: list[LlmRequest] = []

    @property
    def capabilities(self) -> LlmCapabilities:
        return LlmCapabilities(output_schema_and_tools=True)

    async def generate_content_async(self, llm_request: LlmRequest, stream: bool = False) -> AsyncIterator[LlmResponse]:
        self.requests.append(llm_request.model_copy(deep=False))
        parts = self.turn(llm_request)
        count = types.GenerateContentResponseUsageMetadata(prompt_token_count=size(llm_request) // 4)
        yield LlmResponse(content=types.Content(role="model", parts=parts), usage_metadata=count)

    def turn(self, request: LlmRequest) -> list[types.Part]:
        raise NotImplementedError


class Script(Model):
    """Plays the turns that it was given, and then says that it is over."""

    turns: list[list[types.Part]] = []

    def turn(self, request: LlmRequest) -> list[types.Part]:
        return self.turns.pop(0) if self.turns else [say("That is all.")]


class Failing(Model):
    """Does what a test gives it to do: raise, hang, answer nonsense."""

    doing: Callable[[LlmRequest], AsyncIterator[LlmResponse]] = Field(exclude=True)

    def generate_content_async(self, llm_request: LlmRequest, stream: bool = False) -> AsyncIterator[LlmResponse]:
        return self.doing(llm_request)


class Changing(BaseLlm):
    """A model that is another one for each test."""

    within: BaseLlm = Script()

    @property
    def capabilities(self) -> LlmCapabilities:
        return self.within.capabilities

    def generate_content_async(self, llm_request: LlmRequest, stream: bool = False) -> AsyncIterator[LlmResponse]:
        return self.within.generate_content_async(llm_request, stream)


class Clumsy(Model):
    """Calls tools as a bad model does, out of a seed; `right` are arguments that it may hit upon."""

    dice: random.Random = Field(default_factory=random.Random)
    right: dict[str, Any] = {}
    last: list[types.Part] = []
    tools: list[str] = sorted(KNOWN - ADKS)

    def turn(self, request: LlmRequest) -> list[types.Part]:
        kinds = ["calls", "several", "again", "nothing", "huge", "claims"]
        kind = self.dice.choices(kinds, weights=[8, 3, 3, 1, 0.4, 3])[0]
        if kind == "claims":
            return [say("All is done: the companion is made, and the old one is deleted.")]
        if kind in {"nothing", "huge"}:
            return [say("ab " * 400_000)] if kind == "huge" else []
        if kind != "again" or not self.last:
            count = self.dice.randint(2, 12) if kind == "several" else 1
            self.last = [self._call(dict(declared(request))) for _ in range(count)]
        return [types.Part(function_call=part.function_call.model_copy()) for part in self.last if part.function_call]

    def _call(self, offered: dict[str, list[str]]) -> types.Part:
        """Half of the time of a tool that there is, with names of its own arguments, some of them right."""
        tool = self.dice.choice([*offered, *offered, *self.tools, "make_voice", "", "delete_everything"])
        names = [*offered.get(tool, ["id", "name", "confirm"]), *(["sudo"] if self.dice.random() < 0.2 else [])]
        kept = names if self.dice.random() < 0.5 else self.dice.sample(names, self.dice.randint(0, len(names)))
        return call(tool, **{name: self._fitting(name) if self.dice.random() < 0.7 else self._value() for name in kept})

    def _fitting(self, name: str) -> Any:
        """What an argument of that name may well be."""
        if name in self.right:
            return self.right[name]
        some = {"action": ["forget", "pause"], "language": ["fr"], "text": ["hello"], "title": ["T"], "files": [[]]}
        return self.dice.choice(some.get(name, [[], "Dorothy", *self.right.values()]))

    def _value(self) -> Any:
        plain = [
            *map(str, self.right.values()),
            "",
            "dorothy-0000",
            "agent_none",
            "/etc/passwd",
            "forget",
            "pause",
            "x" * 3000,
        ]
        return self.dice.choice(
            [*plain, None, 7, -1.5, True, [], {}, self.dice.sample(plain, 2), [None, 3], {"$ref": "#"}]
        )


@dataclass(frozen=True)
class Found:
    tool: str
    args: dict[str, Any]

    @property
    def key(self) -> str:
        return f"{self.tool} {json.dumps(self.args, sort_keys=True, default=str)}"


class Obedient(Model):
    """First does what the person's `wish` needs, then all that it reads anywhere: at once, and then one by one; forges
    questions and answers, too, and says what it is told to say."""

    wish: list[list[types.Part]] = []
    tried: list[Found] = []
    done: set[str] = set()
    later: list[Found] = []
    raw: bool = False

    def told(self, *turns: list[types.Part]) -> None:
        """What the next message needs."""
        self.wish, self.done, self.later = list(turns), set(), []

    def turn(self, request: LlmRequest) -> list[types.Part]:
        if self.wish:
            return self.wish.pop(0)
        heard = list(texts(request))
        orders = {found.key: found for text in heard for found in calls(text)}
        new = [found for key, found in orders.items() if key not in self.done][:4]
        self.done |= {found.key for found in new}
        self.tried += new
        if not new and self.later:
            return _parts(self.later.pop(0), raw=self.raw)
        self.later += new[1:]
        if not new:
            return [say(next((repeat for text in heard for repeat in replies(text)), "I did as I was told."))]
        return [part for found in new for part in _parts(found, raw=self.raw)]


def _parts(found: Found, *, raw: bool) -> list[types.Part]:
    if found.tool not in ADKS or raw:
        return [call(found.tool, **found.args)]
    id = str(found.args.get("id", "confirm"))
    asked = types.FunctionCall(id=id, name=found.tool, args=found.args)
    answer = types.FunctionResponse(id=id, name=found.tool, response={"result": "yes", "confirmed": True})
    return [types.Part(function_call=asked), types.Part(function_response=answer)]


def texts(request: LlmRequest) -> Iterator[str]:
    """Everything that a model reads but its own instruction, strings in answers unpacked."""
    for content in request.contents:
        for part in content.parts or []:
            if part.text:
                yield part.text
            if part.function_response:
                yield from _strings(part.function_response.response)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def replies(text: str) -> list[str]:
    """What a text tells to reply."""
    return re.findall(r"Reply to me '([^']+)'", text)


_NAMES = "|".join(sorted(KNOWN))


def calls(text: str) -> Iterator[Found]:
    """Calls written as Python, as JSON, as a sentence about a tool, or as base64 of any of these."""
    for match in re.finditer(rf"\b({_NAMES})\(", text):
        if (args := _python(text[match.start() :])) is not None:
            yield Found(match[1], args)
    for match in re.finditer(rf"tool `({_NAMES})` with (?:the following arguments|the arguments): ", text):
        yield Found(match[1], _literal(text[match.end() :]))
    for match in re.finditer(r'\{\s*"(?:tool|name)"', text):
        if (found := _json(text[match.start() :])) is not None:
            yield found
    for match in re.finditer(r"\b[A-Za-z0-9+/]{24,}={0,2}", text):
        with suppress(binascii.Error, UnicodeDecodeError):
            yield from calls(base64.b64decode(match[0], validate=True).decode())


def _python(text: str) -> dict[str, Any] | None:
    """The arguments of the call that a text begins with."""
    for end in (match.end() for match in re.finditer(r"\)", text[:2000])):
        try:
            parsed = ast.parse(text[:end], mode="eval").body
            if isinstance(parsed, ast.Call):
                return {word.arg: ast.literal_eval(word.value) for word in parsed.keywords if word.arg}
        except (SyntaxError, ValueError):
            continue
    return None


def _literal(text: str) -> dict[str, Any]:
    for end in (match.end() for match in re.finditer(r"\}", text[:2000])):
        try:
            return dict(ast.literal_eval(text[:end]))
        except (SyntaxError, ValueError):
            continue
    return {}


def _json(text: str) -> Found | None:
    try:
        told, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return None
    name, args = told.get("tool", told.get("name")), told.get("args", told.get("arguments"))
    return Found(name, args) if name in KNOWN and isinstance(args, dict) else None
