"""Recordings that are spoiled in one way each, with the verdict that they must get and the finding that must say why."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

import sounds
from sounds import Sound

RATE = 24_000
SECONDS = 75


@dataclass(frozen=True)
class Spoiled:
    """`codes` are all that may be found, in their order."""

    make: Callable[[], bytes]
    verdict: str
    codes: str = ""


def said(seconds: float = SECONDS) -> Sound:
    return sounds.speech(seconds, RATE)


def wav(sound: Sound, rate: int = RATE, subtype: str = "PCM_16") -> bytes:
    return sounds.wav(sound, rate, subtype)


@cache
def mp3(seconds: float) -> bytes:
    return sounds.file(said(seconds), RATE, format="MP3", subtype="MPEG_LAYER_III")


def m4a(sound: Sound) -> bytes:
    return sounds.packed(sound, RATE, "mp4", "aac")


def part(data: bytes, share: float) -> bytes:
    """The beginning of a file."""
    return data[: int(len(data) * share)]


def silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * RATE), np.float32)


def mostly_silent() -> Sound:
    """Eighty per cent of it."""
    return np.concatenate([said(24), silence(96)])


def music(db: float, beat: float = 0.5) -> Sound:
    return 0.5 * sounds.under(said(), sounds.music(SECONDS * RATE, RATE, beat), db)


def noise(db: float, tilt: float = 3) -> Sound:
    return 0.5 * sounds.under(said(), sounds.noise(SECONDS * RATE, tilt=tilt), db)


def hum() -> Sound:
    clock = np.arange(SECONDS * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * 50 * k * clock) / k for k in range(1, 12)).astype(np.float32)
    return 0.5 * sounds.under(said(), tones, 8)


def telephone(linear: bool) -> Sound:
    """8 kHz, given the samples of 44.1 kHz by FFT, or by lines between the points."""
    few = sounds.resampled(said(), RATE, 8000)
    if not linear:
        return sounds.resampled(few, 8000, RATE)
    places = np.arange(len(few) * RATE // 8000) * (8000 / RATE)
    return np.interp(places, np.arange(len(few)), few).astype(np.float32)


def infinite(value: float) -> bytes:
    sound = said().copy()
    sound[len(sound) // 2] = value
    return wav(sound, subtype="FLOAT")


def two_people() -> Sound:
    low, high = said(90), sounds.speech(90, RATE, 7, 215)
    turns = (np.arange(len(low)) // (6 * RATE)) % 2 == 0
    return np.where(turns, low, high).astype(np.float32)


def stereo(left: Sound, right: Sound) -> bytes:
    return wav(np.stack([left, right], axis=1))


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("mum.wav", wav(said(40)))
    return made.getvalue()


def wrong_rate(rate: int) -> bytes:
    """A header that says another rate than the sound has."""
    data = bytearray(wav(said(40)))
    data[24:28] = rate.to_bytes(4, "little")
    return bytes(data)


def random(head: bytes = b"") -> bytes:
    return head + np.random.default_rng(3).bytes(200_000)


def example(spoil: Callable[[Sound, int], Sound]) -> bytes:
    """The example's recording with something done to it; its pauses are silent."""
    sound, rate = sounds.example()
    return sounds.wav(spoil(sound, rate).astype(np.float32), rate)


def beneath(make: Callable[[int, int], Sound], db: float) -> Callable[[Sound, int], Sound]:
    return lambda sound, rate: 0.5 * sounds.under(sound, make(len(sound), rate), db)


def clicked() -> Sound:
    """Five minutes and a half of silence after one click."""
    return np.concatenate([np.full(20, 0.3, np.float32), silence(330)])


def broken(data: bytes, start: float, length: int) -> bytes:
    """With so many bytes, from a share of it on, made senseless."""
    at = int(len(data) * start)
    return data[:at] + np.random.default_rng(5).bytes(length) + data[at + length :]


def chained(format: str, subtype: str | None = None) -> bytes:
    """Speech, and a minute of noise as a second file behind it, which the head of the first one says nothing of."""
    loud = 0.3 * sounds.noise(60 * RATE)
    return b"".join(sounds.file(sound, RATE, format=format, subtype=subtype) for sound in (said(), loud))


def tagged(data: bytes, kind: bytes = b"TIT2", length: int = 9) -> bytes:
    """With an ID3 tag in front."""
    frame = kind + length.to_bytes(4, "big") + b"\0\0" + bytes(length)
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame + data


def padded(data: bytes) -> bytes:
    """A WAV with much behind its sound."""
    return data + b"junk" + (200_000).to_bytes(4, "little") + bytes(200_000)


@cache
def film(*, sound: bool = True, seconds: int = 40) -> bytes:
    """An MP4 with pictures; one is made for each second."""
    import av

    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as out:
        picture = out.add_stream("mpeg4", rate=1, width=32, height=32, pix_fmt="yuv420p")
        heard = out.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for _ in range(seconds):
            out.mux(picture.encode(av.VideoFrame(32, 32, "yuv420p")))
        out.mux(picture.encode(None))
        if heard:
            frame = av.AudioFrame.from_ndarray(sounds.speech(seconds).reshape(1, -1), format="fltp", layout="mono")
            frame.sample_rate = 16_000
            resampler = av.AudioResampler(format=heard.format, layout="mono", rate=16_000, frame_size=1024)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(heard.encode(piece))
            out.mux(heard.encode(None))
    return made.getvalue()


def two_tracks() -> bytes:
    """A Matroska file of speech, and of noise that few players play."""
    import av

    made = io.BytesIO()
    with av.open(made, "w", format="matroska") as out:
        tracks = [(out.add_stream("flac", rate=RATE, layout="mono"), sound) for sound in (said(), noise(-20))]
        for track, sound in tracks:
            for start in range(0, len(sound), 4096):
                piece = (sound[start : start + 4096] * 30_000).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE, start
                out.mux(track.encode(frame))
            out.mux(track.encode(None))
    return made.getvalue()


# The reject list, and everything like it.
REJECTED: dict[str, Spoiled] = {
    "header only, no frames": Spoiled(lambda: wav(silence(0)), "refused", "audio_empty"),
    "nothing at all": Spoiled(lambda: b"", "refused", "not_audio"),
    "a text": Spoiled(lambda: b"I am a text." * 9, "refused", "not_audio"),
    "a playlist": Spoiled(lambda: b"#EXTM3U\nhttp://127.0.0.1/x", "refused", "not_audio"),
    "random bytes": Spoiled(random, "refused", "not_audio"),
    "random bytes after a WAV head": Spoiled(lambda: random(b"RIFF\xff\xff\xff\x7fWAVE"), "refused", "undecodable"),
    "random bytes after a FLAC head": Spoiled(lambda: random(b"fLaC"), "refused", "undecodable"),
    "random bytes after an Ogg head": Spoiled(lambda: random(b"OggS"), "refused", "undecodable"),
    "random bytes after an MP4 head": Spoiled(lambda: random(b"\0\0\0\x20ftypM4A "), "refused", "undecodable"),
    "random bytes after a WebM head": Spoiled(lambda: random(b"\x1a\x45\xdf\xa3"), "refused", "undecodable"),
    "a ZIP": Spoiled(zipped, "refused", "not_audio"),
    "WAV cut off: header 75 s, data 22 s": Spoiled(lambda: wav(said())[: 22 * 2 * RATE], "refused", "too_short"),
    "MP3 cut off": Spoiled(lambda: part(mp3(SECONDS), 0.25), "refused", "too_short"),
    "M4A cut before its index": Spoiled(lambda: part(m4a(said(40)), 0.5), "refused", "undecodable"),
    "5 s": Spoiled(lambda: wav(said(5)), "refused", "too_short"),
    "all silence": Spoiled(lambda: wav(silence(SECONDS)), "refused", "silent"),
    "silence for 80 %": Spoiled(lambda: wav(mostly_silent()), "refused", "too_little_speech"),
    "noise alone": Spoiled(lambda: wav(0.1 * sounds.noise(SECONDS * RATE)), "refused", "too_little_speech"),
    "too soft": Spoiled(lambda: wav(0.03 * said(), subtype="PCM_24"), "refused", "quiet"),
    "noise 5 dB below": Spoiled(lambda: wav(noise(5)), "refused", "noisy"),
    "white noise 5 dB below": Spoiled(lambda: wav(noise(5, 0)), "refused", "noisy"),
    "music as loud": Spoiled(lambda: wav(music(0)), "refused", "background"),
    "quick music as loud": Spoiled(lambda: wav(music(0, 0.25)), "refused", "background"),
    "music 10 dB below": Spoiled(lambda: wav(music(10)), "refused", "background"),
    "slow music 10 dB below": Spoiled(lambda: wav(music(10, 1)), "refused", "background"),
    "a hum 8 dB below": Spoiled(lambda: wav(hum()), "refused", "background"),
    "music alone": Spoiled(
        lambda: wav(0.1 * sounds.music(SECONDS * RATE, RATE)), "refused", "too_little_speech background"
    ),
    "clipped": Spoiled(lambda: wav(sounds.clip(said(), 0.03)), "refused", "clipped"),
    "clipped, then made softer": Spoiled(lambda: wav(0.7 * sounds.clip(said(), 0.03)), "refused", "clipped"),
    "NaN": Spoiled(lambda: infinite(np.nan), "refused", "not_finite"),
    "infinity": Spoiled(lambda: infinite(np.inf), "refused", "not_finite"),
    "8 kHz": Spoiled(lambda: wav(sounds.speech(SECONDS, 8000), 8000), "refused", "low_rate"),
    "4 Hz": Spoiled(lambda: wrong_rate(4), "refused", "low_rate"),
    "silence after a click": Spoiled(lambda: wav(clicked()), "refused", "silent"),
    "MP3 and noise behind its end": Spoiled(lambda: chained("MP3"), "refused", "noisy"),
    "Ogg and noise behind its end": Spoiled(lambda: chained("OGG"), "refused", "noisy"),
    "FLAC and noise behind its end": Spoiled(lambda: chained("FLAC", "PCM_16"), "refused", "noisy"),
    "M4A, noise behind a damaged place": Spoiled(
        lambda: broken(m4a(np.concatenate([said(40), 0.3 * sounds.noise(40 * RATE)])), 0.5, 2000),
        "refused",
        "noisy damaged",
    ),
    "a little of it, and damaged": Spoiled(lambda: broken(mp3(25), 0.5, 9000), "refused", "too_short damaged"),
    "the example in noise": Spoiled(
        lambda: example(beneath(lambda samples, _: sounds.noise(samples), 5)), "refused", "noisy"
    ),
    "the example over music": Spoiled(lambda: example(beneath(sounds.music, 5)), "refused", "background"),
    "the example clipped": Spoiled(lambda: example(lambda sound, _: sounds.clip(sound, 0.03)), "refused", "clipped"),
    "the example, mostly silence": Spoiled(
        lambda: example(lambda sound, rate: np.concatenate([sound[: 25 * rate], 0 * sound])),
        "refused",
        "too_little_speech",
    ),
}

WARNED: dict[str, Spoiled] = {
    "45 s": Spoiled(lambda: wav(said(45)), "usable", "short"),
    "four minutes": Spoiled(lambda: wav(sounds.speech(240), 16_000), "usable", "long"),
    "soft": Spoiled(lambda: wav(0.1 * said(), subtype="PCM_24"), "usable", "quiet"),
    "noise 15 dB below": Spoiled(lambda: wav(noise(15)), "usable", "noisy"),
    "music 20 dB below": Spoiled(lambda: wav(music(20)), "usable", "background"),
    "clipped a little": Spoiled(lambda: wav(sounds.clip(said(), 0.002)), "usable", "clipped"),
    "DC 0.1": Spoiled(lambda: wav(0.5 * said() + np.float32(0.1)), "usable", "offset"),
    "a dead channel": Spoiled(lambda: stereo(said(), silence(SECONDS)), "usable", "dead_channel"),
    "six channels": Spoiled(lambda: wav(np.stack([0.4 * said()] * 6, axis=1)), "usable", "channels"),
    "8 kHz made 44.1 kHz": Spoiled(lambda: wav(telephone(False)), "usable", "narrow"),
    "8 kHz made 44.1 kHz by lines": Spoiled(lambda: wav(telephone(True)), "usable", "narrow"),
    "the example with DC": Spoiled(lambda: example(lambda sound, _: 0.5 * sound + 0.1), "usable", "offset"),
    "MP3, damaged": Spoiled(lambda: broken(mp3(90), 0.5, 9000), "usable", "damaged"),
    "Ogg, damaged": Spoiled(
        lambda: broken(sounds.file(said(90), RATE, format="OGG"), 0.5, 20_000), "usable", "damaged"
    ),
    "FLAC, damaged": Spoiled(
        lambda: broken(sounds.file(said(90), RATE, format="FLAC"), 0.5, 40_000), "usable", "damaged"
    ),
    "a film": Spoiled(lambda: film(seconds=80), "usable", "pictures"),
    "a cover": Spoiled(lambda: tagged(mp3(SECONDS), b"APIC"), "usable", "pictures"),
    "two tracks": Spoiled(two_tracks, "usable", "pictures"),
    "much behind the sound": Spoiled(lambda: padded(wav(said())), "usable", "pictures"),
    "two channels that cancel each other": Spoiled(lambda: stereo(said(), -said()), "usable", "opposed"),
    "two people": Spoiled(lambda: wav(two_people()), "usable", "speakers"),
}

GOOD: dict[str, Spoiled] = {
    "the example": Spoiled(sounds.EXAMPLE.read_bytes, "good"),
    "WAV": Spoiled(lambda: wav(said()), "good"),
    "a float WAV": Spoiled(lambda: wav(said(), subtype="FLOAT"), "good"),
    "MP3": Spoiled(lambda: mp3(SECONDS), "good"),
    "192 kHz": Spoiled(lambda: wav(np.repeat(said(), 192_000 // RATE), 192_000), "good"),
    "stereo": Spoiled(lambda: stereo(said(), 0.8 * said()), "good"),
    "AAC behind a tag": Spoiled(lambda: tagged(sounds.packed(said(), RATE, "adts", "aac")), "good"),
    "FLAC behind a tag": Spoiled(lambda: tagged(sounds.file(said(), RATE, format="FLAC")), "good"),
    "MP3 with nothing behind": Spoiled(lambda: mp3(SECONDS) + bytes(99_999), "good"),
    "RF64": Spoiled(lambda: sounds.wav(said(), RATE, format="RF64"), "good"),
    "noise 30 dB below": Spoiled(lambda: wav(noise(30)), "good"),
}

ALL = REJECTED | WARNED | GOOD
