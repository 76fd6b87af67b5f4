"""docs/install.md, examples.md and troubleshooting.md say what the code does."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import anyio
import pytest

import examples
from storykeeper_server.grammar import ASSISTANTS, parser
from storykeeper_server.hosts.known import HOSTS
from storykeeper_tools.errors import StorykeeperError, kinds
from storykeeper_tools.settings import KNOWN

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
INSTALL, TROUBLE = ((DOCS / name).read_text(encoding="utf-8") for name in ("install.md", "troubleshooting.md"))
CODES = {kind.code: kind for kind in kinds() if "code" in vars(kind) and kind is not StorykeeperError}


def test_the_examples_are_what_happens() -> None:
    """Whole transcripts, made anew; REVIEWED=1 writes them."""
    told = anyio.run(examples.document)
    if os.environ.get("REVIEWED"):
        examples.DOCUMENT.write_text(told, encoding="utf-8")
    assert examples.DOCUMENT.read_text(encoding="utf-8") == told, (
        "run the tests with REVIEWED=1 and read the difference"
    )


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_its_entry(code: str) -> None:
    """With its exit code, whether trying again may help, and what to do."""
    [entry] = re.findall(rf"^### `{code}`\n(.*?)(?=^#|\Z)", TROUBLE, re.S | re.M)
    again = "yes" if CODES[code].retry_helps else "no"
    first, advice = entry.strip().split("\n\n", 1)
    assert first == f"Exit code {CODES[code].exit_code}. Again: {again}."
    assert len(advice) > 60


def test_no_other_code_has_one() -> None:
    """And every exit code is in the table."""
    assert set(re.findall(r"^### `(\w+)`", TROUBLE, re.M)) == set(CODES)
    listed = re.findall(r"^\| ([\d, ]+) \|", TROUBLE.partition("\n## ")[0], re.M)
    assert {int(number) for row in listed for number in row.split(",")} >= {0, 1, 2, 3, 4, 5, 6, 7, 130, 141, 143}


@pytest.mark.parametrize("text", [INSTALL, TROUBLE], ids=["install", "troubleshooting"])
def test_commands_and_settings_are_ones_that_there_are(text: str) -> None:
    """As they are written."""
    written = re.findall(r"`storykeeper ([^`]+)`|^storykeeper (.*?)(?:\s+#|$)", text, re.M)
    commands = [command.partition(" > ")[0] for pair in written for command in pair if command]
    assert commands
    for command in commands:
        words = shlex.split(command.replace("HOST", "cursor").replace("RECORDING...", "x.wav"))
        parser().parse_args(words)
    assert set(re.findall(r"STORYKEEPER_[A-Z_]+", text)) <= set(KNOWN)


def test_every_assistant_has_its_row_and_its_place() -> None:
    """On a Mac and on Linux."""
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*?) \|", INSTALL, re.M))
    assert set(rows) == set(ASSISTANTS)
    home = Path("~")
    for name, host in HOSTS.items():
        mac = host.where(home, home / "Library" / "Application Support")
        linux = host.where(home, home / ".config")
        assert f"`{mac}`" in rows[name]
        assert mac == linux or f"`{linux.parent}/`" in rows[name]
        assert f"## {host.title}\n" in INSTALL


@pytest.mark.parametrize("name", ["install.md", "troubleshooting.md", "examples.md"])
def test_linked_files_exist_and_the_readme_links_here(name: str) -> None:
    """Headings, too."""
    assert f"docs/{name}" in (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", (DOCS / name).read_text(encoding="utf-8")):
        file, _, heading = link.partition("#")
        target = DOCS / file
        assert target.exists(), link
        slugs = [re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)]  # fmt: skip
        assert not heading or heading in slugs
