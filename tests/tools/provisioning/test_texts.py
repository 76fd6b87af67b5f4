"""Files of memories that are given again, beside others, and taken away: nothing goes that wasn't meant."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeeper_tools.companion.memories.provenance import LONGEST, source
from storykeeper_tools.files import allow
from storykeeper_tools.provisioning.blobs import Blobs
from storykeeper_tools.provisioning.origins import Given, ends, named
from storykeeper_tools.provisioning.plan import StagedMemory
from storykeeper_tools.provisioning.texts import Base, Collected, Texts

CHAT = "[01.02.20, 10:0{n}:00] Anna: About {what}\n[01.02.20, 10:0{n}:30] {who}: I loved it\n"


@dataclass
class Shelf:
    """A folder of files, and what was staged of them so far."""

    folder: Path
    before: Sequence[StagedMemory] = ()

    def write(self, name: str, *paragraphs: str) -> None:
        path = self.folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join(paragraphs))

    def epub(self, name: str, text: str = "We sang.") -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("mimetype", "application/epub+zip")
            archive.writestr("text", name + text)
        path = self.folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed.getvalue())

    def stage(self, *paths: str, without: str = "") -> Collected:
        """Files added, and a document taken away by its title."""
        (self.folder / "files").mkdir(exist_ok=True)
        texts = Texts(allow([self.folder / "files"], base=self.folder / "files"))
        kept = [memory for memory in self.before if memory.title != without]
        base = Base(kept, [memory for memory in self.before if memory.title == without])
        with Blobs(self.folder / "blobs").staging() as staging:
            found = texts.stage(staging, paths, base=base)
        self.before = found.memories
        return found

    def titles(self) -> list[str]:
        return sorted(memory.title for memory in self.before)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def told(found: Collected) -> list[str]:
    return sorted(entry.item.text.strip() for entry in found.entries)


def test_a_file_that_merely_has_the_name_of_another_takes_nothing_away(shelf: Shelf) -> None:
    """Every chat that an iPhone exports is called alike; both go on being known apart."""
    for who in ("mum", "dad"):
        shelf.write(f"{who}/_chat.txt", CHAT.format(n=1, what=f"the summer with {who}", who=who))
    shelf.stage("mum/_chat.txt")
    both = shelf.stage("dad/_chat.txt")
    assert [entry.item.source for entry in both.entries] == ["_chat.txt", "dad/_chat.txt"]
    assert shelf.titles() == ["Chat", "Dad, chat"]
    assert both.notes == [
        "an earlier _chat.txt stays beside dad/_chat.txt, which tells other memories; remove the wrong one",
    ]
    again = shelf.stage("mum/_chat.txt", "dad/_chat.txt")
    assert (again.notes, told(again)) == ([], told(both))
    shelf.write("mum/_chat.txt", CHAT.format(n=2, what="the winter", who="mum"))
    changed = shelf.stage("mum/_chat.txt")
    assert ["dad" in text for text in told(changed)] == [True, False]
    assert changed.notes == ["_chat.txt replaces 1 memory that came from it before"]


def test_both_of_two_namesakes_are_told_when_one_of_their_name_was_known(shelf: Shelf) -> None:
    """No two files of a call go by one name."""
    for folder in ("a", "b", "c"):
        shelf.write(f"{folder}/notes.md", f"We sang in {folder}.")
    shelf.stage("a/notes.md")
    found = shelf.stage("b/notes.md", "c/notes.md")
    assert sorted(entry.item.source for entry in found.entries) == ["b/notes.md", "c/notes.md", "notes.md"]


MOVED = ["We sang.", "We danced.", "We baked."]


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (["We sang.", "We danced.", "We swam."], ["We danced.", "We sang.", "We swam."]),
        (["We sang.", "We swam."], ["We baked.", "We danced.", "We sang.", "We swam."]),
        (["We sang."], ["We baked.", "We danced.", "We sang."]),
    ],
    ids=["most of it", "a little of it", "only what it tells"],
)
def test_a_file_that_was_moved_is_the_same_if_most_of_it_is_told_again(
    shelf: Shelf, now: list[str], left: list[str]
) -> None:
    """A short file that repeats a sentence of a long one doesn't replace it."""
    shelf.write("old/life.md", *MOVED)
    shelf.stage("old/life.md")
    shelf.write("new/life.md", *now)
    found = shelf.stage("new/life.md")
    assert told(found) == left
    replaced = "life.md replaces 1 memory that came from it before"
    assert (replaced in found.notes) == ("We baked." not in left)


@pytest.mark.parametrize("spelled", ["notes.md", "./notes.md", "x/../notes.md", "{files}/notes.md"])
def test_a_file_is_the_same_however_its_path_is_spelled(shelf: Shelf, spelled: str) -> None:
    """Also where all that it told has changed, and it is read once however often it is given."""
    shelf.write("notes.md", "Born in 1940.")
    shelf.stage("notes.md")
    shelf.write("notes.md", "Born in 1941.")
    found = shelf.stage(spelled.format(files=shelf.folder / "files"), "notes.md")
    assert told(found) == ["Born in 1941."]
    assert [entry.item.source for entry in found.entries] == ["notes.md"]


def test_what_is_no_document_of_the_book_stays(shelf: Shelf) -> None:
    """A text of the same title, and a file that ElevenLabs reads itself; a book that is given again is replaced."""
    with Blobs(shelf.folder / "blobs").staging() as staging:
        shelf.before = Texts(allow([])).text(staging, "Dorothy", "A text as it is.")
    shelf.epub("dorothy.epub")
    shelf.epub("more/dorothy.epub")
    shelf.stage("dorothy.epub", "more/dorothy.epub")
    shelf.write("dorothy.md", "We sang.")
    shelf.stage("dorothy.md")
    assert shelf.titles() == ["Dorothy", "Dorothy", "Dorothy", "More, dorothy"]
    shelf.epub("more/dorothy.epub", "We danced.")
    shelf.stage("more/dorothy.epub")
    assert shelf.titles() == ["Dorothy", "Dorothy", "Dorothy", "More, dorothy"]


def test_what_two_files_tell_stays_when_the_document_of_one_goes(shelf: Shelf) -> None:
    """Though the other had no document of its own; and what only the first told is gone."""
    shelf.write("a.md", "Born in Cork.", "We sang.")
    shelf.write("b.md", "Born in Cork.")
    shelf.stage("a.md", "b.md")
    found = shelf.stage(without="A")
    assert [(entry.item.text, entry.sources) for entry in found.entries] == [("Born in Cork.", ("b.md",))]
    shelf.write("b.md", "Born in Youghal.")
    assert told(shelf.stage("b.md")) == ["Born in Youghal."]


def test_a_document_that_went_is_no_source_of_what_stays(shelf: Shelf) -> None:
    """Else the file that is left could never take it back."""
    shelf.write("a.md", "Born in Cork.", "We danced.")
    shelf.write("b.md", "Born in Cork.", "We sang.")
    shelf.stage("b.md", "a.md")
    assert told(shelf.stage(without="A")) == ["Born in Cork.", "We sang."]
    shelf.write("b.md", "We sang.")
    assert told(shelf.stage("b.md")) == ["We sang."]


@pytest.mark.parametrize("name", ["Smith, Letters.md", "a | b.md", "a -- b · <c>.md", "x" * 200 + ".md"], ids=str.split)
@pytest.mark.parametrize("last", [0, 1, 2])
def test_a_memory_goes_when_no_file_tells_it_any_more(shelf: Shelf, name: str, last: int) -> None:
    """Whatever the files are called, and whichever dropped it last."""
    files = ["a.md", name, "c.md"]
    for file in files:
        shelf.write(file, "Born in Cork.", f"We sang {file}.")
    shelf.stage(*files)
    for file in [*files[:last], *files[last + 1 :], files[last]]:
        assert "Born in Cork." in told(shelf.stage())
        shelf.write(file, f"We sang {file}.")
        shelf.stage(file)
    assert told(shelf.stage()) == sorted(f"We sang {file}." for file in files)


parts = st.sampled_from(
    ["_chat.txt", "a", "b", "A, b", "x" * 150 + "1.md", "x" * 150 + "2.md", ".", "\u200b", "|", "é"]
)
paths = st.lists(st.lists(parts, min_size=1, max_size=4).map("/".join), min_size=1, max_size=8, unique=True)


@given(paths, st.sets(st.sampled_from(["_chat.txt", "a/_chat.txt", "a", "_chat (2).txt"])))
def test_no_two_files_go_by_one_name(files: list[str], known: set[str]) -> None:
    """Nor by that of one which was there before; and a name is read back as it is written."""
    found = [file.source for file in named([Given(path, b"", path, ends(path)) for path in files], known)]
    assert len({*found, *known}) == len(found) + len(known)
    assert [source(name) for name in found] == found
    assert [PurePath(name).suffix for name in found] == [PurePath(path).suffix for path in files]
    assert all(0 < len(name) <= LONGEST for name in found)
