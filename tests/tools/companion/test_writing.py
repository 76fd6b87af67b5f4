"""A cut is written sample by sample from where it is, in a process of its own."""

from __future__ import annotations

import io
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import sounds
from storykeeper_tools.companion.recordings import isolation

RATE = 16_000


def cut(tmp_path: Path, tapes: list[bytes], segments: list[tuple[int, int, int]], **more: Any) -> tuple[Any, int]:
    """The samples of a cut, as 16-bit numbers, and their rate."""
    sources = [tmp_path / str(n) for n in range(len(tapes))]
    for source, tape in zip(sources, tapes, strict=True):
        source.write_bytes(tape)
    arguments = {"segments": segments, "gains": [0.0] * len(tapes), "rate": RATE, "format": "FLAC", **more}
    with ExitStack() as stack:
        files = [stack.enter_context(source.open("rb")) for source in sources]
        out = stack.enter_context((tmp_path / "cut").open("w+b"))
        answer, _ = isolation.run("cut", arguments, reading=files, writing=out)
    made, rate = soundfile.read(tmp_path / "cut", dtype="int16")
    assert answer["seconds"] == len(made) / rate
    return made, rate


def numbers(data: bytes) -> Any:
    return soundfile.read(io.BytesIO(data), dtype="int16")[0]


@pytest.mark.parametrize("format", ["FLAC", "WAV"])
def test_samples_are_copied_as_they_are_but_for_the_fades(tmp_path: Path, format: str) -> None:
    """10 ms at each join; all others to the last bit, across blocks too."""
    tape = sounds.wav(sounds.noise(25 * RATE) * np.float32(0.2), RATE)
    made, rate = cut(tmp_path, [tape], [(0, 5, 150), (0, 160, 210)], format=format)
    there = numbers(tape)
    wanted = np.concatenate([there[8_000:240_000], there[256_000:336_000]])
    assert (rate, len(made)) == (RATE, len(wanted))
    joined = 232_000
    inside = [slice(160, joined - 160), slice(joined + 160, -160)]
    assert all(np.array_equal(made[part], wanted[part]) for part in inside)
    assert abs(int(made[0])) + abs(int(made[joined])) + abs(int(made[-1])) < 10
    assert np.abs(made[joined - 160 : joined]).mean() < 0.7 * np.abs(wanted[joined - 160 : joined]).mean()


def test_a_louder_tape_is_turned_down(tmp_path: Path) -> None:
    """By its gain in dB; the other stays as it is."""
    tape = sounds.wav(sounds.noise(10 * RATE) * np.float32(0.2), RATE)
    made, _ = cut(tmp_path, [tape, tape], [(0, 0, 40), (1, 0, 40)], gains=[-6.0206, 0.0])
    halves = made[1000:63_000].astype(float), made[65_000:127_000].astype(float)
    assert halves[0].std() / halves[1].std() == pytest.approx(0.5, rel=0.01)


def test_tapes_of_several_rates_become_one(tmp_path: Path) -> None:
    """The pitch stays, and the length."""
    clock = np.arange(10 * 44_100) / 44_100
    tone = (0.4 * np.sin(2 * np.pi * 440 * clock)).astype(np.float32)
    made, rate = cut(
        tmp_path, [sounds.wav(sounds.speech(10, RATE), RATE), sounds.wav(tone, 44_100)], [(0, 0, 50), (1, 20, 70)]
    )
    assert (rate, len(made)) == (RATE, pytest.approx(10 * RATE, abs=2))
    heard = np.abs(np.fft.rfft(made[6 * RATE : 9 * RATE]))
    assert np.argmax(heard) / 3 == pytest.approx(440, abs=0.5)


def test_channels_become_one(tmp_path: Path) -> None:
    """Mixed, and not lost where they would cancel each other out."""
    said = sounds.speech(6, RATE)
    for other in (said, -0.9 * said):
        made, _ = cut(tmp_path, [sounds.wav(np.stack([said, other], axis=1), RATE)], [(0, 5, 55)])
        wanted = numbers(sounds.wav(said, RATE))[8_000:88_000]
        assert np.abs(made[200:-200].astype(int) - wanted[200:-200]).max() <= 1


def test_what_says_no_more_than_it_holds_is_cut_as_far_as_it_goes(tmp_path: Path) -> None:
    """A tape that was torn off, or isn't one: an error of ours, and never a crash."""
    tape = sounds.wav(sounds.noise(10 * RATE) * np.float32(0.2), RATE)
    made, _ = cut(tmp_path, [tape[: len(tape) // 2]], [(0, 0, 90)])
    assert len(made) == pytest.approx(5 * RATE, abs=100)
    with pytest.raises(isolation.Broken):
        cut(tmp_path, [b"PK\x03\x04" + bytes(1000)], [(0, 0, 90)])


def test_whoever_has_enough_ends_it(tmp_path: Path) -> None:
    """What the one who is told raises, ends the process, too."""
    (tmp_path / "tape").write_bytes(sounds.wav(sounds.noise(10 * RATE), RATE))

    def enough(seconds: float) -> None:
        raise KeyboardInterrupt

    arguments = {"segments": [(0, 0, 90)], "gains": [0.0], "rate": RATE, "format": "FLAC"}
    with (
        (tmp_path / "tape").open("rb") as tape,
        (tmp_path / "cut").open("w+b") as out,
        pytest.raises(KeyboardInterrupt),
    ):
        isolation.run("cut", arguments, reading=[tape], writing=out, tick=enough)
