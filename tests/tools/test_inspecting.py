"""`inspect_recording` and plans: recordings are judged as a set, from the bytes that are kept, by the keeper's thresholds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

import sounds
from judge import Judge
from stage import Stage, open_stage
from storykeeper_tools.caller import Nobody
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import BadInput, RecordingRefused

pytestmark = pytest.mark.anyio


def spec(*recordings: str) -> Wish:
    return Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": list(recordings)})


async def test_each_recording_is_told_in_a_line_and_the_best_first(stage: Stage, tmp_path: Path) -> None:
    """With every figure, and what to do."""
    said = sounds.speech(80)
    (tmp_path / "noisy.wav").write_bytes(sounds.wav(0.5 * sounds.under(said, sounds.noise(len(said)), 14), 16_000))
    (tmp_path / "clear.mp3").write_bytes(sounds.wav(said, 16_000))
    found = await stage.call("inspect_recording", recordings=["noisy.wav", "clear.mp3"])
    assert (found.usable, found.best, found.says) == (True, ["clear.mp3", "noisy.wav"], [])
    assert [(r.verdict, r.mime) for r in found.recordings] == [("usable", "audio/wav"), ("good", "audio/wav")]
    lines = str(found).splitlines()
    assert lines[0].startswith("noisy.wav: usable, wav, 80 s with 6")
    assert lines[0].endswith(
        "noisy: the voice stands 14 dB above the noise, less than 20 dB: "
        "find the original or a cleaner copy, or let storykeeper prepare look for better parts"
    )
    assert lines[2:] == ["Best first: clear.mp3, noisy.wav"]


async def test_short_recordings_are_enough_together(stage: Stage, tmp_path: Path) -> None:
    """A plan takes them, and warns of each."""
    for seed in range(3):
        (tmp_path / f"{seed}.wav").write_bytes(sounds.wav(sounds.speech(20, 16_000, seed), 16_000))
    with pytest.raises(RecordingRefused, match="too_short"):
        await stage.call("plan_companion", spec=spec("0.wav"))
    draft = await stage.call("plan_companion", spec=spec("0.wav", "1.wav", "2.wav"))
    assert [warning for warning in draft.warnings if "too few alone, and enough with the others" in warning][2:]


async def test_one_bad_recording_is_named_and_nothing_is_kept(stage: Stage, tmp_path: Path) -> None:
    """The refusal says what is wrong with it, and which remain; without it the next plan is drawn."""
    (tmp_path / "good.wav").write_bytes(sounds.wav(sounds.speech(80), 16_000))
    (tmp_path / "clipped.wav").write_bytes(sounds.wav(sounds.clip(sounds.speech(80), 0.05), 16_000))
    with pytest.raises(RecordingRefused) as refused:
        await stage.call("plan_companion", spec=spec("good.wav", "clipped.wav"))
    assert "'clipped.wav': 5.0% of it is cut off at the loudest; 1.0% is too much (clipped)" in refused.value.what
    assert "leave out clipped.wav, and go on with good.wav" in refused.value.next
    assert not list((stage.keeper.settings.folder / "blobs").iterdir())
    assert (await stage.call("plan_companion", spec=spec("good.wav"))).recordings


async def test_the_same_recording_twice_is_told(
    stage: Stage, tmp_path: Path, recording: Callable[[float], bytes]
) -> None:
    """Under another name too."""
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(recording(80))
    found = await stage.call("inspect_recording", recordings=["a.wav", "b.wav"])
    assert (found.usable, found.best) == (True, ["a.wav"])
    assert found.says == ["b.wav is the same as a.wav; it counts and is sent once"]
    draft = await stage.call("plan_companion", spec=spec("a.wav", "b.wav"))
    assert "the same recording was given more than once; it is sent once" in draft.warnings


async def test_more_than_25_recordings_are_refused(stage: Stage, tmp_path: Path) -> None:
    """A folder counts as what is in it."""
    (tmp_path / "tapes").mkdir()
    for number in range(26):
        (tmp_path / "tapes" / f"{number}.wav").write_bytes(b"RIFF")
    with pytest.raises(BadInput, match="26 recordings are more than 25"):
        await stage.call("inspect_recording", recordings=["tapes"])


async def test_thresholds_are_settings(judge: Judge, tmp_path: Path) -> None:
    """The keeper's, for every tool."""
    said = sounds.speech(80)
    (tmp_path / "noisy.wav").write_bytes(sounds.wav(0.5 * sounds.under(said, sounds.noise(len(said)), 8), 16_000))
    for chosen, usable in (({}, False), ({"snr_refuse": 5.0}, True)):
        async with open_stage(judge, tmp_path, settings={"preflight": chosen}) as stage:
            assert (await stage.call("inspect_recording", recordings=["noisy.wav"])).usable is usable


class Listener(Nobody):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, float, str]] = []

    async def report(self, done: float, total: float, message: str) -> None:
        self.told.append((done, total, message))


async def test_long_recordings_tell_how_far_they_are(stage: Stage, tmp_path: Path) -> None:
    """By the minute."""
    (tmp_path / "tape.flac").write_bytes(sounds.file(sounds.speech(300), 16_000, format="FLAC"))
    listener = Listener()
    await stage.call("inspect_recording", recordings=["tape.flac"], caller=listener)
    assert listener.told
    assert [done for done, _, _ in listener.told] == sorted({done for done, _, _ in listener.told})
    assert listener.told[0][2].startswith("tape.flac: ")


async def test_a_call_that_is_cancelled_ends_at_once(stage: Stage, tmp_path: Path) -> None:
    """The process that decodes goes with it, and the next call works."""
    (tmp_path / "tape.flac").write_bytes(sounds.file(sounds.speech(301), 16_000, format="FLAC"))

    class Impatient(Nobody):
        async def report(self, done: float, total: float, message: str) -> None:
            scope.cancel()

    with anyio.CancelScope() as scope:
        await stage.call("inspect_recording", recordings=["tape.flac"], caller=Impatient())
    assert scope.cancelled_caught
    assert (await stage.call("inspect_recording", recordings=["tape.flac"])).usable
