"""Only plain files inside the allowed folders are read, and errors don't tell what else there is."""

from __future__ import annotations

import os
import socket
import unicodedata
from pathlib import Path

import pytest

from storykeeper_tools.errors import BadInput, FileRefused
from storykeeper_tools.files import MOST, Files, allow, existing, named, new_file


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
    "path",
    [
        "../secret",
        "/etc/passwd",
        "~/.ssh/id_rsa",
        "a\0b",
        "%2e%2e/secret",
        "%2e%2e%2fsecret",
        "",
        ".",
        "missing.wav",
        "//etc/passwd",
        "a/../../secret",
        "mum.wav/x",
        "x" * 300,
        "a/" * 3000 + "b",
        "\ud800.wav",
    ],
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
    with pytest.raises(FileRefused):
        read(allow([Path("/dev/null")]), "/dev/null")


def test_odd_names_are_only_names(folder: Path) -> None:
    """A dash, a newline, quotes, bytes that aren't UTF-8."""
    names = [b"-rf.wav", b"a\nb.wav", b'a"; filename="x.wav', b"%2e%2e.wav", b"caf\xe9.wav", b" .wav "]
    for name in names:
        (folder / os.fsdecode(name)).write_bytes(name)
    files = allow([folder])
    assert [read(files, os.fsdecode(name)) for name in names] == names
    assert len(files.within(str(folder))) == len(names) + 1


@pytest.mark.parametrize(("stored", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_may_be_composed_or_taken_apart(folder: Path, stored: str, asked: str) -> None:
    """In names of files and of folders, of roots too; where both are there, each is itself."""
    there, said = (Path(unicodedata.normalize(form, "é/mémé.wav")) for form in (stored, asked))
    (folder / there).parent.mkdir()
    (folder / there).write_bytes(b"there")
    assert read(allow([folder]), str(said)) == b"there"
    assert read(allow([folder / there]), str(folder / said)) == b"there"
    assert existing(folder / said) == folder / there
    (folder / there.parent / said.name).write_bytes(b"said")
    assert read(allow([folder]), str(said)) == b"said"
    assert read(allow([folder]), str(there)) == b"there"


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


@pytest.mark.parametrize("root", ["/", "HOME", "HOME/..", "LINK", "LOOP", "/nowhere/at/all", "${HOME}/recordings"])
def test_a_root_that_is_everything_or_nothing_is_refused(tmp_path: Path, root: str) -> None:
    """The whole disk, the home folder or all homes, a link to one, a folder that isn't there, an unfilled template."""
    home, link, loop = tmp_path / "homes" / "ann", tmp_path / "link", tmp_path / "loop"
    home.mkdir(parents=True)
    link.symlink_to(home)
    loop.symlink_to(loop)
    said = {"HOME": home, "HOME/..": home.parent, "LINK": link, "LOOP": loop}
    with pytest.raises(BadInput):
        allow([said.get(root, Path(root))], home=home)


def test_a_root_may_be_a_link_to_a_folder_but_not_to_a_file(folder: Path) -> None:
    """Folders are linked by whoever sets Storykeeper up; a file by whoever can write beside it."""
    (folder.parent / "linked").symlink_to(folder)
    (folder.parent / "other.wav").symlink_to(folder / "mum.wav")
    assert read(allow([folder.parent / "linked"]), "mum.wav") == b"RIFF"
    with pytest.raises(FileRefused):
        read(allow([folder.parent / "other.wav"]), str(folder.parent / "other.wav"))


def test_a_root_whose_folder_became_a_link_is_not_followed(folder: Path) -> None:
    """Its links are resolved once, when it is allowed."""
    album = folder / "album"
    album.mkdir()
    (album / "mum.wav").write_bytes(b"mum")
    files = allow([album / "mum.wav", album])
    outside = folder.parent / "outside"
    album.rename(folder / "moved")
    outside.mkdir()
    (outside / "mum.wav").write_bytes(b"leaked")
    album.symlink_to(outside)
    with pytest.raises(FileRefused):
        read(files, str(album / "mum.wav"))


def test_folders_above_an_allowed_one_needn_t_be_readable(folder: Path) -> None:
    """Only passed through: home folders of servers are like that."""
    (folder / "sub").mkdir()
    (folder / "sub" / "a.md").write_text("a")
    folder.chmod(0o111)
    try:
        assert read(allow([folder / "sub"]), "a.md") == b"a"
    finally:
        folder.chmod(0o700)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told_and_never_left_out(folder: Path) -> None:
    """A file, and a folder in a folder."""
    (folder / "closed.md").touch(0o000)
    (folder / "sub").mkdir(0o000)
    with pytest.raises(FileRefused):
        read(allow([folder]), "closed.md")
    with pytest.raises(FileRefused, match="can't be read"):
        allow([folder]).within(str(folder))


def test_a_folder_without_bounds_is_refused(folder: Path) -> None:
    """Too many files, or folders in folders without end: nothing is left out in silence."""
    deep = folder.joinpath("deep", *"abcdefghi")
    deep.mkdir(parents=True)
    with pytest.raises(FileRefused, match="more than 8 deep"):
        allow([folder]).within(str(folder))
    many = folder / "many"
    many.mkdir()
    for n in range(MOST + 1):
        os.mknod(many / str(n))
    with pytest.raises(FileRefused, match="more than 10,000 files"):
        allow([folder]).within("many")


def test_what_a_person_named_may_be_a_link_to_a_file(folder: Path) -> None:
    """But no pipe, folder or device, and nothing waits for one."""
    (folder / "link.yaml").symlink_to(folder / "mum.wav")
    with named(folder / "link.yaml") as file:
        assert file.read() == b"RIFF"
    os.mkfifo(folder / "pipe")
    for path in (folder / "pipe", folder, Path("/dev/zero"), folder / "gone", Path("a\0b")):
        with pytest.raises(FileRefused), named(path):
            pass


def test_a_new_file_is_there_whole_or_not_at_all(folder: Path) -> None:
    """For its owner only, never in the place of another unless that is said."""
    out = folder / "out.flac"
    with pytest.raises(ZeroDivisionError), new_file(out) as file:
        file.write(b"half" * (1 // file.tell()))
    assert [f.name for f in folder.iterdir()] == ["mum.wav"]
    with new_file(out) as file:
        file.write(b"whole")
        assert not out.exists()
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (b"whole", 0o600)
    with pytest.raises(BadInput, match="exists already"), new_file(out):
        pass
    with new_file(out, force=True) as file:
        file.write(b"newer")
    assert out.read_bytes() == b"newer"


def test_a_file_that_appeared_meanwhile_is_kept_and_a_link_is_not_written_through(folder: Path) -> None:
    """Nor is a folder replaced, and one that isn't there is told."""
    out, secret = folder / "out.flac", folder.parent / "secret"
    with pytest.raises(BadInput, match="exists already"), new_file(out):
        out.write_bytes(b"first")
    assert out.read_bytes() == b"first"
    (folder / "link").symlink_to(secret)
    with new_file(folder / "link", force=True) as file:
        file.write(b"new")
    assert (secret.read_text(), (folder / "link").is_symlink()) == ("key", False)
    for bad in (folder, folder / "gone" / "out.flac"):
        with pytest.raises(BadInput), new_file(bad, force=True):
            pass


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
