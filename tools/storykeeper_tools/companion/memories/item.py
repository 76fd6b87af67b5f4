"""One memory, whatever file it stood in."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Unit = Literal["line", "page", "paragraph", "record"]


@dataclass(frozen=True, slots=True)
class Item:
    """A paragraph, a record, or an hour of a chat: `text` is letter for letter what stood there, its heading included.

    `at` counts from 1 in `unit`s of `source`, a file's name. `title` is the nearest heading, `date` an ISO date, month,
    year or period (`1941-03-03`, `1941`, `1939/1945`), `key` the id that the source itself gave.
    """

    text: str
    source: str
    at: int = 1
    unit: Unit = "line"
    title: str = ""
    date: str = ""
    contributor: str = ""
    people: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    key: str = ""

    @property
    def id(self) -> str:
        """The same memory keeps its id wherever it stands; one that is written anew is another."""
        return "m-" + hashlib.sha256((self.key or folded(self.text) or self.text).encode()).hexdigest()[:10]

    @property
    def where(self) -> str:
        return f"{self.source}, {self.unit} {self.at}"


def folded(text: str) -> str:
    """A text as somebody would call it the same: without case, accents' spelling, punctuation or line breaks."""
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(words)
