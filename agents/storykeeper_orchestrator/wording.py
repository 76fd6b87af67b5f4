"""What the procedures say, in the language of whoever they talk to; which one that is, their own words tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from storykeeper_tools.companion.language import DEFAULT, named, offered, table

_LONGEST = 4000  # characters of a message that are looked at
_LEAST, _CLEARLY = 2, 1.5
_MOST, _LONG = 8, 120  # names in a list, characters of a name
_HAN = re.compile(r"[\u4e00-\u9fff]")
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»")
_PATH = re.compile(r"\S*(?:[/\\]|\.\w)\S*")


def say(language: str, key: str, /, **values: object) -> str:
    """A sentence of the procedures with its values in it; what stands in a value is never filled in itself."""
    text = str(table(language, "orchestrator")[key])
    if "name" in values:
        name = re.sub(r"[{}]", "", str(values.pop("name")))
        text = named(text, name, language)
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), text)


def label(language: str, part: str, name: str) -> str:
    """What a status, or a field of a plan, is called; as it is where it has no other name."""
    return str(table(language, "orchestrator")[part].get(name, name))


def listed(names: Iterable[str]) -> str:
    """Names in a row, as many as can be read."""
    told = [cut(name, _LONG) for name in names]
    more = f" … (+{len(told) - _MOST})" if len(told) > _MOST else ""
    return ", ".join(told[:_MOST]) + more


def cut(text: str, most: int) -> str:
    """In one line, without what can't be seen; of what is long, both ends."""
    plain = "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
    ends = (most - 1) // 2
    return plain if len(plain) <= most else f"{plain[:ends]}…{plain[-ends:]}"


def spoken_in(said: Sequence[str]) -> str:
    """The language of the newest message that is clearly in one; English where none is."""
    return next((code for text in reversed(said) if (code := _clearly(text[:_LONGEST]))), DEFAULT)


def _clearly(text: str) -> str:
    words = Counter(_own(text))
    score = Counter({code: sum(words[word] for word in _known(code)) for code in offered()})
    score["zh"] = len(_HAN.findall(text)) // 2  # as many signs as make a word
    (best, first), (_, second) = score.most_common(2)
    return best if first >= _LEAST and first >= _CLEARLY * second else ""


def _known(code: str) -> set[str]:
    return {*table(code, "tongue")["words"], *table(code, "heard")["words"]}


def _own(text: str) -> list[str]:
    """The words of a sentence, without names, which may be in any language, and without what files are called."""
    plain = _PATH.sub(" ", _QUOTED.sub(" ", text))
    starts = {found.end() for found in re.finditer(r"(?:^|[.!?¿¡:\n])\W*", plain)}
    found = [word for word in re.finditer(r"[^\W\d_]+", plain) if word[0].islower() or word.start() in starts]
    return [word[0].lower() for word in found]
