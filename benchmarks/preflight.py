"""The preflight of recordings against its bars: speed and memory, accuracy, the reject list, and files that are huge.

    python benchmarks/preflight.py

Speed is the whole wait of whoever asks, with the start of the process that decodes; memory is the most that this
process had, as the system counts it. Loudness is compared with FFmpeg's own measure; noise and clipping with what the
sounds were made with.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from bars import at_most

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import sounds
import spoiled
from sounds import Sound
from storykeeper_tools.companion.recordings.measures import Measures
from storykeeper_tools.companion.recordings.measuring import measure
from storykeeper_tools.companion.recordings.preflight import hear
from storykeeper_tools.companion.recordings.thresholds import USUAL
from storykeeper_tools.companion.recordings.verdict import judge

SECONDS_BAR, MEMORY_BAR, SILENCE_BAR = 1.0, 300, 5.0
LOUDNESS_BAR, SNR_BAR, CLIPPING_BAR = 0.1, 3.0, 0.1
RATE = 44_100
ROUNDS = 3


def one(path: str) -> None:
    """In a process of its own: what a recording is, how long that took, and the memory of the process that decoded."""
    with open(path, "rb") as file:
        started = time.perf_counter()
        heard = hear(file)
        seconds = time.perf_counter() - started
    found = judge(os.path.basename(path), heard.measures, USUAL)
    said = f"{found.verdict} {' '.join(finding.code for finding in found.findings)}"
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    print(json.dumps({"seconds": seconds, "mb": peak, "said": said.strip(), "heard": heard.measures.seconds}))


def asked(path: Path, rounds: int = 1) -> dict[str, Any]:
    """The quickest of some rounds."""
    command = [sys.executable, __file__, "--one", str(path)]
    rows = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(rounds)]
    return min(rows, key=lambda row: row["seconds"]) | {"mb": max(row["mb"] for row in rows)}


def shown(name: str, row: dict[str, Any], bar: float) -> bool:
    light = row["mb"] <= MEMORY_BAR
    missed = "" if light and row["seconds"] <= bar else "MISSED"
    print(f"  {name:<28}{row['seconds']:6.2f} s {row['mb']:5.0f} MB  {row['said']:<24}{missed}")
    return light and at_most(row["seconds"], bar)


WRITTEN = {"WAV": "PCM_16", "FLAC": "PCM_16", "AIFF": "PCM_16", "OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}
PACKED = {"mp4 aac": RATE, "adts aac": RATE, "ogg libopus": 48_000, "webm libopus": 48_000}


def kinds(sound: Sound) -> Iterator[tuple[str, bytes]]:
    """The same in every format."""
    for format, subtype in WRITTEN.items():
        yield f"{format} {subtype}", sounds.file(sound, RATE, format=format, subtype=subtype)
    yield "WAV, stereo", sounds.wav(np.stack([sound, sound * np.float32(0.9)], axis=1), RATE)
    for kind, rate in PACKED.items():
        container, codec = kind.split()
        yield kind, sounds.packed(sounds.resampled(sound, RATE, rate), rate, container, codec)


def speed(folder: Path) -> bool:
    print(f"two minutes of 44.1 kHz, best of {ROUNDS} (bars: {SECONDS_BAR:.0f} s, {MEMORY_BAR} MB)")
    met = True
    for name, data in kinds(sounds.speech(120, RATE)):
        path = folder / name.replace(" ", "-")
        path.write_bytes(data)
        met &= shown(name, asked(path, ROUNDS), SECONDS_BAR)
    return met


def measured(sound: Sound, rate: int) -> Measures:
    with tempfile.TemporaryFile() as file:
        file.write(sounds.wav(sound, rate, "FLOAT"))
        found, _ = measure(file, lambda _: None)
    return Measures.model_validate(found)


def voices() -> list[tuple[Sound, int]]:
    made = [(60, 16_000, 0, 120), (60, RATE, 3, 210), (60, 48_000, 4, 95)]
    return [sounds.example(), *((sounds.speech(*how), how[1]) for how in made)]


def louder(voice: Sound, rate: int) -> Iterator[float]:
    """By how many LU loudness differs from FFmpeg's, in mono and in stereo."""
    for gain in (1, 0.3, 0.05):
        mono = voice * np.float32(gain)
        for sound in (mono, np.stack([mono, np.roll(mono, 99) * np.float32(0.5)], axis=1)):
            yield measured(sound, rate).loudness - sounds.loudness_by_ffmpeg(sound, rate)


def noisier(voice: Sound, rate: int) -> Iterator[float]:
    """By how many dB noise differs from what was put in: white, and falling by 3 and 6 dB an octave."""
    for db in (5, 10, 15, 20, 25, 30):
        for tilt in (0, 3, 6):
            yield measured(0.3 * sounds.under(voice, sounds.noise(len(voice), tilt=tilt), db), rate).snr - db


def clippier(voice: Sound, rate: int) -> Iterator[float]:
    """By what share of itself the clipped share differs from the true one; also when it was made softer afterwards."""
    for share in (0.0005, 0.001, 0.005, 0.01, 0.03, 0.1):
        for gain in (1, 0.7, 0.1):
            yield measured(gain * sounds.clip(voice, share), rate).clipping / share - 1


def accuracy() -> bool:
    """Each figure against the truth, on voices of several kinds and rates."""
    rows = (
        ("loudness, beside FFmpeg", louder, LOUDNESS_BAR, "LU"),
        ("SNR from 5 to 30 dB", noisier, SNR_BAR, "dB"),
        ("clipped share, relative", clippier, CLIPPING_BAR, "of it"),
    )
    print("accuracy on generated sounds: the mean and the largest error")
    met = True
    for name, compare, bar, unit in rows:
        errors = [abs(error) for voice, rate in voices() for error in compare(voice, rate)]
        met &= max(errors) <= bar
        missed = "" if max(errors) <= bar else "  MISSED"
        mean = float(np.mean(errors))
        print(f"  {name:<26}{len(errors):3} sounds {mean:7.3f}{max(errors):8.3f} {unit} (bar {bar} {unit}){missed}")
    return met


def verdicts() -> bool:
    print(f"{len(spoiled.ALL)} recordings that are spoiled or good (bar: no wrong verdict)")
    wrong = 0
    for name, each in spoiled.ALL.items():
        with tempfile.TemporaryFile() as file:
            file.write(each.make())
            file.flush()
            found = judge(name, hear(file).measures, USUAL)
        codes = " ".join(finding.code for finding in found.findings)
        right = (found.verdict, codes) == (each.verdict, each.codes)
        wrong += not right
        print(f"  {name:<42}{found.verdict:<9}{codes}{'' if right else f'  WRONG: {each.verdict} {each.codes}'}")
    print(f"  {wrong} wrong")
    return not wrong


def tapes(folder: Path) -> Iterator[tuple[str, Path, float]]:
    """Files that hold far more than they look like, and how long they may take."""
    yield "two hours of silence, Opus", opus_silence(folder / "silence.opus"), SILENCE_BAR
    for name, rate, channels, minutes, quiet in (
        ("two hours of silence, FLAC", 16_000, 1, 120, True),
        ("ten hours of silence, FLAC", 44_100, 2, 600, True),
        ("two hours of speech", 22_050, 1, 120, False),
        ("ten minutes of 192 kHz stereo", 192_000, 2, 10, False),
        ("a minute of 8 channels", 48_000, 8, 1, False),
        ("a minute of 64 channels", 16_000, 64, 1, False),
    ):
        path = folder / name.replace(" ", "-").replace(",", "")
        minute = np.zeros(60 * rate, np.float32) if quiet else sounds.speech(60, rate)
        kind: dict[str, Any] = {"format": "FLAC"} if channels <= 8 else {"format": "WAV", "subtype": "PCM_16"}
        with soundfile.SoundFile(path, "w", rate, channels, **kind) as file:
            for _ in range(minutes):
                file.write(np.repeat(minute[:, None], channels, axis=1) if channels > 1 else minute)
        yield name, path, SILENCE_BAR if quiet else 120


def opus_silence(path: Path) -> Path:
    with av.open(str(path), "w", format="ogg") as out:
        stream = out.add_stream(
            "libopus", rate=16_000, layout="mono", options={"compression_level": "0", "frame_duration": "60"}
        )
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate = 16_000
        for _ in range(2 * 3600 * 16_000 // 960):
            frame.pts = None
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def huge(folder: Path) -> bool:
    print(f"huge files (bars: {MEMORY_BAR} MB, and {SILENCE_BAR:.0f} s for silence)")
    met = True
    for name, path, bar in tapes(folder):
        met &= shown(f"{name}, {path.stat().st_size / 1e6:.1f} MB", asked(path), bar)
        path.unlink()
    return met


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        met = [speed(Path(folder)), accuracy(), verdicts(), huge(Path(folder))]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(one(sys.argv[2]) if sys.argv[1:2] == ["--one"] else main())
