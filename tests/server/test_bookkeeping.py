"""`storykeeper book`, as a process: a folder of many kinds of files, and what their book says."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import docx
import pytest
from fpdf import FPDF

from storykeeper_tools.companion.memories.documents import parse

pytestmark = pytest.mark.anyio
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "dorothy"
PDF = (
    "Dorothy was born in 1940 in Cork, says the priest, who wrote it down.",
    "Her teacher at school was Sister Assumpta.",
)
DOCX = ("Told by Niamh.", "Dorothy and Arthur were married in June 1962.", "Her friend Rose owed money to my uncle.")
CHAT = """[12/03/2019, 14:05:33] Niamh: We ate barmbrack at Gran's, with butter, and nobody stopped at one slice.
[12/03/2019, 14:06:02] Joe: And she sang half of a song.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Markdown, a PDF, a Word file, a chat, a picture, and a letter that is there twice."""
    folder = tmp_path / "work" / "memories"
    folder.mkdir(parents=True)
    for path in (EXAMPLE / "memories").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    page = FPDF()
    page.add_page()
    page.set_font("Helvetica", size=12)
    for text in PDF:
        page.multi_cell(0, 6, text, new_x="LMARGIN", new_y="NEXT")
        page.ln(6)
    (folder / "parish.pdf").write_bytes(bytes(page.output()))
    letter = docx.Document()
    for text in DOCX:
        letter.add_paragraph(text)
    letter.save(str(folder / "letter.docx"))
    (folder / "WhatsApp Chat with Niamh.txt").write_text(CHAT)
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "again.txt").write_text("Dorothy and Arthur were married in June 1962!")
    return folder


@pytest.fixture
def storykeeper(tmp_path: Path) -> Callable[..., Any]:
    """Runs the command in the test's folder, without a key."""

    async def run(*arguments: str) -> tuple[int | None, str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
        environ = {**kept, "HOME": str(tmp_path / "home"), "STORYKEEPER_HOME": str(tmp_path / "state")}
        command = [sys.executable, "-m", "storykeeper_server", "book", *arguments]
        (tmp_path / "work").mkdir(exist_ok=True)
        done = await anyio.run_process(command, env=environ, cwd=tmp_path / "work", check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


async def test_a_mixed_folder_is_one_book_with_its_contradictions(storykeeper: Any, folder: Path) -> None:
    """Both sources of each; what is told twice stands once; what isn't read is named; nothing else is written."""
    code, out, err = await storykeeper("memories", "--name", "Dorothy", "--out", "book")
    assert (code, err) == (0, "")
    assert "two birth years are told: 1941 (childhood-in-cork.md, line 5) and 1940 (parish.pdf, page 1)" in out
    wedding = (
        "two wedding years are told: 1962 (again.txt, line 1; letter.docx) and 1963 (the-bakery-years.md, line 13)"
    )
    assert wedding in out
    assert "money of somebody else may be told in letter.docx, paragraph 3" in out
    assert "1 told twice" in out
    assert "photo.jpg" in out.partition("Left out")[2]
    written = [path.read_text() for path in (folder.parent / "book").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in (folder.parent / "book").iterdir()} == {0o600}
    texts = [item.text for item in parse(*written)]
    assert [text for text in (*PDF, *DOCX[1:], CHAT.rstrip()) if text.rstrip(".") not in " ".join(texts)] == []
    assert sorted(path.name for path in folder.parent.iterdir()) == ["book", "memories"]


async def test_a_correction_is_shown_with_what_it_overrules(storykeeper: Any, folder: Path) -> None:
    """For programs too, with the ids of the memories."""
    code, out, _ = await storykeeper(
        "memories", "--name", "Dorothy", "--correction", "born in 1941, not 1940", "--json"
    )
    book = json.loads(out)
    assert code == 0
    assert book["corrections"] == [{"line": "born in 1941, not 1940", "says": {"birth_year": "1941"}}]
    [overruled] = [finding for finding in book["findings"] if finding["code"] == "overruled"]
    assert [place["where"] for place in overruled["memories"]] == ["parish.pdf, page 1"]
    assert re.fullmatch(r"m-[0-9a-f]{10}", overruled["memories"][0]["id"])
    assert not any("birth years" in finding["what"] for finding in book["findings"])


async def test_a_companion_yaml_says_it_all(storykeeper: Any) -> None:
    """Whose memories, which files, and the corrections."""
    code, out, _ = await storykeeper(str(EXAMPLE / "companion.yaml"))
    assert code == 0
    assert out.startswith("19 memories; 10 with a date (1941 to 2015)")
    assert "Dorothy was born in 1941, not 1940." in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.md"], "can't read 'gone.md'"),
        (["memories", "--language", "xx"], "companion/languages/xx.toml"),
        (["memories", "--out", "memories"], "--out names something that is there already"),
        (["memories", "--name", " "], "a name needs at least one visible character"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_a_sentence(
    storykeeper: Any, folder: Path, arguments: list[str], said: str
) -> None:
    """And nothing is written."""
    before = sorted(folder.rglob("*"))
    code, out, err = await storykeeper(*arguments)
    assert (code, out) == (4, "")
    assert said in err
    assert sorted(folder.rglob("*")) == before
