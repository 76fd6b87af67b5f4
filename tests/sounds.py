"""Sounds made by arithmetic: speech enough for the preflight, music, noise, and the ways in which recordings are spoiled."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

Sound = NDArray[np.float32]

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy" / "recording.mp3"
VOWELS = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
    (490, 1350, 1690),
)
TABLE = 1024


@cache
def speech(seconds: float, rate: int = 16_000, seed: int = 0, pitch: float = 120) -> Sound:
    """Syllables with a pitch that glides, consonants of noise, words in phrases, and pauses; the same for each seed."""
    random = np.random.default_rng(seed)
    tables, said = [_vowel(formants, pitch) for formants in VOWELS], np.zeros(int(seconds * rate), np.float32)
    at, left = int(0.2 * rate), 0
    while at < len(said):
        if not left:
            left = int(random.integers(6, 14))
            tone = pitch * float(random.uniform(0.95, 1.15))
        syllable = _syllable(random, tables[int(random.integers(len(tables)))], tone, rate)[: len(said) - at]
        said[at : at + len(syllable)] += syllable
        left, tone = left - 1, tone * 0.985
        at += len(syllable) + int(rate * (random.uniform(0.4, 0.9) if not left else random.uniform(0, 0.06)))
    said *= 0.5 / max(float(np.abs(said).max()), 1e-9)
    return said


def _vowel(formants: tuple[int, ...], pitch: float) -> Sound:
    """One period of a voice."""
    turns = np.arange(TABLE) / TABLE
    wave = np.zeros(TABLE)
    for number in range(1, int(5000 / pitch)):
        shape = sum(1 / (1 + ((number * pitch - formant) / 90) ** 2) for formant in formants)
        wave += (shape + 0.01) / number**0.6 * np.cos(2 * np.pi * number * turns + number * number)
    return (wave / np.abs(wave).max()).astype(np.float32)


def _syllable(random: np.random.Generator, table: Sound, pitch: float, rate: int) -> Sound:
    length = int(rate * random.uniform(0.12, 0.28))
    glide = pitch * np.linspace(random.uniform(0.94, 1.08), random.uniform(0.9, 1.05), length)
    phase = np.cumsum(glide / rate)
    voice = table[((phase % 1) * TABLE).astype(np.int64)] * np.sin(np.linspace(0, np.pi, length)) ** 0.5
    breath = random.standard_normal(int(rate * random.uniform(0.03, 0.09))) * 0.08
    breath *= np.hanning(len(breath))
    return np.concatenate([np.diff(breath, prepend=0), voice * random.uniform(0.5, 1)]).astype(np.float32)


@cache
def example() -> tuple[Sound, int]:
    """The example's recording and its rate."""
    sound, rate = soundfile.read(EXAMPLE, dtype="float32")
    return sound, rate


@cache
def noise(samples: int, seed: int = 1, tilt: float = 0) -> Sound:
    """White, or falling by so many dB an octave; RMS 1."""
    white = np.random.default_rng(seed).standard_normal(samples)
    if tilt:
        spectrum = np.fft.rfft(white)
        spectrum[1:] *= np.arange(1, len(spectrum)) ** (-tilt / 6.02)
        spectrum[: max(1, samples // 1000)] *= 0  # below what a microphone gives
        white = np.fft.irfft(spectrum, samples)
    return (white / _rms(white)).astype(np.float32)


@cache
def music(samples: int, rate: int, beat: float = 0.5, seed: int = 2) -> Sound:
    """Chords of plucked notes with overtones, a bass, and a new chord every four beats; RMS 1."""
    random = np.random.default_rng(seed)
    played, width = np.zeros(samples), int(beat * rate)
    chords = ((0, 4, 7, 12), (5, 9, 12, 17), (7, 11, 14, 19), (-3, 0, 4, 9))
    for number, start in enumerate(range(0, samples, width)):
        chord = chords[number // 4 % 4]
        for note in (chord[0] - 12, chord[number % 4], chord[int(random.integers(4))]):
            rung = _plucked(note, rate, beat)[: samples - start]
            played[start : start + len(rung)] += rung
    return (played / _rms(played)).astype(np.float32)


@cache
def _plucked(note: int, rate: int, beat: float) -> NDArray[np.float64]:
    """So many half-tones above middle C, for four beats."""
    clock = np.arange(int(4 * beat * rate)) / rate
    tone = 2 * np.pi * 261.63 * 2 ** (note / 12)
    return sum(np.sin(k * tone * clock) / k for k in range(1, 6)) * np.exp(-clock / (1.5 * beat))


def under(sound: Sound, other: Sound, db: float) -> Sound:
    """With something else beneath it, so many dB softer than what is heard of it."""
    return sound + other[: len(sound)] * np.float32(_rms(sound[heard(sound)]) / 10 ** (db / 20))


def heard(sound: Sound, window: int = 400) -> NDArray[np.bool_]:
    """Samples near which there is sound at all."""
    peaks = np.maximum.reduceat(np.abs(sound), np.arange(0, len(sound), window))
    return np.repeat(peaks > 0.01 * np.abs(sound).max(), window)[: len(sound)]


def clip(sound: Sound, share: float) -> Sound:
    """Made so loud that so large a share of its samples goes beyond full scale, which cuts it off."""
    return np.clip(sound / np.quantile(np.abs(sound), 1 - share), -1, 1).astype(np.float32)


@cache
def tape(seconds: float = 40) -> bytes:
    """A small MP3 of speech."""
    return file(speech(seconds), 16_000, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.9)


def titled(title: str) -> bytes:
    """A recording that nobody else has, in next to no time: the same sound, whose tag says another title."""
    return tape() + b"TAG" + title.encode()[:30].ljust(125, b"\0")


def wav(sound: Sound, rate: int, subtype: str = "PCM_16", format: str = "WAV") -> bytes:
    """A file of it."""
    return file(sound, rate, format=format, subtype=subtype)


def file(sound: Sound, rate: int, **kind: Any) -> bytes:
    """A file of a kind that soundfile writes; in blocks, since its Vorbis crashes on minutes at once."""
    made = io.BytesIO()
    channels = 1 if sound.ndim == 1 else sound.shape[1]
    with soundfile.SoundFile(made, "w", rate, channels, **kind) as out:
        for start in range(0, len(sound), 1 << 16):
            out.write(sound[start : start + (1 << 16)])
    return made.getvalue()


def packed(sound: Sound, rate: int, container: str, codec: str) -> bytes:
    """A file of a kind that FFmpeg writes."""
    import av

    made = io.BytesIO()
    with av.open(made, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=stream.rate, frame_size=stream.frame_size or 1024
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return made.getvalue()


def resampled(sound: Sound, rate: int, wanted: int) -> Sound:
    """At another rate, by FFT; what the lower of both can't hold is gone."""
    samples = round(len(sound) * wanted / rate)
    spectrum = np.fft.rfft(sound)
    kept = np.zeros(samples // 2 + 1, np.complex128)
    kept[: min(len(kept), len(spectrum))] = spectrum[: len(kept)]
    return (np.fft.irfft(kept, samples) * samples / len(sound)).astype(np.float32)


def _rms(sound: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def loudness_by_ffmpeg(sound: Sound, rate: int) -> float:
    """As FFmpeg's filter ebur128 has it."""
    import av  # only who compares with it needs FFmpeg

    channels = np.ascontiguousarray(sound.reshape(len(sound), -1).T)
    layout = "mono" if len(channels) == 1 else "stereo"
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="fltp", layout=layout)
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(channels, format="fltp", layout=layout)
    frame.sample_rate = rate
    graph.push(frame)
    graph.push(None)
    told = ""
    while True:
        try:
            told = graph.pull().metadata.get("lavfi.r128.I", told)
        except av.error.EOFError:
            return float(told)
