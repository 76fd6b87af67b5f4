"""docs/talking.md and docs/embedding.md say what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from storykeeper_server import connections
from storykeeper_server.grammar import EMBEDDED, TALK_PORT, parser
from storykeeper_server.talk.limits import SECONDS, Limits
from storykeeper_server.talk.refusals import CODES
from storykeeper_tools.provisioning.proposals import MOST

DOCS = Path(__file__).parent.parent / "docs"
TALKING, EMBEDDING = ((DOCS / name).read_text(encoding="utf-8") for name in ("talking.md", "embedding.md"))


@pytest.mark.parametrize("text", [TALKING, EMBEDDING], ids=["talking", "embedding"])
def test_its_commands_are_understood(text: str) -> None:
    """As they are written."""
    commands = re.findall(r"^\$ storykeeper ([^>\n]*)", text, re.M)
    assert commands
    for command in commands:
        parser().parse_args(shlex.split(command))


def test_every_kind_of_snippet_is_told() -> None:
    """And no other."""
    table = EMBEDDING.partition("| `--embed` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", re.sub(r"\|[^|]*\|$", "", table, flags=re.M))) == set(EMBEDDED)


def test_refusals_have_their_statuses() -> None:
    """Each that a site's route can answer."""
    rows = re.findall(r"^\| ([\d, ]+) \| ([`\w, ]+) \|", EMBEDDING, re.M)
    told = {
        code: status
        for statuses, codes in rows
        for code in re.findall(r"\w+", codes)
        for status in statuses.split(", ")
    }
    assert set(told) == set(CODES) - {"full", "not_allowed", "broken"}
    for statuses, codes in rows:
        assert {str(CODES[code][0]) for code in re.findall(r"\w+", codes)} == set(statuses.split(", "))


def test_limits_are_the_defaults() -> None:
    """In both."""
    usual = Limits()
    assert SECONDS == 600
    assert f"{usual.caller} for one visitor, {usual.total} for all, in ten minutes" in TALKING
    assert f"{usual.caller} talks of one visitor, or {usual.total} of all, in ten minutes" in EMBEDDING
    assert f"up to {MOST} of them" in TALKING
    assert f"http://127.0.0.1:{TALK_PORT}/" in TALKING
    assert f"half sent are let go after {connections.HEAD_SECONDS:.0f} seconds" in TALKING


def test_every_common_trouble_has_its_row() -> None:
    """By what a person sees."""
    for symptom in ("3000", "microphone", "15 minutes", "CORS", "signed-url"):
        assert symptom in TALKING


@pytest.mark.parametrize("text", [TALKING, EMBEDDING], ids=["talking", "embedding"])
def test_linked_files_exist(text: str) -> None:
    """Headings, too."""
    for link in re.findall(r"\]\(([^)]+)\)", text):
        file, _, heading = link.partition("#")
        target = DOCS / file
        assert target.exists(), link
        slugs = [re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)]  # fmt: skip
        assert not heading or heading in slugs
