"""A prepared cut on its way into a companion: its consent names the recordings that it was cut from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
import pytest

import sounds
import spoiled
from stage import Stage
from storykeeper_tools.companion.recordings.thresholds import Thresholds
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import BadInput, Conflict
from storykeeper_tools.files import allow
from storykeeper_tools.provisioning.preparing import Prepared, Preparing, target

pytestmark = pytest.mark.anyio
RATE = 16_000


def quiet(name: str, seconds: float) -> None:
    """Tells nobody."""


def prepared(folder: Path, *names: str, tell: Callable[[str, float], None] = quiet) -> Prepared:
    return Preparing(allow([folder]), Thresholds())([*names], folder / "cut.flac", force=False, tell=tell)


async def test_a_consent_to_a_cut_names_what_it_was_cut_from(stage: Stage, tmp_path: Path) -> None:
    """The note beside it is read when it is planned; one that lies beside other bytes says nothing."""
    tapes = [tmp_path / name for name in ("a.wav", "b.wav")]
    for tape, seed in zip(tapes, (1, 2), strict=True):
        tape.write_bytes(sounds.wav(sounds.speech(45, RATE, seed), RATE))
    made = await anyio.to_thread.run_sync(prepared, tmp_path, "a.wav", "b.wav")
    (tmp_path / "else.flac").write_bytes(sounds.file(sounds.speech(70, RATE, 3), RATE, format="FLAC"))
    (tmp_path / "else.flac.sources").write_bytes((tmp_path / "cut.flac.sources").read_bytes())
    wish = {"subject": {"name": "Dorothy"}, "recordings": ["cut.flac", "else.flac"]}
    plan = await stage.call("plan_companion", spec=Wish.model_validate(wish))
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    [(record, _)] = stage.keeper.ledger.consents(plan.companion)
    hashes = [hashlib.sha256(tape.read_bytes()).hexdigest() for tape in tapes]
    assert {cut: sorted(of) for cut, of in dict(record["derived_from"]).items()} == {made.sha256: sorted(hashes)}
    assert made.sha256 in record["recordings"]
    assert (await stage.call("provision_companion", plan_id=plan.plan_id)).status == "done"


@pytest.mark.parametrize(
    "note", [b"", b"{", b"[]", b'{"cut": 1}', b"\xff" * 100, b'{"cut":"x","sources":["../../etc/passwd"]}']
)
def test_a_note_that_is_broken_says_nothing(tmp_path: Path, note: bytes) -> None:
    """Nor does a link, or a pipe that nobody writes to."""
    from storykeeper_tools.companion.recordings.origin import sources

    (tmp_path / "cut.flac.sources").write_bytes(note)
    assert sources(allow([tmp_path]), "cut.flac", "0" * 64) == []
    (tmp_path / "secret").write_bytes(note)
    (tmp_path / "linked.flac.sources").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "piped.flac.sources")
    for name in ("linked.flac", "piped.flac", "gone.flac"):
        assert sources(allow([tmp_path]), name, "0" * 64) == []


def test_a_recording_that_changes_while_it_is_cut_is_given_up(tmp_path: Path) -> None:
    """What was judged and what was cut are the same bytes, or nothing is written."""
    tape = tmp_path / "mum.wav"
    tape.write_bytes(sounds.wav(sounds.speech(70, RATE), RATE))

    def meddle(name: str, seconds: float) -> None:
        if name == "the cut":
            with tape.open("r+b") as file:
                file.seek(1000)
                file.write(b"x" * 100)

    with pytest.raises(Conflict, match="changed while it was read"):
        prepared(tmp_path, "mum.wav", tell=meddle)
    assert [path.name for path in tmp_path.iterdir()] == ["mum.wav"]


@pytest.mark.parametrize("at", ["mum.wav", "the cut"])
def test_whoever_has_enough_leaves_nothing_behind(tmp_path: Path, at: str) -> None:
    """While a recording is heard, and while the cut is written."""
    (tmp_path / "mum.wav").write_bytes(sounds.wav(sounds.speech(70, RATE), RATE))

    def enough(name: str, seconds: float) -> None:
        if name == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared(tmp_path, "mum.wav", tell=enough)
    assert [path.name for path in tmp_path.iterdir()] == ["mum.wav"]


def test_recordings_that_are_only_poor_as_a_whole_are_cut_from_too(tmp_path: Path) -> None:
    """The same content twice counts once, and what is refused comes last in the ranking."""
    said = sounds.speech(140, RATE)
    loud = sounds.clip(said[: 40 * RATE], 0.05)
    (tmp_path / "poor.wav").write_bytes(sounds.wav(sounds.np.concatenate([loud, said[40 * RATE :] * 0.8]), RATE))
    (tmp_path / "again.wav").write_bytes((tmp_path / "poor.wav").read_bytes())
    (tmp_path / "none.wav").write_bytes(b"none")
    made = prepared(tmp_path, "poor.wav", "again.wav", "none.wav")
    assert [(r.name, r.verdict) for r in made.ranking] == [("poor.wav", "refused"), ("none.wav", "refused")]
    assert all(piece.recording == "poor.wav" and piece.start > 38 for piece in made.pieces)
    assert "clipped" not in {finding.code for finding in made.cut.findings}
    assert any("again.wav" in said for said in made.says)


@pytest.mark.parametrize(
    ("recording", "name"),
    [
        ("/tapes/mum.m4a", "mum"),
        ("-rf.wav", "-rf"),
        ("a\nb.wav", "ab"),
        ("tapes/", "tapes"),
        ("mum", "mum"),
        ("..", "recording"),
    ],
)
def test_a_cut_is_named_for_the_first_recording(recording: str, name: str) -> None:
    """In the working folder, wherever the recording lies."""
    assert target([recording], "") == Path(f"{name}-prepared.flac")


def test_a_cut_is_written_without_loss_or_not_at_all() -> None:
    """Another ending is refused rather than guessed at."""
    assert target(["mum.m4a"], "x/cut.WAV") == Path("x/cut.WAV")
    with pytest.raises(BadInput, match=r"\.flac or \.wav"):
        target(["mum.m4a"], "cut.mp3")


HELD = {
    "film.mp4": (lambda: spoiled.film(seconds=80), (b"mp4v", b"vide")),
    "cover.mp3": (lambda: spoiled.tagged(spoiled.mp3(75), b"APIC", 90_000), (b"APIC",)),
    "two.mka": (spoiled.two_tracks, (b"matroska",)),
    "behind.wav": (lambda: spoiled.padded(spoiled.wav(spoiled.said())), (b"junk",)),
}


@pytest.mark.parametrize("name", HELD)
async def test_only_the_sound_of_a_file_leaves(stage: Stage, tmp_path: Path, name: str) -> None:
    """The plan says so, the consent names the file and the sound, and that sound is what arrives: the same each time."""
    make, marks = HELD[name]
    (tmp_path / name).write_bytes(make())
    wish = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": [name]})
    plan, again = [await stage.call("plan_companion", spec=wish) for _ in range(2)]
    assert plan.plan_id == again.plan_id
    assert any("only the (first) sound will be sent" in warning for warning in plan.warnings)
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    [(record, _)] = stage.keeper.ledger.consents(plan.companion)
    [(sound, of)] = dict(record["derived_from"]).items()
    assert of == [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()]
    assert (await stage.call("provision_companion", plan_id=plan.plan_id)).status == "done"
    [sent] = [body for _, path, body in stage.faults.bodies if path.endswith("/voices/add")]
    assert [mark for mark in marks if mark in sent] == []
    [blob] = [path for path in (stage.keeper.settings.folder / "blobs").iterdir() if path.name == sound]
    assert blob.read_bytes() in sent
