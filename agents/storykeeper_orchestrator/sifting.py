"""What a language model answers, without what only a person or ADK may say.

ADK finds pauses and their answers by name and id in the conversation: a model that wrote them itself could ask in our
name, or answer in a person's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types

LONGEST = 20_000  # characters of one text
MOST = 8  # calls at once
_ADKS = re.compile(r"adk_", re.I)  # adk_request_input, adk_request_confirmation, adk_request_credential
# Those of ADK begin with adk-, and those of our questions have a space in them.
_ID = re.compile(r"(?!adk-)[\w.:-]{1,128}")


def sifted(answer: LlmResponse, request: LlmRequest) -> LlmResponse:
    """The answer with texts of at most `LONGEST` characters, `MOST` calls, and ids that nothing else goes by."""
    parts = (answer.content and answer.content.parts) or []
    taken = set(_ids(part for content in request.contents for part in content.parts or []))
    kept: list[types.Part] = []
    for part in parts:
        if part.function_response or (part.function_call and not _fits(part.function_call, kept)):
            continue
        kept.append(_own(part, taken))
    if kept == parts:
        return answer
    return answer.model_copy(update={"content": types.Content(role="model", parts=kept)})


def says(answer: LlmResponse) -> bool:
    """Whether there is a call in it, or something for a person to read, and not only a beginning or thoughts."""
    parts = (answer.content and answer.content.parts) or []
    return not answer.partial and any(
        part.function_call or (part.text and part.text.strip() and not part.thought) for part in parts
    )


def _fits(call: types.FunctionCall, kept: list[types.Part]) -> bool:
    """Name and arguments are looked at, since a model's library may not have."""
    name, args = cast("tuple[object, object]", (call.name, call.args))
    named = isinstance(name, str) and re.fullmatch(r"[\w.-]{1,64}", name) and not _ADKS.match(name)
    count = sum(part.function_call is not None for part in kept)
    return bool(named) and isinstance(args, dict | None) and count < MOST


def _own(part: types.Part, taken: set[str]) -> types.Part:
    """The part with its text cut, and with its call's id taken away if it could be mistaken for another."""
    call = part.function_call
    if call and call.id:
        known = call.id in taken or not _ID.fullmatch(call.id)
        taken.add(call.id)
        return part.model_copy(update={"function_call": call.model_copy(update={"id": None})}) if known else part
    if part.text and len(part.text) > LONGEST:
        return part.model_copy(update={"text": f"{part.text[:LONGEST]}…"})
    return part


def _ids(parts: Iterable[types.Part]) -> Iterable[str]:
    for part in parts:
        for said in (part.function_call, part.function_response):
            if said and said.id:
                yield said.id
