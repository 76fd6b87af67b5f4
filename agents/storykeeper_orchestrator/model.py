"""The language model: which one, and for how long it is waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing

from google.adk.models import BaseLlm, LlmCapabilities, LLMRegistry
from google.adk.models.base_llm_connection import BaseLlmConnection
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types

from storykeeper_tools.errors import AuthMissing, BadInput

from . import offline, recalling, sifting

LONGEST = 120.0
_GEMINI = ("gemini-", "models/gemini-")
# A key, or a Google Cloud project in its place: any of what the Gemini client looks at.
_ACCESS = ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE")
_OFF = ("", "0", "false")
FAILED = "failed"  # marks an answer that the model didn't give
_log = logging.getLogger(__name__)


def chosen(environ: Mapping[str, str]) -> str:
    """The model that is set, Gemini when a Google key is, otherwise the rules. Raises AuthMissing for a Gemini that
    nothing lets us in to: its client would only say so by a stack trace."""
    named = environ.get("STORYKEEPER_MODEL", "").strip()
    if named:
        if named.startswith(_GEMINI) and not any(environ.get(name, "").strip().lower() not in _OFF for name in _ACCESS):
            next = "set GOOGLE_API_KEY, or unset STORYKEEPER_MODEL: the rules need no key"
            raise AuthMissing(f"{named} needs a Google key, and there is none", next=next)
        return named
    from google.adk.agents import LlmAgent

    return LlmAgent.DEFAULT_MODEL if environ.get("GOOGLE_API_KEY", "").strip() else offline.NAME


class Bounded(BaseLlm):
    """Another model, whose failures are answers: an exception would end the conversation with a stack trace.

    It is sent what there is room for; what it answers is sifted by the whole conversation.
    """

    within: BaseLlm
    longest: float = LONGEST

    @property
    def capabilities(self) -> LlmCapabilities:
        return self.within.capabilities

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        whole = llm_request.contents
        sent = llm_request.model_copy(update={"contents": recalling.recent(whole)})
        answers, said = self.within.generate_content_async(sent, stream), False
        async with aclosing(answers):
            while (answer := await self._next(answers, whole)) is not None:
                if answer.error_code:
                    answer, said = failed(f"{self.model} failed ({answer.error_code[:60]})", whole), True
                answer = sifting.sifted(answer, llm_request)
                said = said or sifting.says(answer)
                yield answer
        if not said:
            yield failed(f"{self.model} said nothing that could be used", whole)

    async def _next(
        self, answers: AsyncGenerator[LlmResponse, None], whole: Sequence[types.Content]
    ) -> LlmResponse | None:
        """The next answer; None after the last. What is done with it doesn't count as waiting for the model."""
        try:
            async with asyncio.timeout(self.longest):
                return await anext(answers, None)
        except TimeoutError:
            return failed(f"{self.model} didn't answer for {self.longest:g} seconds", whole)
        except Exception as error:
            _log.debug("the language model failed", exc_info=True)
            return failed(f"{self.model} failed ({type(error).__name__})", whole)

    def connect(self, llm_request: LlmRequest) -> AbstractAsyncContextManager[BaseLlmConnection]:
        return self.within.connect(llm_request)


def failed(what: str, contents: Sequence[types.Content] = ()) -> LlmResponse:
    """What a person hears of a model that doesn't work, and what it should have told them of this turn."""
    done, reports = recalling.answered(contents), recalling.unheard(contents)
    if reports:
        text = f"{reports}\nThe language model {what}, so this is all that there is to say. {_OTHERWISE}"
    elif done:
        text = (
            f"The language model {what}, when {', '.join(done)} had answered: look at what there is now. {_OTHERWISE}"
        )
    else:
        text = (
            f"The language model {what}, so this wasn't carried on. Nothing is made or changed without your yes; say "
            f"it again, and it goes on where it was. {_OTHERWISE}"
        )
    return LlmResponse(content=types.ModelContent(text), custom_metadata={FAILED: True})


_OTHERWISE = (
    "If that happens again, begin another conversation (/new), or choose another model (STORYKEEPER_MODEL); "
    "offline-rules needs none."
)


def bounded(model: str | BaseLlm, longest: float = LONGEST) -> Bounded:
    """Raises BadInput for a name that no installed model goes by."""
    try:
        within = LLMRegistry.new_llm(model) if isinstance(model, str) else model
    except ValueError as error:
        what = f"there is no language model {model}: {' '.join(str(error).split())}"
        raise BadInput(what, next="set STORYKEEPER_MODEL to another one, or install what it needs") from None
    return Bounded(model=within.model, within=within, longest=longest)
