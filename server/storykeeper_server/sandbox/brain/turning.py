"""English sentences turned from the third person into the first, or not at all: a mangled memory is worse than a quoted one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from .languages import language, telling
from .person import Person
from .words import words

_NARRATOR = re.compile(r"\b(?:I|[Mm]y|me|mine|myself|[Ww]e|[Uu]s|[Oo]urs?)\b")
_SHE = {"she": "I", "her": "", "hers": "mine", "herself": "myself"}
_HE = {"he": "I", "him": "me", "his": "my", "himself": "myself"}
_QUOTED = re.compile(r"[\"\u201c][^\"\u201c\u201d]*[\"\u201d]")
_CAPITAL = re.compile(r"(?<!^)(?<![.!?:] )\b[A-Z][a-z]+(?: [A-Z][a-z]+)*")
_PLACED = re.compile(r"\b(?:in|at|on|to|from|of|off|near|the|over|through|called|until|since|by|for)(?: the)? $", re.I)
_OPENING = re.compile(r"[A-Z][a-z]+")
_SUBJECT = re.compile(
    r"(?:,|\b(?:and|but|that|when|while|because|if|as|where|what|how|until|before|after|so))\s*$", re.I
)
_COORDINATED = re.compile(r"\b(?:and|or|but|then)(?: (?:always|never|then|still))? [a-z]+s\b")


class Turning:
    """Turns the sentences of one document about one person."""

    def __init__(self, text: str, person: Person) -> None:
        she, he = (len(re.findall(rf"\b{word}\b", text, re.I)) for word in ("she", "he"))
        names = "|".join(map(re.escape, sorted(person.called, key=len, reverse=True))) or "(?!)"
        self._pronouns = _SHE if she >= he else _HE
        self._rivals = frozenset(telling()["women" if she >= he else "men"].split())
        others = telling()["men" if she >= he else "women"].replace(" ", "|")
        self._kin = re.compile(rf"\b(?i:her|his) (?:{others}),? [A-Z][a-z]+,?")
        self._name = re.compile(rf"\b(?:{names})\b")
        self._targets = re.compile(rf"\b(?:{names})\b(?:['\u2019]s\b)?|\b(?i:{'|'.join(self._pronouns)})\b")

    def turn(self, sentences: Sequence[str], said: range) -> list[str] | None:
        """These sentences of a paragraph in the first person; None where one of them is unsure."""
        turned: list[str] = []
        about = True
        for at, sentence in enumerate(sentences[: said.stop]):
            if at in said:
                new = self._sentence(sentence, about)
                if new is None:
                    return None
                turned.append(new)
            about = self._name.match(sentence) is not None or (about and self._stays(_outside(sentence)))
        return turned

    def _stays(self, sentence: str) -> bool:
        """Whether a pronoun in the next sentence still means whom it meant in this one."""
        if words(sentence[:20])[:1] == [next(iter(self._pronouns))]:
            return True
        return not self._rival(sentence)

    def _rival(self, text: str) -> bool:
        """Whether somebody else is spoken of whom a pronoun may mean; places and days are nobody."""
        if not self._rivals.isdisjoint(words(text)):
            return True
        text = self._name.sub("", self._kin.sub(" ", text))
        opening = _OPENING.match(text)
        if opening and opening[0].lower() not in _common():
            return True
        return any(
            found[0].lower() not in telling()["days"].split() and not _is_place(text, found)
            for found in _CAPITAL.finditer(text)
        )

    def _sentence(self, sentence: str, about: bool) -> str | None:
        outside = _outside(sentence)
        if _NARRATOR.search(outside):
            return None
        found = list(self._targets.finditer(outside))
        meant = [each.start() for each in found if each[0].lower() in self._pronouns]
        named = [each.start() for each in found if each.start() not in meant]
        if not found:
            return sentence
        sure = about or (named and named[0] < meant[0]) if meant else True
        if not sure or (meant and self._rival(outside[: meant[-1]])):
            return None
        return self._replaced(sentence)

    def _replaced(self, sentence: str) -> str | None:
        parts: list[str] = []
        start = 0
        for quote in (*_QUOTED.finditer(sentence), None):
            piece = self._piece(sentence[start : quote.start() if quote else None])
            if piece is None:
                return None
            parts += [piece, quote[0] if quote else ""]
            start = quote.end() if quote else start
        turned = re.sub(r"^I and ((?:[A-Z]\w+ )+)", r"\1and I ", "".join(parts))
        return turned[:1].upper() + turned[1:]

    def _piece(self, text: str) -> str | None:
        out, start, present = "", 0, False
        for found in self._targets.finditer(text):
            word = self._word(found[0], text[: found.start()], text[found.end() :])
            if word is None or found.start() < start:
                return None
            out, start = out + text[start : found.start()] + word, found.end()
            if word == "I":
                verb, taken, turned = _verb(text[start:])
                out, start, present = out + verb, start + taken, present or turned
        # In "she goes last and always wins" a second verb would have to be turned too.
        return None if present and _COORDINATED.search(text) else out + text[start:]

    def _word(self, found: str, before: str, rest: str) -> str | None:
        following = _next(rest)
        if found.lower() == "her":
            return None if following.endswith(("ed", "ing")) else _her(following)
        if found.lower() in self._pronouns:
            return "mine" if found.lower() == "his" and not following else self._pronouns[found.lower()]
        if found[-2:] in {"'s", "\u2019s"}:
            unsure = re.search(r"\b(?:at|to|from|near) $", before, re.I) or following in {
                "",
                "a",
                "an",
                "the",
                "been",
                "got",
                "not",
            }
            return None if unsure or following.endswith(("ing", "s")) else "my"
        if not before.strip() or _SUBJECT.search(before):
            return "I"
        return "me" if following not in telling()["auxiliary"].split() and _her(following) == "me" else None


@cache
def _common() -> frozenset[str]:
    """Words that may begin a sentence without being somebody's name."""
    known = telling()
    listed = " ".join([known["openings"], known["object"], known["days"], known["between"]])
    return frozenset(listed.split()) | language("en").stop


def _is_place(text: str, found: re.Match[str]) -> bool:
    """After a preposition; but in "In Cork Eileen said" only the first word is one."""
    ends = " " not in found[0] or _her(_next(text[found.end() :])) == "me"
    return ends and _PLACED.search(text[: found.start()]) is not None


def _next(rest: str) -> str:
    after = re.match(r"\s+([\w'-]+)", rest)
    return after[1].lower() if after else ""


def _outside(sentence: str) -> str:
    return _QUOTED.sub(lambda quote: " " * len(quote[0]), sentence)


def _her(following: str) -> str:
    """What "her" becomes before a word, or before none."""
    return "me" if not following or following in telling()["object"].split() else "my"


def _verb(rest: str) -> tuple[str, int, bool]:
    """The words up to the verb in its first person, how many characters they replace, and whether it changed."""
    between = "|".join(telling()["between"].split())
    found = re.match(rf"((?:,? (?:{between}))*) ([A-Za-z']+)", rest)
    if not found:
        return "", 0, False
    turned = telling()["verbs"].get(found[2]) or _first(found[2])
    return f"{found[1]} {turned}", found.end(), turned != found[2]


def _first(verb: str) -> str:
    if not verb.endswith("s") or verb.endswith(("ss", "us")) or verb in telling()["alike"].split():
        return verb
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    return verb[:-2] if verb.endswith(("shes", "ches", "sses", "xes", "zzes")) else verb[:-1]
