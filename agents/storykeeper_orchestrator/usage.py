"""What the language model is asked for: counted, priced where a price is known, and bounded for every run."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from google.adk.agents.callback_context import CallbackContext
from google.adk.agents.invocation_context import InvocationContext
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.plugins.base_plugin import BasePlugin
from google.genai import types

from storykeeper_tools.errors import BadInput

from . import recalling

_log = logging.getLogger("storykeeper_orchestrator")
_KEPT = 100  # runs that are remembered


@dataclass(slots=True)
class Spent:
    """Of one run, or of several: model calls, tokens as the model counts them."""

    calls: int = 0
    prompt: int = 0
    answer: int = 0

    def __sub__(self, earlier: Spent) -> Spent:
        return Spent(self.calls - earlier.calls, self.prompt - earlier.prompt, self.answer - earlier.answer)


@dataclass(frozen=True, slots=True)
class Limits:
    """For one run; `price` is dollars for a million tokens of prompt and of answer, where it is known."""

    calls: int = 12
    tokens: int = 200_000
    price: tuple[float, float] | None = None

    def told(self, spent: Spent) -> str:
        """What was spent, in a line."""
        calls = f"{spent.calls} model call{'' if spent.calls == 1 else 's'}"
        if not spent.prompt + spent.answer:
            return f"{calls}, no tokens"
        line = f"{calls}, {spent.prompt} tokens in and {spent.answer} out"
        if self.price is None:
            return f"{line}; STORYKEEPER_MODEL_PRICE=IN,OUT (dollars for a million) would tell what they cost"
        return f"{line}, about ${(spent.prompt * self.price[0] + spent.answer * self.price[1]) / 1e6:.4f}"


def limits(environ: Mapping[str, str]) -> Limits:
    """From the environment. Raises BadInput for what is no number."""
    calls, tokens, price = (
        environ.get(f"STORYKEEPER_MODEL_{name}", "").strip() for name in ("CALLS", "TOKENS", "PRICE")
    )
    usual = Limits()
    try:
        pair = tuple(float(part) for part in price.split(",")) if price else None
        if pair is not None and (len(pair) != 2 or min(pair) < 0):
            raise ValueError
        return Limits(int(calls or usual.calls), int(tokens or usual.tokens), pair)  # type: ignore[arg-type] # two of them
    except ValueError:
        raise BadInput(
            "STORYKEEPER_MODEL_CALLS and _TOKENS are whole numbers, _PRICE is two: dollars for a million tokens in, and out"
        ) from None


@dataclass
class Usage(BasePlugin):
    """Counts each run of the application, and ends one that goes on and on."""

    limits: Limits
    runs: OrderedDict[str, Spent] = field(default_factory=OrderedDict[str, Spent])
    closing: set[str] = field(default_factory=set[str])
    total: Spent = field(default_factory=Spent)

    def __post_init__(self) -> None:
        super().__init__(name="usage")

    async def before_model_callback(
        self, *, callback_context: CallbackContext, llm_request: LlmRequest
    ) -> LlmResponse | None:
        run = callback_context.invocation_id
        spent = self._run(run)
        if spent.calls >= self.limits.calls or run in self.closing:
            return self._stopped(spent, recalling.unheard(llm_request.contents))
        if spent.prompt + spent.answer >= self.limits.tokens:
            self.closing.add(run)  # what the tools told is worth an answer, and no more calls
            mode = types.FunctionCallingConfigMode.NONE
            choice = types.FunctionCallingConfig(mode=mode)
            llm_request.config.tool_config = types.ToolConfig(function_calling_config=choice)
        self._count(spent, Spent(calls=1))
        return None

    def _stopped(self, spent: Spent, reports: str) -> LlmResponse:
        """With what was reported and not told yet: what was done is known, whatever it took."""
        words = f"I stop here: this took {self.limits.told(spent).partition(';')[0]}. {_STOPPED}"
        return LlmResponse(content=types.ModelContent(f"{reports}\n{words}" if reports else words))

    async def after_model_callback(self, *, callback_context: CallbackContext, llm_response: LlmResponse) -> None:
        told = llm_response.usage_metadata
        if told and not llm_response.partial:
            now = Spent(
                prompt=told.prompt_token_count or 0,
                answer=(told.candidates_token_count or 0) + (told.thoughts_token_count or 0),
            )
            self._count(self._run(callback_context.invocation_id), now)

    async def after_run_callback(self, *, invocation_context: InvocationContext) -> None:
        _log.info("%s", self.limits.told(self._run(invocation_context.invocation_id)))

    def _run(self, invocation_id: str) -> Spent:
        spent = self.runs.setdefault(invocation_id, Spent())
        while len(self.runs) > _KEPT:
            self.closing.discard(self.runs.popitem(last=False)[0])
        return spent

    def _count(self, run: Spent, now: Spent) -> None:
        for spent in (run, self.total):
            spent.calls, spent.prompt, spent.answer = (
                spent.calls + now.calls,
                spent.prompt + now.prompt,
                spent.answer + now.answer,
            )


_STOPPED = (
    "Say it in smaller steps, begin another conversation (/new), or raise STORYKEEPER_MODEL_CALLS or "
    "STORYKEEPER_MODEL_TOKENS."
)
