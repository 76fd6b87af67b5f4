"""What people answer, in every language that companions speak: yes or no, a consent, a name.

A consent counts when every word of an answer is understood; whatever else is said is asked about, or is a no.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from storykeeper_tools.companion.language import offered, table
from storykeeper_tools.companion.spec import LONGEST_NAME

Meant = Literal["yes", "self", "heir", "guardian"]
_MOST_NAMES = 5
_PARTICLE = r"(?:a[fpv]|al|bin|d[aeio]|dal|das|de[lnr]|dell[ae]|dos|e|el|ibn|l[aeo]|las|los|t[eo][nr]|v[ao]n|y|zu[mr]?)"
_HAN = re.compile(r"[\u4e00-\u9fff]")


def yes_or_no(answer: str) -> bool | None:
    """A plain yes, or what begins with a no, in any language; None for everything else, nothing at all is a no."""
    words = _bare(answer)
    if not words or words == "false" or re.match(rf"(?:{_words('answers', 'no')})", words):
        return False
    return True if words in {"true", *_each("answers", "yes")} and not asks(answer) else None


def asks(answer: str) -> bool:
    return "?" in unicodedata.normalize("NFKC", answer)


def meant(answer: str, name: str, *, deceased: bool) -> Meant | None:
    """What an answer about consent says, in whichever language all of it is understood."""
    if asks(answer):
        return None
    for code in offered():
        if what := _meant(answer, name, code, deceased=deceased):
            return what
    return None


def _meant(answer: str, name: str, code: str, *, deceased: bool) -> Meant | None:
    yes, rest = _led(answer, code, deceased=deceased)
    if yes and not rest:
        return "yes"
    gap = r"[\s,]*" if code == "zh" else r"[\s,]+"
    part = {key: _either(table(code, "heard")[key], name) for key in ("who", "agreed", "did", "to", *_OFFICES, "agree")}
    tail = f"(?:{gap}{part['to']})*"
    own = [f"{part['who']}{gap}{part['agreed']}{tail}"]
    if any(re.fullmatch(words, rest) for words in [*own, *([part["agreed"] + tail, part["did"]] if yes else [])]):
        return "self"
    for office in _OFFICES:
        agrees = f"{part[office]}{gap}{part['agree']}{tail}"
        if re.fullmatch(agrees, rest) or (yes and re.fullmatch(part[office], rest)):
            return office
    return None


_OFFICES: tuple[Literal["heir", "guardian"], ...] = ("heir", "guardian")


def _led(answer: str, code: str, *, deceased: bool) -> tuple[bool, str]:
    """Whether an answer begins with a yes, and the rest of it. Some words are a yes only before a comma ("si"), and
    some speak of whoever answers, which is no word of somebody living."""
    said = unicodedata.normalize("NFKC", answer).casefold().strip()
    known, heard = table(code, "answers")["yes"], table(code, "heard")
    for word in sorted(map(str.casefold, known), key=len, reverse=True):
        found = re.match(rf"{re.escape(word)}(?:\s*[,.!;:。]+\s*|\s+|$)", said)
        bare = found and found[0].rstrip() == word and found.end() < len(said)
        if found and not (bare and word in heard["hesitant"]) and (deceased or word not in heard["mine"]):
            return True, _plain(said[found.end() :])
    return False, _plain(said)


def doubted(answer: str, language: str) -> bool:
    """Whether an answer denies, hopes, or makes conditions, in its language."""
    return re.search(_found(table(language, "heard")["doubt"]), _plain(answer)) is not None


def taken_back(answer: str, language: str) -> bool:
    """Whether what was asked as a name is a refusal."""
    words = [word for code in {language, "en"} for word in table(code, "heard")["refuse"]]
    no = bool(answer.strip()) and yes_or_no(answer) is False
    return no or re.search(_found(words), _plain(answer)) is not None


def is_name(answer: str) -> bool:
    """Whether it can be what a person is called: a few words, each with a capital or in a script that has none."""
    words = answer.split()
    plain = len(words) <= _MOST_NAMES and len(answer) <= LONGEST_NAME and yes_or_no(answer) is None
    named = [word for word in words if not re.fullmatch(_PARTICLE, word)]
    return plain and bool(named) and all(re.fullmatch(r"[^\W\d_][\w'\u2019.-]*", w) and _tall(w) for w in named)


def _tall(word: str) -> bool:
    return word[0].isupper() or word.lower() == word.upper() or re.match(r"[dlo]['\u2019][^\W\d_]", word) is not None


def found_in(text: str, words: Iterable[str]) -> bool:
    """Whether one of the patterns stands in a text, as a word of its own."""
    return re.search(_found(words), _plain(text)) is not None


def clauses(text: str, language: str) -> list[str]:
    """An answer in its parts: "not dementia, just us" says two things."""
    heard = table(language, "heard")
    plain = re.sub(_found(heard["only"]), " ", _plain(text))
    return re.split(rf"[,.;:!。、]|{_found(heard['clauses'])}", plain)


def _plain(text: str) -> str:
    """In small letters, without accents, and without the marks at its ends."""
    folded = unicodedata.normalize("NFKD", text.replace("\u2019", "'")).casefold()
    kept = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return " ".join(kept.split()).strip(" .,!;:。\"'“”„«»()")


def _bare(text: str) -> str:
    """Without any marks."""
    return " ".join("".join(c for c in _plain(text) if unicodedata.category(c)[0] != "P").split())


def _each(part: str, key: str) -> set[str]:
    return {_bare(word) for code in offered() for word in table(code, part)[key]}


def _words(part: str, key: str) -> str:
    """The words of all languages, as one pattern."""
    return "|".join(_bounded(re.escape(word)) for word in sorted(_each(part, key)))


def _found(words: Iterable[str]) -> str:
    return "|".join(map(_bounded, words)) or r"(?!)"


def _bounded(word: str) -> str:
    """Chinese has no spaces between its words."""
    return word if _HAN.search(word) else rf"\b{word}\b"


def _either(words: Iterable[str], name: str) -> str:
    called = {_plain(name), _plain(name.partition(" ")[0])} - {""}
    return f"(?:{'|'.join(words)})".replace("{name}", f"(?:{'|'.join(map(re.escape, sorted(called)))})")
