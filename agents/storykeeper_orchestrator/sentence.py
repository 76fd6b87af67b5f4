"""What a sentence that asks for a companion says: whose, from what, and what is true of them. What it doesn't say isn't there."""

from __future__ import annotations

import os
import re
from typing import Any

from . import consent

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
_NAME = r"(?:[A-Z]\.|Dr\.|Mrs?\.|[A-ZÀ-ÖØ-Þ][\w'-]*)"
NAMED = rf"(?:{_NAME}(?:\s+{_NAME})*)"
_PERSON = re.compile(
    r"[Cc]ompanion\s+(?:of|for)\s+(?:(?i:my|our|the|his|her|their)\s+)?(?P<late>(?:(?i:late|dear|beloved|old)\s+)*)"
    r"(?:(?P<relation>(?i:" + "|".join(RELATIONS) + r"))\b[\s,]*)?(?P<name>" + _NAME + r"(?:\s+" + _NAME + r")*)?"
)
_DIED = re.compile(
    r"(?P<who>\w+)\s+(?:(?:has|had|have|is|was)\s+)?(?:died|dead|deceased|passed(?: away| on)?|buried)\b", re.I
)
_GRAVE = re.compile(r"\b(buried|lost)\s+(him|her)\b|\bfuneral\b", re.I)
_IS_NAME = re.compile(_NAME + r"(?:\s+" + _NAME + r")*")
_WISHES = re.compile(r"\b(?:should|shall|must|to)\s+(?:sound|be|speak|talk)\s+(?P<wishes>[^.]+)", re.I)
_TOKEN = re.compile(r"\"([^\"]+)\"|(?<!\w)'([^']+)'(?!\w)|(\S+)")
_BEFORE_PATH = re.compile(r"(?:\bfrom|\band|\bplus|,)\s+$", re.I)
_AFTER_PATH = re.compile(
    r"[\"']?(?:,|,?\s+(?:and|plus))\s+(?:the\s+)?(?P<word>\"[^\"]+\"|'[^']+'|[\w-]+)(?=\s*(?:[.;!,]|$|\s(?:and|plus)\s))",
    re.I,
)
_YEAR = re.compile(r"\b1[89]\d\d\b|\b20\d\d\b")
_BIRTH = re.compile(r"\b(?:born|birth\w*)\b", re.I)
_NOT_SO = re.compile(r",?\s+(?:and\s+)?not\s+(?:in\s+|on\s+)?[\w ]+(?=[.!]?$)", re.I)
_CONSENT = re.compile(r"\b(?:agree\w*|consent\w*|permi\w+|allow\w*|voice)\b", re.I)
_OBLIGED = re.compile(r"\b(?:shall|must|can|please)\b", re.I)
_EITHER = frozenset({"and/or", "he/she", "she/he", "his/her", "her/his", "him/her", "her/him", "s/he", "w/o"})


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
        "corrections": [s for s in sentences(text) if states(s, name, relation)],
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
    return bool(_GRAVE.search(text)) or any(found["who"].lower() not in others for found in _DIED.finditer(text))


def _name(text: str | None) -> str:
    return (text or "").rstrip(".,").removesuffix("'s")


def _answered_name(text: str) -> str:
    """A name given in answer to our question: a line of nothing but capitalised words."""
    lines = (line.strip(" .!") for line in text.split("\n")[1:])
    return next((line for line in lines if _IS_NAME.fullmatch(line)), "")


def paths(text: str) -> dict[str, list[str]]:
    """Recordings and memories; a folder may hold both."""
    found: dict[str, list[str]] = {"recordings": [], "memories": []}
    for token in _TOKEN.finditer(text):
        path = _unmarked(token)
        ending = path.lower()
        if ending.endswith(SOUNDS):
            found["recordings"].append(path)
        elif ending.endswith(TEXTS):
            found["memories"].append(path)
        elif _a_folder(path) or (path and _BEFORE_PATH.search(text[: token.start()]) and os.path.exists(path)):
            found["recordings"].append(path)
            found["memories"].append(path)
    return _sorted_out(found)


def _unmarked(token: re.Match[str]) -> str:
    """A path without the quotes around it, or the marks after it."""
    return (token[1] or token[2] or token[3]).rstrip(".,;:!?)").lstrip("(")


def _a_folder(path: str) -> bool:
    return "/" in path and not path.startswith(("http:", "https:")) and path.lower() not in _EITHER


def astray(text: str) -> str:
    """A word that stands where a path is expected, beside another one, and is none; or nothing."""
    for token in _TOKEN.finditer(text):
        path = _unmarked(token)
        beside = _AFTER_PATH.match(text, token.start() + token[0].index(path) + len(path)) if path else None
        if beside and (path.lower().endswith((*SOUNDS, *TEXTS)) or _a_folder(path)):
            word = beside["word"].strip("\"'")
            if not os.path.exists(word):
                return word
    return ""


def _sorted_out(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Where a recording was named as a file, folders are memories."""
    files = [p for p in found["recordings"] if p.lower().endswith(SOUNDS)]
    return {"recordings": files or found["recordings"], "memories": found["memories"]}


def language(text: str) -> str:
    for word in re.findall(r"[A-Za-z]+", text):
        if word.lower() in LANGUAGES and word[0].isupper():
            return LANGUAGES[word.lower()]
    return ""


def wishes(text: str) -> str:
    found = _WISHES.search(text)
    return found["wishes"].strip() if found else ""


def sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in re.split(r"(?<=[.!?])\s+|\n+", text) if sentence.strip()]


def states(sentence: str, name: str, relation: str = "") -> bool:
    """Whether a sentence plainly states something of this very person that can outrank a memory: a year, or that it was
    one thing and not another."""
    his = [own for own, others in (("[Hh]er", consent.HE), ("[Hh]is", consent.SHE)) if relation not in others]
    names = [re.escape(part) for part in (name, name.partition(" ")[0]) if part]
    related = rf"(?i:my|our)\s+(?i:{relation})" if relation else ""
    who = "|".join(filter(None, [*consent.pronouns(relation), *names, *his, related]))
    rest = _NOT_SO.sub("", sentence)
    told = rest != sentence or (_YEAR.search(rest) and not _DIED.search(rest))
    doubtful = consent.DOUBT.search(rest) or _CONSENT.search(rest) or _OBLIGED.search(rest)
    return bool(told and not doubtful and re.match(rf"(?:{who})\b", sentence))


def unsure(text: str, name: str, relation: str) -> str:
    """A sentence about somebody's birth that isn't plain enough to outrank a memory; or nothing."""
    return next((s for s in sentences(text) if _BIRTH.search(_pathless(s)) and not states(s, name, relation)), "")


def _pathless(text: str) -> str:
    return _TOKEN.sub(lambda token: "" if token[1] or "/" in token[0] else token[0], text)
