"""What families may not want to leave the house: other people's private matters, and numbers that open something."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from .names import Names
from .sentences import sentences
from .wording import eastern, occurring, starting, whole, words

MATTERS = ("health", "money", "separation", "crime", "faith_or_politics", "sexuality", "addiction")
_CARD = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63}){1,4}\b")
_PHONE = re.compile(
    r"(?<![\w.+-])(?<!\d )(?:(?:\+\d|\(?0)[\d ()/.-]{7,18}\d|(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])\d{3}[-. ]\d{4})(?![\w-])"
)
_LONG = re.compile(r"(?:\d[ ().-]{0,2}){9}|@|[A-Z]{2}\d\d")  # all of them have one of these
_HINTS = ("ignore", "disregard", "prompt", "you are now", "</", "<system", "<mem", "<inst", "<assist", "<|", "_", "{{")
_ORDERS = re.compile(
    r"ignore (?:all |any |the |your )*(?:previous |prior |above |earlier )*(?:instructions|rules)|disregard (?:all|your|the) "
    r"|system prompt|you are now (?:a|an|in) |</?(?:system|memories|instructions|assistant)>|<\|im_start\|>"
    r"|\bcall (?:the )?\w+_\w+|\{\{\s*\w+|tool_(?:call|result)",
    re.I,
)


@dataclass(frozen=True)
class Matters:
    """Finds private matters of others in the memories that `names` were learnt from."""

    names: Names

    @cached_property
    def _stems(self) -> dict[str, tuple[str, ...]]:
        language, said = self.names.language, words(self.names.language, "sensitive")
        return {matter: occurring(language, said[matter], self.names.words) for matter in MATTERS}

    def told(self, text: str) -> list[str]:
        """Which matters a text tells of somebody else, as far as words show it."""
        found = {m: starting(self.names.language, stems) for m, stems in self._stems.items() if stems}
        touched = [matter for matter, pattern in found.items() if pattern.search(text)]
        if not touched:
            return []
        about = [sentence for sentence in sentences(text, self.names.language) if self._somebody(sentence)]
        return [matter for matter in touched if any(map(found[matter].search, about))]

    def _somebody(self, sentence: str) -> bool:
        language = self.names.language
        if whole(language, tuple(words(language, "sensitive")["kin"])).search(sentence):
            return True
        if self.names.people_in(sentence):
            return True
        # German writes all nouns large, so that there a capital means nobody.
        return language not in {"de", "zh"} and bool(self.names.strangers(sentence))


def numbers(text: str, language: str) -> list[str]:
    """The kinds of personal data that stand in a text."""
    found = [kind for kind, find in _KINDS.items() if find(text)] if _LONG.search(text) else []
    return [*found, *(["a password"] if _password(language).search(text) else [])]


def orders(text: str) -> bool:
    """Whether a text reads like orders to a machine. Nobody follows them: this only tells that they are there."""
    lower = text.lower()
    return any(hint in lower for hint in _HINTS) and _ORDERS.search(text) is not None


def _card(text: str) -> bool:
    return any(_luhn(re.sub(r"\D", "", found[0])) for found in _CARD.finditer(text))


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + n % 2) for n, d in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _iban(text: str) -> bool:
    return any(_mod97(found[0].replace(" ", "")) for found in _IBAN.finditer(text))


def _mod97(iban: str) -> bool:
    turned = iban[4:] + iban[:4]
    return 15 <= len(iban) <= 34 and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def _phone(text: str) -> bool:
    found = (re.sub(r"\D", "", match[0]) for match in _PHONE.finditer(text))
    return any(9 <= len(digits) <= 15 for digits in found)


@cache
def _password(language: str) -> re.Pattern[str]:
    said = "|".join(map(re.escape, words(language, "sensitive")["password"]))
    edge = "" if eastern(language) else r"\b"
    return re.compile(
        rf"{edge}(?:{said}){edge}\s*(?:(?:is|was|ist|war|es|era|est|è|é)\s|[:=：]|是)\s*[\"'“«]?\S{{3,}}", re.I
    )


_KINDS: dict[str, Callable[[str], bool]] = {
    "a card's number": _card,
    "a bank account's number": _iban,
    "a social security number": lambda text: _SSN.search(text) is not None,
    "an e-mail address": lambda text: _EMAIL.search(text) is not None,
    "a telephone number": _phone,
}
