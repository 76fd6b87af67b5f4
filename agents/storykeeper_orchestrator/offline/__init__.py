"""A model without a model: rules that read a sentence of English, so that everything runs with no key at all."""

import re
from collections.abc import AsyncGenerator
from typing import Any, cast

from google.adk.models import BaseLlm, LlmCapabilities, LLMRegistry
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types

from .deciding import understand
from .outcomes import Act, Answer, Ask
from .reading import DATA, IDS, find

NAME = "offline-rules"


class OfflineRules(BaseLlm):
    """Deterministic; knows a few hundred words of English, and says so when it doesn't understand."""

    model: str = NAME

    @classmethod
    def supported_models(cls) -> list[str]:
        return [r"offline-.*"]

    @property
    def capabilities(self) -> LlmCapabilities:
        return LlmCapabilities(output_schema_and_tools=True)

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse]:
        part = decide(llm_request.contents)
        for sentence in re.split(r"(?<=[.!?] )", part.text or "") if stream and part.text else []:
            yield LlmResponse(content=types.ModelContent(sentence), partial=True)
        yield LlmResponse(content=types.Content(role="model", parts=[part]), partial=False if stream else None)


LLMRegistry.register(OfflineRules)


def decide(contents: list[types.Content]) -> types.Part:
    """The next call that the person's wish needs, or what there is to say once all are done."""
    said, after, results = turn(contents)
    text, wish = wished(said, after)
    acts, done = wish if isinstance(wish, list) else [], len(results)
    failed = 0 < done < len(acts) and results[-1].get("error") and acts[done - 1].whom == acts[done].whom
    if done < len(acts) and not failed:
        return types.Part(function_call=types.FunctionCall(name=acts[done].tool, args=acts[done].arguments))
    return types.Part(text="\n\n".join(map(report, results)) if results else render(wish, text))


def turn(contents: list[types.Content]) -> tuple[list[str], str, list[dict[str, Any]]]:
    """What was said since the last wish was carried out, the companion spoken of before, and what came of calls since."""
    said, after, latest, results = list[str](), "", "", list[dict[str, Any]]()
    ours = [c for c in contents if c.parts and c.parts[0].text != "For context:"]  # what another agent of ADK's said
    for part, role in ((part, content.role) for content in ours for part in content.parts or []):
        if part.text and role == "user":
            said, results, after = [*([] if results else said), part.text], [], latest
        given: Any = part.function_call and part.function_call.args
        if part.function_response:
            results.append(part.function_response.response or {})
            given = results[-1].get("companion")
        ids = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        latest = next((i for key in ("companion", "of") if re.fullmatch(IDS, i := str(ids.get(key)))), latest)
    return said, after, results


def wished(said: list[str], after: str) -> tuple[str, list[Act] | Ask | Answer]:
    """The wish that stands: an answer is read together with the question's wish, a new wish alone."""
    text, wish = "", cast("list[Act] | Ask | Answer", Answer("help"))
    for newest in said:
        alone, both = understand(newest, after), newest
        if isinstance(wish, Ask) and alone != Answer("nothing"):
            unclear = "unclear" in wish.topics
            plain = [s for s in re.split(r"(?<=[.!?])\s+|\n", text) if not (unclear and find("doubt", s.lower()))]
            both = "\n".join([*plain, newest])
        new = isinstance(alone, list) and alone[0].tool != "change_companion"
        text, wish = (newest, alone) if new else (both, understand(both, after))
    return text, wish


def render(wish: list[Act] | Ask | Answer, text: str) -> str:
    if isinstance(wish, Ask):
        return " ".join(DATA["asked"][topic] for topic in wish.topics)
    known = re.search(IDS, text)
    return DATA["said"][wish.kind if isinstance(wish, Answer) else "help"].replace("{0}", known[0] if known else "ID")


def report(result: dict[str, Any]) -> str:
    """A result in the words that came with it."""
    error: Any = result.get("error")
    if isinstance(error, dict):
        error = "That didn't work ({code}): {what}. {exists}. Next: {next}.".format(**cast("dict[str, str]", error))
    return str(result.get("report") or result.get("told") or error or "There was no answer.")
