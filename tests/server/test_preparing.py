"""`storykeeper prepare`, as a process: recordings judged, ranked and cut, and nothing of them lost or overwritten."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import soundfile

import sounds
import spoiled
from storykeeper_server.commands import readable
from storykeeper_tools.companion.recordings.origin import sources
from storykeeper_tools.errors import FileRefused
from storykeeper_tools.files import allow

pytestmark = pytest.mark.anyio
RATE = 16_000


class Ran:
    """What a command did."""

    def __init__(self, done: Any) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout.decode(), done.stderr.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., Any]:
    """Runs the command in a folder of recordings, without a key, a terminal or a state of its own."""
    home = tmp_path / "home"
    home.mkdir()

    async def run(*arguments: str) -> Ran:
        kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
        environ = {**kept, "HOME": str(home), "STORYKEEPER_HOME": str(home / "state")}
        command = [sys.executable, "-m", "storykeeper_server", "prepare", *arguments]
        return Ran(await anyio.run_process(command, env=environ, cwd=tmp_path, check=False))

    return run


def family_tape() -> Any:
    """Four minutes, of which one is noisy, and most of another has music beneath it."""
    said = sounds.speech(240, RATE).copy()
    for start, end, other, db in ((40, 110, sounds.noise(70 * RATE), 8), (150, 190, sounds.music(40 * RATE, RATE), 3)):
        part = slice(start * RATE, end * RATE)
        said[part] = sounds.under(said[part], other, db)
    room = sounds.noise(len(said)) * np.float32(3e-4)
    return (said + room) * np.float32(0.5)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"home"}


async def test_a_noisy_tape_becomes_a_good_recording(prepare: Any, tmp_path: Path) -> None:
    """Two minutes of its clean parts, judged again, with a file that says where they are from."""
    (tmp_path / "mum.wav").write_bytes(sounds.wav(family_tape(), RATE))
    ran = await prepare("mum.wav", "--json")
    assert ran.code == 0, ran.err
    [before], after = ran.json["ranking"], ran.json["cut"]
    assert (before["verdict"], after["verdict"]) in {("refused", "good"), ("usable", "good")}
    assert after["snr"] > before["snr"] + 6
    assert 60 <= after["seconds"] <= 180
    spoiled = [
        (p["start"], p["end"])
        for p in ran.json["pieces"]
        for a, b in ((41, 109), (151, 189))
        if p["start"] < b and p["end"] > a
    ]
    assert spoiled == []
    assert soundfile.info(tmp_path / "mum-prepared.flac").samplerate == RATE
    assert names(tmp_path) == {"mum.wav", "mum-prepared.flac", "mum-prepared.flac.sources"}
    assert not list((tmp_path / "home").iterdir())


async def test_where_a_cut_comes_from_is_known_by_its_bytes(prepare: Any, tmp_path: Path) -> None:
    """By hashes only; another file beside that note has no sources."""
    (tmp_path / "mum.wav").write_bytes(sounds.wav(sounds.speech(70, RATE), RATE))
    ran = await prepare("mum.wav", "--out", "cut.wav", "--json")
    cut, note = tmp_path / "cut.wav", (tmp_path / "cut.wav.sources").read_text()
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (cut, tmp_path / "mum.wav")]
    assert ran.json["sha256"] == hashes[0]
    assert sources(allow([tmp_path]), str(cut), hashes[0]) == [hashes[1]]
    assert sources(allow([tmp_path]), str(cut), hashes[1]) == []
    assert sources(allow([tmp_path]), "mum.wav", hashes[1]) == []
    assert ("mum" in note, str(tmp_path) in note) == (False, False)
    assert (cut.stat().st_mode & 0o777, cut.read_bytes()[:4]) == (0o600, b"RIFF")


async def test_what_a_cut_was_made_of_is_known_wherever_it_lies(
    prepare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names a cut lets its note be read, too; nothing else beside it."""
    (tmp_path / "far").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "mum.wav").write_bytes(sounds.wav(sounds.speech(70, RATE), RATE))
    cut = str(tmp_path / "far" / "cut.flac")
    made = (await prepare("mum.wav", "--out", cut, "--json")).json
    monkeypatch.chdir(tmp_path / "here")
    files = readable([cut])
    assert sources(files, cut, made["sha256"]) == [hashlib.sha256((tmp_path / "mum.wav").read_bytes()).hexdigest()]
    (tmp_path / "far" / "else").write_bytes(b"private")
    with pytest.raises(FileRefused), files.open(str(tmp_path / "far" / "else")):
        pass


async def test_a_film_is_never_good_as_it_is(prepare: Any, tmp_path: Path) -> None:
    """Its sound is."""
    (tmp_path / "film.mp4").write_bytes(spoiled.film(seconds=80))
    ran = await prepare("film.mp4")
    assert ran.code == 0, ran.err
    assert ("good as it is" in ran.out, "only the (first) sound will be sent" in ran.out) == (False, True)


async def test_recordings_are_ranked_and_the_best_is_cut_first(prepare: Any, tmp_path: Path) -> None:
    """Folders too; the text says what was taken, why, and what to do with it."""
    (tmp_path / "tapes").mkdir()
    said = sounds.speech(140, RATE)
    (tmp_path / "tapes" / "a noisy one.wav").write_bytes(
        sounds.wav(sounds.under(said, sounds.noise(len(said)), 15), RATE)
    )
    (tmp_path / "tapes" / "b.flac").write_bytes(sounds.file(said, RATE, format="FLAC"))
    (tmp_path / "tapes" / "notes.txt").write_text("not a recording")
    ran = await prepare("tapes", "--out", "the best.flac")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert [line.partition(":")[0] for line in lines if line.startswith(("1. ", "2. "))] == [
        "1. b.flac",
        "2. a noisy one.wav",
    ]
    assert {line.split()[0] for line in lines if line.startswith("  ")} == {"b.flac"}
    assert "Written: the best.flac: good" in ran.out
    assert lines[-1].endswith("storykeeper provision --name NAME --audio 'the best.flac'")


async def test_nothing_is_overwritten_unless_that_is_said(prepare: Any, tmp_path: Path) -> None:
    """Neither another file nor the recording itself."""
    tape = sounds.wav(sounds.speech(70, RATE), RATE)
    (tmp_path / "mum.wav").write_bytes(tape)
    (tmp_path / "mum-prepared.flac").write_bytes(b"mine")
    for out in ([], ["--out", "mum.wav"]):
        ran = await prepare("mum.wav", *out)
        assert (ran.code, "exists already" in ran.err, "--force" in ran.err) == (4, True, True)
    assert ((tmp_path / "mum.wav").read_bytes(), (tmp_path / "mum-prepared.flac").read_bytes()) == (tape, b"mine")
    assert names(tmp_path) == {"mum.wav", "mum-prepared.flac"}
    itself = await prepare("mum.wav", "--out", "mum.wav", "--force")
    assert (itself.code, "place of a recording" in itself.err) == (4, True)
    assert (tmp_path / "mum.wav").read_bytes() == tape
    (tmp_path / "mum-prepared.flac").unlink()
    (tmp_path / "mum-prepared.flac.sources").write_bytes(b"mine")
    ran = await prepare("mum.wav")
    assert (ran.code, "sources' exists already" in ran.err) == (4, True)
    assert (tmp_path / "mum-prepared.flac.sources").read_bytes() == b"mine"
    assert (await prepare("mum.wav", "--force")).code == 0
    assert (tmp_path / "mum-prepared.flac").read_bytes()[:4] == b"fLaC"


BAD: dict[str, Any] = {
    "silence": lambda: sounds.wav(np.zeros(90 * RATE, np.float32), RATE),
    "noise": lambda: sounds.wav(sounds.noise(90 * RATE) * np.float32(0.1), RATE),
    "telephone": lambda: sounds.wav(sounds.speech(90, 8000), 8000),
    "no recording": lambda: b"PK\x03\x04" + bytes(1000),
}


@pytest.mark.parametrize("kind", BAD)
async def test_where_nothing_is_usable_nothing_is_written(prepare: Any, tmp_path: Path, kind: str) -> None:
    """Exit code 4, what is wrong with it, and what to do."""
    (tmp_path / "mum.wav").write_bytes(BAD[kind]())
    ran = await prepare("mum.wav", "--json")
    assert ran.code == 4, ran.out
    assert ran.json["error"]["code"] == "recording_refused"
    assert "mum.wav" in ran.json["error"]["what"]
    assert "quiet room" in ran.json["error"]["next"]
    assert "Traceback" not in ran.err
    assert names(tmp_path) == {"mum.wav"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["gone.wav"], "file_refused"),
        (["mum.wav", "--out", "cut.mp3"], ".flac or .wav"),
        (["mum.wav", "--out", "nowhere/cut.wav"], "can't be written"),
        (["/dev/zero"], "file_refused"),
        (["link.wav"], "file_refused"),
        (["empty"], "no recording in"),
    ],
)
async def test_what_can_not_be_read_or_written_is_told(
    prepare: Any, tmp_path: Path, arguments: list[str], told: str
) -> None:
    """In a sentence, before anything is decoded."""
    (tmp_path / "mum.wav").write_bytes(sounds.wav(sounds.speech(70, RATE), RATE))
    (tmp_path / "link.wav").symlink_to("mum.wav")
    (tmp_path / "empty").mkdir()
    before = names(tmp_path)
    ran = await prepare(*arguments)
    assert (ran.code, ran.out) == (4, "")
    assert told in ran.err
    assert names(tmp_path) == before
