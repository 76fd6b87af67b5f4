"""docs/companion-yaml.md: its example is a companion, and its tables are what the code says."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import spec_table
from storykeeper_server.batch import GRAVEST_FIRST
from storykeeper_server.grammar import parser
from storykeeper_tools.companion.written import load

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "companion-yaml.md"
SERVER = ROOT / "server" / "storykeeper_server"


def test_the_table_of_keys_is_the_model() -> None:
    """Every key, what it may be, and its default; REVIEWED=1 writes it."""
    start, end = "<!-- keys: written by the tests, REVIEWED=1 make test -->\n", "<!-- /keys -->"
    before, rest = DOCS.read_text(encoding="utf-8").split(start)
    shown, after = rest.split(end)
    if os.environ.get("REVIEWED"):
        DOCS.write_text(before + start + spec_table.table() + end + after, encoding="utf-8")
        shown = spec_table.table()
    assert shown == spec_table.table(), "run the tests with REVIEWED=1 and read the difference"


def test_the_example_is_read(tmp_path: Path) -> None:
    """Beside the files of examples/dorothy."""
    shutil.copytree(ROOT / "examples" / "dorothy", tmp_path, dirs_exist_ok=True)
    [example] = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    (tmp_path / "companion.yaml").write_text(example)
    assert load(tmp_path / "companion.yaml").consent


def test_every_event_has_its_row() -> None:
    """And nothing has that isn't one."""
    source = "".join((SERVER / name).read_text(encoding="utf-8") for name in ("batch.py", "watching.py"))
    told = set(re.findall(r'\.tell\(\s*"(\w+)"', source))
    rows = re.search(r"\| event \|.*?\n\n", DOCS.read_text(encoding="utf-8"), re.S)
    assert rows
    assert set(re.findall(r"^\| `(\w+)`", rows[0], re.M)) == told


def test_exit_codes_are_told_in_their_order() -> None:
    """From the gravest on."""
    [said] = re.findall(r"gravest thing that happened: (.*?);", DOCS.read_text(encoding="utf-8"))
    assert tuple(int(part.split()[0]) for part in said.split(", ")) == GRAVEST_FIRST


def test_its_options_are_understood() -> None:
    """As they are written."""
    [command] = re.findall(r"^\$ storykeeper (apply .*)$", DOCS.read_text(encoding="utf-8"), re.M)
    options = re.findall(r"--[\w-]+", command)
    arguments = parser().parse_args(["apply", "family", *options])
    assert (arguments.yes, arguments.events, arguments.no_wait, arguments.sandbox) == (True, True, True, True)
