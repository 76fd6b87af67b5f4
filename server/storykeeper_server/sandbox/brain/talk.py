"""One turn of the agent: what was said is understood, and answered from memory or with a fixed sentence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice

from ..state import Row
from . import crisis, tools
from .languages import Language, language, means
from .memory import Hit, Memory, windows
from .person import Person, person
from .telling import tell
from .types import Found, Reply, Source, Tool
from .words import plain, words

_LONGEST = 100_000
_LONGEST_CHAT = 12
_LONGEST_RESULT = 300


def reply(settings: Row, sources: Memory | Sequence[Source], asked: str, *, history: Sequence[str] = ()) -> Reply:
    """What an agent with these settings answers; `history` is what the visitor said before, oldest first."""
    tongue = language(settings["conversation_config"]["agent"]["language"])
    said = plain(asked[:_LONGEST])
    if not said:
        return Reply(tongue.say("silence"))
    if means("is_crisis", said) or (_leaves(said, asked, tongue) and _in_crisis(history)):
        return Reply(crisis.words(settings, tongue))
    who = person(settings)
    if any(means("is_real", said, each, who.name) for each in (tongue, language("en"))):
        return Reply(_disclosure(tongue, who))
    if tool := tools.choose(settings, asked[:_LONGEST], tongue, len(history)):
        return Reply("", tool=tool)
    if _leaves(said, asked, tongue):
        return Reply(tongue.say("farewell"), ends=tools.ends(settings))
    memory = sources if isinstance(sources, Memory) else Memory(sources)
    return _remembered(settings, memory, tongue, who, [*history, asked[:_LONGEST]]) or _chat(tongue, said)


def after_tool(settings: Row, tool: Tool, result: str, error: bool) -> Reply:
    """What is said when a client tool came back. A short result in words is passed on, anything else isn't read out."""
    tongue = language(settings["conversation_config"]["agent"]["language"])
    if error:
        return Reply(tongue.say("failed"))
    spoken = _spoken(result)
    return Reply(f"{tongue.say('done')} {spoken}".strip())


def _spoken(result: str) -> str:
    if len(result) > 2 * _LONGEST_RESULT:
        return ""
    try:
        value = json.loads(result)
    except ValueError:
        value = result
    bare = " ".join(value.split()) if isinstance(value, str) else ""
    hostile = means("is_instruction", plain(bare)) or means("is_crisis", plain(bare))
    return "" if hostile or len(bare) > _LONGEST_RESULT else bare


def _leaves(said: str, asked: str, tongue: Language) -> bool:
    return "?" not in asked and len(said.split()) <= _LONGEST_CHAT and means("is_farewell", said, tongue)


def _in_crisis(history: Sequence[str]) -> bool:
    return any(means("is_crisis", plain(line[:_LONGEST])) for line in history)


def _disclosure(tongue: Language, who: Person) -> str:
    return tongue.say("real", name=who.name) if who.name else tongue.say("real_nameless")


def _chat(tongue: Language, said: str) -> Reply:
    """An answer where no memory fits: to a courtesy in kind, to anything else honestly."""
    for what in ("lonely", "love", "thanks", "greeting"):
        if means(f"is_{what}", said, tongue):
            return Reply(tongue.say(what))
    return Reply(tongue.say("unsure"))


def _remembered(settings: Row, memory: Memory, tongue: Language, who: Person, said: Sequence[str]) -> Reply | None:
    """From the last real question; every "go on" since then asks for the next memory."""
    more = 0
    while more < len(said) - 1 and means("is_more", plain(said[-1 - more]), tongue):
        more += 1
    question = said[-1 - more]
    hits = _fitting(settings, memory, tongue, who, question)
    told = 0
    if not hits and means("is_open", plain(question), tongue):
        # Asked for just any story, the agent doesn't tell the same one twice.
        hits = _any(memory)
        told = sum(means("is_open", plain(line), tongue) for line in said[: -1 - more])
    chosen = next(islice(_clean(hits), more + told, None), None)
    if chosen is None:
        return Reply(tongue.say("exhausted")) if more + told else None
    hit, said_now = chosen
    found = Found(hit.passage.source.id, hit.passage.id, round(1 - hit.coverage, 3))
    return Reply(tell(tongue, who, hit.passage, said_now, hit.best), (found,))


def _any(memory: Memory) -> list[Hit]:
    return [Hit(passage, (1.0,), 0.0, 1.0) for passage in memory.passages if not passage.aside]


def _fitting(settings: Row, memory: Memory, tongue: Language, who: Person, question: str) -> list[Hit]:
    about = frozenset({*tongue.first, *words(" ".join(who.called)), "she", "he", "her", "his"})
    hits = memory.find(question, tongue, about)
    rag = settings["conversation_config"]["agent"]["prompt"]["rag"]
    if not rag["enabled"]:
        return hits
    near = [hit for hit in hits if 1 - hit.coverage <= rag["max_vector_distance"]]
    return near[: rag["max_retrieved_rag_chunks_count"]]


def _clean(hits: Sequence[Hit]):
    """Windows without sentences that give orders or claim to be alive: documents are material, never instructions."""
    for hit, said in windows(hits):
        text = plain(" ".join(hit.passage.sentences[said.start : said.stop]))
        if not means("is_instruction", text):
            yield hit, said
