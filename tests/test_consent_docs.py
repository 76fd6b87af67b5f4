"""docs/consent.md and docs/crisis.md say what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from storykeeper_server.grammar import parser
from storykeeper_tools.companion.language import offered, phrases
from storykeeper_tools.companion.spec import ConsentKind

DOCS = Path(__file__).parent.parent / "docs"
CONSENT, CRISIS = ((DOCS / name).read_text(encoding="utf-8") for name in ("consent.md", "crisis.md"))
NUMBER = re.compile(r"\d[\d ]+\d")


def test_every_kind_of_consent_is_explained() -> None:
    """And no other."""
    assert tuple(re.findall(r"^\| `(\w+)` ", CONSENT, re.M)) == get_args(ConsentKind)


@pytest.mark.parametrize("command", re.findall(r"storykeeper ((?:consent|export) [^`\n]+)", CONSENT))
def test_its_commands_are_understood(command: str) -> None:
    """As they are written."""
    assert parser().parse_args(shlex.split(command)).companion == "ID"


def test_every_language_has_its_helplines() -> None:
    """In words or numbers that the companion says, too."""
    rows = dict(re.findall(r"^\| ([A-Z][\w ]+) \| (.+) \|$", CRISIS, re.M))
    assert set(rows) == {phrases(code)["name"] for code in offered()}
    for code in offered():
        said = phrases(code)["crisis"]
        told = NUMBER.findall(rows[phrases(code)["name"]])
        assert told
        assert [number for number in told if number not in said] == []
        assert [number for number in NUMBER.findall(said) if number not in told] == []
