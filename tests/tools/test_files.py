"""Only plain files inside the allowed folders are read, and errors don't tell what else there is."""

from __future__ import annotations

import os
import socket
import unicodedata
from pathlib import Path

import pytest

from storykeeper_tools.errors import BadInput, FileRefused
from storykeeper_tools.files import Files, allow


def read(files: Files, path: str) -> bytes:
    with files.open(path) as file:
        return file.read()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An allowed folder with one file, beside a secret."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "mum.wav").write_bytes(b"RIFF")
    (tmp_path / "secret").write_text("key")
    return inside


def test_a_file_inside_is_read_by_any_spelling(folder: Path) -> None:
    """Relative, absolute, with detours."""
    files = allow([folder])
    assert read(files, "mum.wav") == b"RIFF"
    assert read(files, str(folder / "mum.wav")) == b"RIFF"
    assert read(files, "./a/../mum.wav") == b"RIFF"


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/passwd", "~/.ssh/id_rsa", "a\0b", "%2e%2e/secret", "", ".", "missing.wav"]
)
def test_everything_else_is_refused_in_the_same_words(folder: Path, path: str) -> None:
    """Missing or forbidden: nobody learns which."""
    with pytest.raises(FileRefused) as told:
        read(allow([folder]), path)
    assert "missing, or not a plain file inside the allowed folders" in str(told.value)
    assert str(folder.parent) not in str(told.value)


def test_links_sockets_pipes_and_folders_are_no_plain_files(folder: Path) -> None:
    """Nor are second names of a file."""
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "elsewhere").symlink_to(folder.parent)
    os.link(folder.parent / "secret", folder / "hard")
    os.mkfifo(folder / "pipe")
    (folder / "sub").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        for name in ("link", "elsewhere/secret", "hard", "pipe", "socket", "sub"):
            with pytest.raises(FileRefused):
                read(allow([folder]), name)


def test_odd_names_are_only_names(folder: Path) -> None:
    """A dash, a newline, composed and decomposed accents."""
    for name in ("-rf.wav", "a\nb.wav", unicodedata.normalize("NFD", "mémé.wav")):
        (folder / name).write_bytes(b"x")
    files = allow([folder])
    assert read(files, "-rf.wav") == read(files, "a\nb.wav") == b"x"
    assert read(files, unicodedata.normalize("NFC", "mémé.wav")) == b"x"


def test_a_folder_is_listed_without_hidden_files_and_links(folder: Path) -> None:
    """Sorted, with what lies in folders below."""
    (folder / "sub").mkdir()
    (folder / "sub" / "b.md").write_text("b")
    (folder / ".hidden").write_text("h")
    (folder / "link.md").symlink_to(folder.parent / "secret")
    assert allow([folder]).within(str(folder)) == [str(folder / "mum.wav"), str(folder / "sub" / "b.md")]
    assert allow([folder]).within("mum.wav") == ["mum.wav"]


def test_a_single_file_may_be_allowed(folder: Path) -> None:
    """And nothing beside it."""
    (folder / "other.wav").write_bytes(b"o")
    files = allow([folder / "mum.wav"], base=folder)
    assert read(files, "mum.wav") == b"RIFF"
    with pytest.raises(FileRefused):
        read(files, "other.wav")


def test_nothing_is_allowed_unless_it_is_said() -> None:
    """The error names the variable."""
    with pytest.raises(FileRefused, match="STORYKEEPER_FILES"):
        read(allow([]), "mum.wav")


@pytest.mark.parametrize("root", ["/", "HOME", "/nowhere/at/all", "${HOME}/recordings"])
def test_a_root_that_is_everything_or_nothing_is_refused(tmp_path: Path, root: str) -> None:
    """The whole disk, the home folder, a folder that isn't there, a template nobody filled in."""
    with pytest.raises(BadInput):
        allow([tmp_path if root == "HOME" else Path(root)], home=tmp_path)


def test_a_link_that_flips_while_files_are_opened_never_leads_outside(folder: Path) -> None:
    """Against a race of another thread, 3,000 opens give the file, or nothing."""
    import threading

    (folder / "a").mkdir()
    (folder / "a" / "x").write_text("inside")
    outside = folder.parent / "out"
    outside.mkdir()
    (outside / "x").write_text("leaked")
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            (folder / "a").rename(folder / "b")
            (folder / "a").symlink_to(outside)
            (folder / "a").unlink()
            (folder / "b").rename(folder / "a")

    thread = threading.Thread(target=flip)
    thread.start()
    seen: set[bytes] = set()
    try:
        for _ in range(3000):
            try:
                seen.add(read(allow([folder]), "a/x"))
            except FileRefused:
                continue
    finally:
        stop.set()
        thread.join()
    assert seen <= {b"inside"}
