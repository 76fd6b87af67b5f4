"""A model without a model: rules that read one English sentence, so that everything runs with no key at all.

They are honest about being rules: what they don't understand they say they don't, with an example of what they do.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any, cast

from google.adk.models import BaseLlm, LlmCapabilities, LLMRegistry
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types

from .sentence import NAMED, astray, people, read, sentences, states, unsure

NAME = "offline-rules"
HELP = (
    "I'm a small set of rules, not a language model, and I didn't understand that, and did nothing. I understand sentences such as: "
    '"Make a companion of my mother Dorothy from mum.m4a and notes/. She spoke English and gave me her consent.", '
    '"quota", "list", "show dorothy-7f3a", "link dorothy-7f3a", "correct dorothy-7f3a: she was born in 1934."'
)
# What is done by a command, and never by rules that may have misread a sentence.
_COMMANDS = (
    (
        r"revok\w*|withdr\w*|tak\w+ back|t[ao]k\w+ .*\bconsent\b.* back|consent\w*",
        "`storykeeper consent {0}` shows who consented, and with --revoke takes it back",
    ),
    (
        r"forget|delete|remove|erase|get rid|wipe",
        "`storykeeper retire {0} --forget` deletes all of it, and `storykeeper consent {0} --revoke` takes its consent back",
    ),
    (r"resume|unpause|reopen|wake|enable|switch on|turn on", "`storykeeper retire {0} --resume` does it"),
    (
        r"pause|stop|halt|retire|silence|disable|close|suspend|farewell|switch off|turn off",
        "`storykeeper retire {0} --pause` does it",
    ),
    (r"export|archive|back ?up|download", "`storykeeper export {0}` does it"),
    (
        r"change|correct|update|rename|edit|add|replace|fix|wrong",
        'what is told of the person is corrected by a sentence such as "correct {0}: she was born in 1934."; all else is'
        " changed in its companion.yaml, with `storykeeper provision companion.yaml`",
    ),
)

_SHOW = re.compile(
    r"\b(?:show|status|state|look|see|view|details?|display|describe|how is|how's|what is|what's|tell me about)\b"
)
_NEGATED = re.compile(r"\b(?:not|never|no longer|cannot)\b|n't\b")
_CHANGE = re.compile(
    rf"^\W*(?:(?i:please)\s+)?(?i:change|correct|update)\s+(?P<who>[a-z0-9-]+-[0-9a-f]{{4,}}|{NAMED})(?:\s+companion)?\s*[:,]\s+(?P<what>.+)$",
    re.S,
)
_MAKING = r"(?:make|create|build|provision|prepare)"
_MAKE = re.compile(rf"\b{_MAKING}\b.*\bcompanion\b", re.I | re.S)
_DO_NOT = re.compile(rf"\b(?:not|n't|never)\b[^.]*\b{_MAKING}\b", re.I)
_ID = re.compile(r"\b[a-z0-9-]+-[0-9a-f]{4,}\b")


class OfflineRules(BaseLlm):
    """Deterministic; knows a few sentences of English."""

    model: str = NAME

    @classmethod
    def supported_models(cls) -> list[str]:
        return [r"offline-.*"]

    @property
    def capabilities(self) -> LlmCapabilities:
        return LlmCapabilities(output_schema_and_tools=True)

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        yield LlmResponse(content=types.Content(role="model", parts=[decide(llm_request.contents)]))


LLMRegistry.register(OfflineRules)


def decide(contents: list[types.Content]) -> types.Part:
    """Explain the last tool result, or understand what was said since."""
    for part in contents[-1].parts or []:
        if part.function_response:
            return types.Part(text=explain(part.function_response.name or "", part.function_response.response or {}))
    said = spoken(contents)
    return understand("\n".join(said), said[-1] if said else "")


def spoken(contents: list[types.Content]) -> list[str]:
    """What the person has said in this conversation, so that an answer adds to the question before it."""
    said: list[str] = []
    for content in contents:
        parts = content.parts or []
        if any(part.function_call or part.function_response for part in parts):
            said.clear()
        elif content.role == "user":
            said.append(" ".join(part.text or "" for part in parts).replace("\u2019", "'"))
    return finished(said)


def finished(said: list[str]) -> list[str]:
    """A new wish stands alone; anything else is read together with the wish it answers."""
    if not said or _MAKE.search(said[-1]) or not any(_MAKE.search(s) for s in said):
        return said[-1:]
    return said


def understand(text: str, newest: str) -> types.Part:
    """What to do about all that was said; of the newest words alone it is asked what wasn't clear."""
    if _DO_NOT.search(text):
        return types.Part(text="Then I make nothing.")
    if _MAKE.search(text):
        return _make(text, newest)
    words = text.lower()
    return _changed(text) or _by_command(words) or _lookup(words) or types.Part(text=HELP)


def _changed(text: str) -> types.Part | None:
    """A correction of a companion that there is: all that is said must be plain statements."""
    wish = _CHANGE.match(text)
    if wish is None:
        return None
    who, told = wish["who"].removesuffix("'s"), sentences(wish["what"])
    if not told or not all(states(sentence, who) for sentence in told):
        return None
    return _call("make_companion", {"companion": who, "corrections": [s[0].upper() + s[1:] for s in told]})


def _by_command(words: str) -> types.Part | None:
    """The command that does what rules don't."""
    known = _ID.search(words)
    for verbs, command in _COMMANDS:
        if re.search(rf"\b(?:{verbs})\b", words):
            where = "" if known else " (`storykeeper list` shows the ids)"
            return types.Part(text=f"I did nothing: {command.format(known[0] if known else 'ID')}{where}.")
    return None


def _lookup(words: str) -> types.Part | None:
    """A wish to see something."""
    known = _ID.search(words)
    if known:
        return _looked_at(known[0], words)
    if re.search(r"\b(quota|credits?|slots?)\b", words):
        return _call("check_quota", {})
    return _call("list_companions", {}) if re.search(r"\b(list|which companions|what companions)\b", words) else None


def _looked_at(companion: str, words: str) -> types.Part | None:
    """One companion is looked at where that is plainly said, rather than where it is only named."""
    if _NEGATED.search(words):
        return None
    if re.search(r"\b(link|url|talk)\b", words):
        return _call("get_signed_url", {"of": companion})
    if re.search(r"\b(rehearse|rehearsal)\b", words):
        return _call("rehearse_companion", {"companion": companion})
    plain = _SHOW.search(words) or words.strip(" .?!") == companion
    return _call("get_companion", {"companion": companion}) if plain else None


def _make(text: str, newest: str) -> types.Part:
    if len(people(text)) > 1:
        return types.Part(text=f"One companion at a time, please: {' or '.join(people(text))}? Say it for one of them.")
    wish = read(text)
    missing = [question for key, question in QUESTIONS.items() if not wish.get(key)]
    stray, unclear = astray(newest), unsure(newest, wish.get("name", ""), wish.get("relation", ""))
    if stray:
        missing.append(f"There is no file or folder '{stray}' here. Which one do you mean?")
    if unclear:
        missing.append(f"I'm not sure what to make of '{unclear}'. Please say it as \"She was born in 1934.\"")
    if missing:
        return types.Part(text=" ".join(missing))
    return _call("make_companion", wish)


QUESTIONS = {
    "name": "Whose companion shall it be? Please say the person's name.",
    "recordings": "Which recording of the voice shall I use? Please give a file or folder.",
}


def explain(tool: str, response: dict[str, Any]) -> str:
    """A tool's result in a sentence or two."""
    error, view = response.get("error"), response.get("companion")
    if isinstance(error, dict):
        row = cast("dict[str, str]", error)
        return f"That didn't work ({row['code']}): {row['what']}. {row['exists']}. Next: {row['next']}."
    if tool == "make_companion" and isinstance(view, dict):
        return made(cast("dict[str, Any]", view)) + rehearsed(response.get("rehearsal"))
    parts = cast("list[dict[str, Any]]", response.get("content") or [])
    return " ".join(str(part.get("text", "")) for part in parts) or str(error or "There was no answer.")


def made(view: dict[str, Any]) -> str:
    documents = len(view.get("documents") or [])
    notes = "".join(f" Note: {warning}." for warning in cast("list[str]", view.get("warnings") or []))
    return (
        f"{view.get('name')}'s companion {view.get('companion')} is {view.get('status')}: voice {view.get('voice_id')}, "
        f'{documents} documents, private agent {view.get("agent_id")}. Say "link {view.get("companion")}" for a link to '
        f"talk to it.{notes}"
    )


def rehearsed(outcome: object) -> str:
    """How its rehearsal went, if there was one."""
    if not isinstance(outcome, dict):
        return ""
    told = cast("dict[str, Any]", outcome)
    count = told["passed"] + told["failed"]
    faults = "".join(f" Not passed: {fault}." for fault in told["faults"])
    return f" It was rehearsed: {told['passed']} of {count} answers passed.{faults}"


def _call(name: str, arguments: dict[str, Any]) -> types.Part:
    return types.Part(function_call=types.FunctionCall(name=name, args=arguments))
