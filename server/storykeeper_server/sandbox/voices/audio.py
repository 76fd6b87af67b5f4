"""Recordings decoded, and speech encoded, by FFmpeg's libraries."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from ..envelopes import Refusal, invalid

if TYPE_CHECKING:
    # Imported inside the functions, because most of what the sandbox does needs no codec and it should start fast.
    from av import AudioFrame

_COMPRESSED = {"mp3": ("mp3", "libmp3lame"), "opus": ("ogg", "libopus")}
_TELEPHONE = {"ulaw": ("mulaw", "pcm_mulaw"), "alaw": ("alaw", "pcm_alaw")}
_SECONDS_A_FRAME = 10
_LONGEST_HOURS = 4
# What FFmpeg knows besides are playlists that open other files, and descriptions of streams to wait for.
_RECORDINGS = "aac,ac3,aiff,amr,asf,au,avi,caf,eac3,flac,matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
_UPLOADED = {"format_whitelist": _RECORDINGS, "protocol_whitelist": ""}


async def seconds(data: bytes) -> float:
    """The length of a recording; a 400 if it can't be decoded or is longer than four hours. Decoding runs in a thread."""
    return await anyio.to_thread.run_sync(_decode, data)


def _decode(data: bytes) -> float:
    import av
    from av.error import FFmpegError

    try:
        # Tags may be in any encoding; they are not looked at.
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore", container_options=_UPLOADED) as container:
            return _length(container.decode(container.streams.audio[0]))
    except (FFmpegError, IndexError, ZeroDivisionError) as error:
        raise invalid("invalid_audio", "The audio could not be decoded.", "files") from error


def _length(frames: Iterator[AudioFrame]) -> float:
    seconds = 0.0
    for frame in frames:
        seconds += frame.samples / frame.sample_rate
        if seconds > _LONGEST_HOURS * 3600:
            raise invalid("audio_too_long", f"The audio is longer than {_LONGEST_HOURS} hours.", "files")
    return seconds


def resample(pcm: bytes, rate: int, wanted: int) -> bytes:
    """Mono 16-bit PCM at another rate."""
    if rate == wanted or not pcm:
        return pcm
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=wanted)
    frames = (frame for part in chain(_frames(pcm, rate), [None]) for frame in resampler.resample(part))
    return b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in frames)


def encode(pcm: bytes, rate: int, output_format: str) -> bytes:
    """Mono 16-bit PCM as one of the service's formats, such as `mp3_44100_128`, `wav_16000` or `ulaw_8000`."""
    kind, wanted, *kilobits = output_format.split("_")
    pcm = resample(pcm, rate, int(wanted))
    if kind == "pcm":
        return pcm
    if kind == "wav":
        return _wav(pcm, int(wanted))
    if kind in _TELEPHONE:
        return _pack(pcm, int(wanted), *_TELEPHONE[kind]) if pcm else b""
    if kind in _COMPRESSED:
        # Codecs work in blocks: less than a tenth of a second may be less than one.
        return _pack(pcm.ljust(int(wanted) // 5, b"\0"), int(wanted), *_COMPRESSED[kind], int(kilobits[0]) * 1000)
    raise Refusal(501, "not_implemented", "not_emulated", f"The sandbox does not emulate the format {output_format}.")


def _wav(pcm: bytes, rate: int) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return made.getvalue()


def _pack(pcm: bytes, rate: int, container: str, codec: str, bits: int = 0) -> bytes:
    import av

    made = io.BytesIO()
    # Exact, because the same text should always give the same bytes: an Ogg stream has a random number otherwise.
    with av.open(made, "w", format=container, options={"fflags": "+bitexact"}) as file:
        stream: Any = file.add_stream(codec, rate=rate, layout="mono")  # pyright: ignore[reportUnknownMemberType]  # its stubs leave it open
        if bits:
            stream.bit_rate = bits
        for frame in chain(_frames(pcm, rate), [None]):
            file.mux(stream.encode(frame))  # pyright: ignore[reportUnknownMemberType]  # its stubs leave it open
    return made.getvalue()


def _frames(pcm: bytes, rate: int) -> Iterator[AudioFrame]:
    import av

    # Not one frame for all: FFmpeg's queues get slow with large ones.
    size = rate * _SECONDS_A_FRAME * 2
    for start in range(0, len(pcm), size):
        part = pcm[start : start + size]
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(part) // 2)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), start // 2
        frame.planes[0].update(part)
        yield frame
