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

from . import consent

NAME = "offline-rules"
RELATIONS = [
    "mother",
    "mum",
    "mom",
    "father",
    "dad",
    "grandmother",
    "grandma",
    "granny",
    "nana",
    "grandfather",
    "grandpa",
    "grandad",
    "husband",
    "wife",
    "partner",
    "sister",
    "brother",
    "aunt",
    "uncle",
    "friend",
    "son",
    "daughter",
    "cousin",
    "teacher",
]
LANGUAGES = {
    "english": "en",
    "spanish": "es",
    "german": "de",
    "french": "fr",
    "italian": "it",
    "portuguese": "pt",
    "chinese": "zh",
    "mandarin": "zh",
    "irish": "ga",
    "polish": "pl",
    "dutch": "nl",
}
SOUNDS = (".wav", ".mp3", ".m4a", ".mp4", ".flac", ".ogg", ".opus", ".aac", ".aiff", ".webm")
TEXTS = (".md", ".txt", ".markdown", ".pdf", ".docx", ".epub")
HELP = (
    "I'm a small set of rules, not a language model, and I didn't understand that. I understand sentences such as: "
    '"Make a companion of my mother Dorothy from mum.m4a and notes/. She spoke English and gave me her consent.", '
    '"quota", "list", "show dorothy-7f3a", "link dorothy-7f3a".'
)

_NAME = r"(?:[A-Z]\.|Dr\.|Mrs?\.|[A-ZÀ-ÖØ-Þ][\w'-]*)"
CANNOT_DELETE = (
    "I can't delete anything yet. In the ElevenLabs dashboard, whatever belongs to a companion carries its keep- marker: "
    "the agent among its tags, documents in their names, the voice in its description."
)
_PERSON = re.compile(
    r"[Cc]ompanion\s+(?:of|for)\s+(?:(?i:my|our|the|his|her|their)\s+)?(?P<late>(?:(?i:late|dear|beloved|old)\s+)*)"
    r"(?:(?P<relation>(?i:" + "|".join(RELATIONS) + r"))\b[\s,]*)?(?P<name>" + _NAME + r"(?:\s+" + _NAME + r")*)?"
)
_DIED = re.compile(
    r"(?P<who>\w+)\s+(?:(?:has|had|have|is|was)\s+)?(?:died|dead|deceased|passed(?: away| on)?|buried)\b", re.I
)
_BURIED = re.compile(r"\b(buried|lost)\s+(him|her)\b|\bfuneral\b", re.I)
_IS_NAME = re.compile(_NAME + r"(?:\s+" + _NAME + r")*")
_MAKING = r"(?:make|create|build|provision|prepare)"
_MAKE = re.compile(rf"\b{_MAKING}\b.*\bcompanion\b", re.I | re.S)
_DO_NOT = re.compile(rf"\b(?:not|n't|never)\b[^.]*\b{_MAKING}\b", re.I)
_WISHES = re.compile(r"\b(?:should|shall|must|to)\s+(?:sound|be|speak|talk)\s+(?P<wishes>[^.]+)", re.I)
_EITHER = frozenset({"and/or", "he/she", "she/he", "his/her", "her/his", "him/her", "her/him", "s/he", "w/o"})
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
    return understand(spoken(contents))


def spoken(contents: list[types.Content]) -> str:
    """What the person has said in this conversation, so that an answer adds to the question before it."""
    said: list[str] = []
    for content in contents:
        parts = content.parts or []
        if any(part.function_call or part.function_response for part in parts):
            said.clear()
        elif content.role == "user":
            said.append(" ".join(part.text or "" for part in parts))
    return finished(said)


def finished(said: list[str]) -> str:
    """A new wish stands alone; anything else is read together with the wish it answers."""
    if not said or _MAKE.search(said[-1]) or not any(_MAKE.search(s) for s in said):
        return said[-1] if said else ""
    return "\n".join(said)


def understand(text: str) -> types.Part:
    text = text.replace("\u2019", "'")
    if _DO_NOT.search(text):
        return types.Part(text="Then I make nothing.")
    if _MAKE.search(text):
        return _make(text)
    if re.search(r"\b(delete|remove|forget|retire|erase)\b", text, re.I):
        return types.Part(text=CANNOT_DELETE)
    return _lookup(text.lower()) or types.Part(text=HELP)


def _lookup(words: str) -> types.Part | None:
    """A wish to see something."""
    known = _ID.search(words)
    if known and re.search(r"\b(link|url|talk)\b", words):
        return _call("get_signed_url", {"of": known[0]})
    if known:
        return _call("get_companion", {"companion": known[0]})
    if re.search(r"\b(quota|credits?|slots?)\b", words):
        return _call("check_quota", {})
    return _call("list_companions", {}) if re.search(r"\b(list|which companions|what companions)\b", words) else None


def _make(text: str) -> types.Part:
    if len(people(text)) > 1:
        return types.Part(text=f"One companion at a time, please: {' or '.join(people(text))}? Say it for one of them.")
    wish = read(text)
    missing = [question for key, question in QUESTIONS.items() if not wish.get(key)]
    if missing:
        return types.Part(text=" ".join(missing))
    return _call("make_companion", wish)


QUESTIONS = {
    "name": "Whose companion shall it be? Please say the person's name.",
    "recordings": "Which recording of the voice shall I use? Please give a file or folder.",
}


def read(text: str) -> dict[str, Any]:
    """The arguments of `make_companion` that a sentence holds; what it doesn't say isn't there."""
    person = _PERSON.search(text)
    relation = (person["relation"] or "").lower() if person else ""
    name = _name(person["name"] if person else "") or _answered_name(text)
    deceased = died(text, relation) or "late" in (person["late"].lower() if person else "")
    agreed = consent.found(text, name, relation=relation, deceased=deceased) if name else None
    wish: dict[str, Any] = {
        "name": name,
        "relation": relation,
        "deceased": deceased,
        "language": language(text),
        "wishes": wishes(text),
        **paths(text),
        "consent_statement": agreed.statement if agreed else "",
    }
    return {key: value for key, value in wish.items() if value}


def people(text: str) -> list[str]:
    """The people that are named with their relation: "my mother Rosa and my father Tom" are two."""
    named = re.findall(
        r"\b(?i:my|our|her|his)\s+(?:(?i:late|dear)\s+)*(?i:" + "|".join(RELATIONS) + r")\s+(" + _NAME + ")", text
    )
    return list(dict.fromkeys(named))


def died(text: str, relation: str) -> bool:
    """Whether the person is said to have died; somebody else's death ("her husband died") is not theirs."""
    others = set(RELATIONS) - {relation}
    return bool(_BURIED.search(text)) or any(found["who"].lower() not in others for found in _DIED.finditer(text))


def _name(text: str | None) -> str:
    return (text or "").rstrip(".,").removesuffix("'s")


def _answered_name(text: str) -> str:
    """A name given in answer to our question: a line of nothing but capitalised words."""
    lines = (line.strip(" .!") for line in text.split("\n")[1:])
    return next((line for line in lines if _IS_NAME.fullmatch(line)), "")


def paths(text: str) -> dict[str, list[str]]:
    """Recordings and memories; a folder may hold both."""
    found: dict[str, list[str]] = {"recordings": [], "memories": []}
    for token in re.finditer(r"\"([^\"]+)\"|(?<!\w)'([^']+)'(?!\w)|(\S+)", text):
        path = (token[1] or token[2] or token[3]).rstrip(".,;:!?)").lstrip("(")
        ending = path.lower()
        if ending.endswith(SOUNDS):
            found["recordings"].append(path)
        elif ending.endswith(TEXTS):
            found["memories"].append(path)
        elif "/" in path and not path.startswith(("http:", "https:")) and path.lower() not in _EITHER:
            found["recordings"].append(path)
            found["memories"].append(path)
    return _sorted_out(found)


def _sorted_out(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Where a recording was named as a file, folders are memories."""
    files = [p for p in found["recordings"] if p.lower().endswith(SOUNDS)]
    return {"recordings": files or found["recordings"], "memories": found["memories"]}


def language(text: str) -> str:
    for word in re.findall(r"[A-Za-z]+", text):
        if word.lower() in LANGUAGES and word[0].isupper():
            return LANGUAGES[word.lower()]
    return "en"


def wishes(text: str) -> str:
    found = _WISHES.search(text)
    return found["wishes"].strip() if found else ""


def explain(tool: str, response: dict[str, Any]) -> str:
    """A tool's result in a sentence or two."""
    error, view = response.get("error"), response.get("companion")
    if isinstance(error, dict):
        row = cast("dict[str, str]", error)
        return f"That didn't work ({row['code']}): {row['what']}. {row['exists']}. Next: {row['next']}."
    if tool == "make_companion" and isinstance(view, dict):
        return made(cast("dict[str, Any]", view))
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


def _call(name: str, arguments: dict[str, Any]) -> types.Part:
    return types.Part(function_call=types.FunctionCall(name=name, args=arguments))
