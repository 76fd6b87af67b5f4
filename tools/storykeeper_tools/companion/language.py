"""What is said in each language: one file for each, in `languages/`, with a table for each part that needs words."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from ..errors import BadInput

DEFAULT = "en"


def offered() -> list[str]:
    """The languages whose disclosure and crisis texts exist, by their ISO 639-1 codes."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


@cache
def phrases(language: str) -> Mapping[str, str]:
    """The fixed sentences of a language. Raises BadInput for one that has no file yet, saying how to add it."""
    return {name: value for name, value in _words(language).items() if isinstance(value, str)}


@cache
def table(language: str, name: str) -> Mapping[str, Any]:
    """A part's words, in English for what a language hasn't got. Raises BadInput for a language without a file."""
    found = _words(language).get(name, {})
    return {**_words(DEFAULT).get(name, {}), **found}


def named(text: str, name: str, language: str) -> str:
    """A sentence with a person's name where it says `{name}`, joined as the language joins it: `d'Anne`."""
    vowel = unicodedata.normalize("NFD", name)[:1].casefold() in tuple("aeiou")
    for apart, together in table(language, "elision").items() if vowel else ():
        text = text.replace(apart, together)
    return text.replace("{name}", name)


@cache
def _words(language: str) -> Mapping[str, Any]:
    known = offered()
    if language not in known:
        raise BadInput(
            f"there is no disclosure text in this language yet; there is in {', '.join(known)}",
            next=f"choose one of them, or add companion/languages/{language}.toml as docs/languages.md says",
        )
    return tomllib.loads(_folder().joinpath(f"{language}.toml").read_text(encoding="utf-8"))


def _folder() -> Any:
    return resources.files(__name__.rpartition(".")[0]).joinpath("languages")
