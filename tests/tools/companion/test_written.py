"""companion.yaml files: read as a whole, and what is wrong with them is told with its line."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from storykeeper_tools.companion.lines import MOST_PARTS
from storykeeper_tools.companion.written import LARGEST, Misread, load, read

HEAD = "subject: {name: Dorothy}\nrecordings: [voice.wav]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a recording in it."""
    (tmp_path / "voice.wav").write_bytes(b"RIFF")
    return tmp_path


def faults(*paths: Path) -> list[tuple[str, int | None, str]]:
    """What is wrong, with the names of the files."""
    with pytest.raises(Misread) as caught:
        read([str(path) for path in paths])
    return [(Path(fault.file).name, fault.line, fault.what) for fault in caught.value.faults]


BAD = {
    "a value out of bounds": (HEAD + "voice:\n\n  speed: 9\n", 5, "voice.speed: Input should be less than or equal to 1.2"),
    "no number": (HEAD + "voice: {speed: .nan}\n", 3, "voice.speed: Input should be a finite number"),
    "an empty name": ("subject:\n  name: ''\nrecordings: [voice.wav]\n", 2, "subject.name: a name needs at least one"),
    "no recordings": ("subject: {name: D}\nrecordings: []\n", 2, "recordings: List should have at least 1 item"),
    "an unknown key": (HEAD + "wish: warm\n", 3, "wish: there is no such key; did you mean wishes?"),
    "an unknown inner key": (HEAD + "voice:\n  pitch: 1\n", 4, "there are remove_background_noise"),
    "a missing key": ("subject:\n  relation: mother\nrecordings: [voice.wav]\n", 1, "subject.name: it is missing"),
    "a key said twice": (HEAD + "subject: {name: Ruth}\n", 3, "subject: it is said twice"),
    "an inner key said twice": (HEAD + "voice:\n  speed: 1\n  speed: 1\n", 5, "voice.speed: it is said twice"),
    "a missing recording": ("subject: {name: D}\nrecordings:\n  - voice.wav\n  - gone.wav\n", 4, "'gone.wav' isn't there"),
    "missing memories": (HEAD + "memories: [notes]\n", 3, "'notes' isn't there"),
    "a word that YAML takes for no": (HEAD + "language: no\n", 3, "put a date or a number in quotes"),
    "a date that YAML reads": (HEAD + "corrections:\n  - 1941-02-03\n", 4, "put a date or a number in quotes"),
    "a date that isn't one": (HEAD + "wishes: 2020-13-45\n", 3, "put it in quotes"),
    "no YAML": ("subject: {name: D\nrecordings: [voice.wav]\n", 2, "it is not YAML: expected ',' or '}'"),
    "an unknown alias": ("subject: *dorothy\n", 1, "undefined alias"),
    "two documents": (HEAD + "---\nsubject: {}\n", 3, "another document"),
    "no keys and values": ("- Dorothy\n", 1, "it needs keys and values: companion, subject"),
    "a key that is no word": ("? [a]\n: b\n", 1, "a key must be a word"),
    "nothing": ("# later\n", 1, "it is empty"),
    "a control character": (HEAD + "wishes: a\x01b\n", 3, "control character"),
    "an object of Python": ("subject: !!python/object/apply:os.system [ls]\n", 1, "isn't known here"),
    "a name of Python": (HEAD + "wishes: !!python/name:os.system ''\n", 3, "could not determine a constructor"),
    "a list that isn't one": (HEAD + "wishes: !!seq warm\n", 3, "this is no list"),
    "aliases without end": ("subject: &a [*a]\n", 1, "nested too deeply"),
    "nesting without end": ("subject: " + "[" * 9000, 1, "nested too deeply"),
    "too much": (HEAD + "#" * LARGEST, None, "larger than 1 MB"),
    "a consent that can't be": (HEAD + "consent:\n  kind: executor_or_heir\n  granted_by: Ann\n", 3, "consent: an executor or heir"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told_with_its_line(folder: Path, case: str) -> None:
    """In words that say what to do, and without the value."""
    text, line, told = BAD[case]
    (folder / "companion.yaml").write_text(text)
    found = [fault for fault in faults(folder / "companion.yaml") if told in fault[2]]
    assert [(file, at) for file, at, _ in found] == [("companion.yaml", line)]


def test_aliases_of_aliases_are_not_followed_to_their_end(folder: Path) -> None:
    """A few lines that would unfold to millions."""
    levels = "abcdefgh"
    lines = [f"{levels[0]}: &{levels[0]} [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in pairwise(levels)]
    (folder / "companion.yaml").write_text("\n".join(lines))
    assert 10 ** len(levels) > MOST_PARTS
    assert [told for _, _, told in faults(folder / "companion.yaml")] == ["it holds too much"]


BAD_JSON = {
    "a value out of bounds": ('{"subject": {"name": "D"},\n\t"recordings": ["voice.wav"],\n\t"voice": {"speed": 3}}', 3, "1.2"),
    "no JSON": ('{"subject":\n  {"name" "D"}}', 2, "it is not JSON: expecting ':'"),
    "a key said twice": ('{"subject": {"name": "D"},\n"subject": {"name": "D"},\n"recordings": ["voice.wav"]}', 2, "twice"),
    "nesting without end": ("[" * 90_000, 1, "nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_JSON)
def test_json_is_read_as_well_as_yaml(folder: Path, case: str) -> None:
    """With its lines, tabs and all."""
    text, line, told = BAD_JSON[case]
    (folder / "companion.json").write_text(text)
    [(_, at, what)] = faults(folder / "companion.json")
    assert at == line
    assert told in what


def test_paths_are_relative_to_their_file(folder: Path) -> None:
    """Whatever the spelling of the file is, and whoever wrote a mark of its encoding."""
    document = {"subject": {"name": "Dorothy 😀"}, "recordings": ["voice.wav"], "memories": ["voice.wav"]}
    (folder / "companion.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(document, indent="\t").encode())
    spec = load(folder / "companion.json")
    assert spec.subject.name == "Dorothy 😀"
    assert (spec.recordings, spec.memories) == ([str(folder / "voice.wav")], [str(folder / "voice.wav")])


@pytest.mark.parametrize(
    ("data", "line", "told"), [(b"wishes: warm\nsubject: \xff", 2, "not UTF-8"), (None, None, "isn't there")]
)
def test_a_file_that_cannot_be_read_is_told(folder: Path, data: bytes | None, line: int | None, told: str) -> None:
    """Missing, or in another encoding."""
    if data is not None:
        (folder / "companion.yaml").write_bytes(data)
    [(_, at, what)] = faults(folder / "companion.yaml")
    assert (at, told in what) == (line, True)


def test_a_folder_means_the_companions_in_it_and_one_level_below(folder: Path) -> None:
    """No other files, no hidden or deeper folders, and each file once."""
    text = "subject: {name: NAME}\nrecordings: [RECORDING]\n".replace("RECORDING", str(folder / "voice.wav"))
    names = ["companion.yaml", "ruth.companion.yml", "tom/companion.json", "notes.yaml", ".git/companion.yaml", "a/b/companion.yaml"]  # fmt: skip
    for n, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        written = text.replace("NAME", f"N{n}")
        (folder / name).write_text(written if not name.endswith(".json") else json.dumps({"subject": {"name": f"N{n}"}, "recordings": ["../voice.wav"]}))  # fmt: skip
    found = read([str(folder), str(folder / "companion.yaml"), str(folder / "tom" / ".." / "companion.yaml")])
    assert [one.spec.subject.name for one in found] == ["N0", "N1", "N2"]


def test_a_folder_without_companions_is_told(folder: Path) -> None:
    """A mistyped folder doesn't pass for an empty batch."""
    [(_, _, what)] = faults(folder)
    assert "there is no companion.yaml in this folder" in what


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("", "", True),
        ("companion: dorothy-1a2b\n", "companion: dorothy-1a2b\n", True),
        ("companion: new\n", "", True),
        ("", "language: es\n", True),
        ("companion: dorothy-1a2b\n", "subject: {name: Ruth}\ncompanion: dorothy-1a2b\n", True),
        ("", "recordings: [other.wav]\n", False),
        ("", "subject: {name: Ruth}\n", False),
    ],
)
def test_two_files_that_mean_one_companion_are_refused(folder: Path, first: str, second: str, same: bool) -> None:
    """The same id, or the same name and the same recordings wherever they lie; both files are named."""
    (folder / "other.wav").write_bytes(b"RIFF2")
    (folder / "copy.wav").write_bytes(b"RIFF")
    usual = {"subject": "subject: {name: Dorothy}\n", "recordings": "recordings: [copy.wav]\n"}
    (folder / "one.yaml").write_text(HEAD + first)
    (folder / "two.yaml").write_text(second + "".join(t for key, t in usual.items() if key not in second))
    if not same:
        assert len(read([str(folder / "one.yaml"), str(folder / "two.yaml")])) == 2
        return
    [(file, _, what)] = faults(folder / "one.yaml", folder / "two.yaml")
    assert file == "two.yaml"
    assert f"the same companion as {folder / 'one.yaml'}" in what


def test_all_that_is_wrong_with_all_files_is_told_at_once(folder: Path) -> None:
    """Nobody has to come back for the next one."""
    (folder / "one.yaml").write_text("subject: {}\nrecordings: [gone.wav]\nvoice: {speed: 9, stability: 9}\n")
    (folder / "two.yaml").write_text("subject: {\n")
    (folder / "three.yaml").write_text(HEAD + "memories: [gone.md]\n")
    found = faults(folder / "one.yaml", folder / "two.yaml", folder / "three.yaml")
    assert [(file, line) for file, line, _ in found] == [
        ("one.yaml", 1), ("one.yaml", 3), ("one.yaml", 3), ("two.yaml", 2), ("three.yaml", 3)
    ]  # fmt: skip
