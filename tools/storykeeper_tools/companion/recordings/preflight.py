"""What a recording really is: decoded, not believed. Decides by decoded duration, sample rate, channels and format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from pydantic import BaseModel

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

Verdict = Literal["good", "usable", "refused"]
SHORTEST, SHORT, LONG = 30.0, 60.0, 180.0
LOWEST_RATE = 16_000
LONGEST_DECODED = 4 * 3600.0


class Finding(BaseModel):
    code: str
    what: str
    do: str


class Recording(BaseModel):
    """`seconds` counts decoded sound, whatever the header says."""

    name: str
    format: str
    mime: str
    seconds: float
    sample_rate: int
    channels: int
    verdict: Verdict
    findings: list[Finding]

    def __str__(self) -> str:
        facts = f"{self.name}: {self.verdict}, {self.seconds:.0f} s, {self.sample_rate} Hz, {self.format}"
        return "; ".join([facts, *(f"{f.what}: {f.do}" for f in self.findings)])


def sniff(head: bytes) -> tuple[str, str] | None:
    """Decoder and media type by the first bytes; only these decoders are ever started."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav", "audio/wav"
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "aiff", "audio/aiff"
    if head[4:8] == b"ftyp":
        return "mp4", "audio/mp4"
    for magic, found in (
        (b"fLaC", ("flac", "audio/flac")),
        (b"OggS", ("ogg", "audio/ogg")),
        (b"\x1a\x45\xdf\xa3", ("matroska", "audio/webm")),
        (b"ID3", ("mp3", "audio/mpeg")),
    ):
        if head.startswith(magic):
            return found
    return _sync(head)


def _sync(head: bytes) -> tuple[str, str] | None:
    """MP3 and AAC streams start with eleven set bits; the layer bits tell them apart (AAC has none)."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    return ("aac", "audio/aac") if head[1] & 0x06 == 0 else ("mp3", "audio/mpeg")


def inspect(file: BinaryIO, name: str) -> Recording:
    """Decode a recording and judge it. Blocking: call it in a thread. The file is left at its start."""
    file.seek(0)
    found = sniff(file.read(16))
    file.seek(0)
    if found is None:
        return _refused(name, "unknown", "", "not_audio", "this is not a recording in a known format")
    try:
        seconds, rate, channels = _measure(file, found[0])
    except (ValueError, OSError, LookupError):
        return _refused(name, *found, "undecodable", "this recording can't be decoded")
    finally:
        file.seek(0)
    findings, verdict = judge(seconds, rate, channels)
    return Recording(
        name=name,
        format=found[0],
        mime=found[1],
        seconds=round(seconds, 2),
        sample_rate=rate,
        channels=channels,
        verdict=verdict,
        findings=findings,
    )


def judge(seconds: float, rate: int, channels: int) -> tuple[list[Finding], Verdict]:
    """Findings and verdict for what was measured."""
    refusals = list(_refusals(seconds, rate))
    hints = list(_hints(seconds, channels))
    if refusals:
        return refusals, "refused"
    return hints, "usable" if hints else "good"


def _refusals(seconds: float, rate: int) -> Iterator[Finding]:
    if seconds == 0:
        yield Finding(code="audio_empty", what="it holds no sound", do="give another recording")
    elif seconds < SHORTEST:
        yield Finding(
            code="too_short",
            what=f"{seconds:.0f} s is less than {SHORTEST:.0f} s",
            do="give one to two minutes of speech",
        )
    if seconds and rate < LOWEST_RATE:
        yield Finding(
            code="low_rate",
            what=f"{rate} Hz is telephone quality",
            do=f"find an original with at least {LOWEST_RATE} Hz",
        )


def _hints(seconds: float, channels: int) -> Iterator[Finding]:
    if seconds < SHORT:
        yield Finding(code="short", what="it is under a minute", do="one to two minutes make a better likeness")
    if seconds > LONG:
        yield Finding(code="long", what="it is over three minutes", do="the best one to three minutes are enough")
    if channels > 2:
        yield Finding(code="channels", what=f"it has {channels} channels", do="mix it down to one")


def _refused(name: str, format: str, mime: str, code: str, what: str) -> Recording:
    finding = Finding(code=code, what=what, do="give the original recording as WAV, MP3, M4A, FLAC, Ogg or WebM")
    return Recording(
        name=name,
        format=format,
        mime=mime,
        seconds=0,
        sample_rate=0,
        channels=0,
        verdict="refused",
        findings=[finding],
    )


def _measure(file: BinaryIO, format: str) -> tuple[float, int, int]:
    """Seconds decoded, rate, channels. What decodes before a break counts; nothing at all is an error."""
    import av  # brings FFmpeg; only wanted once there is a recording
    from av.error import FFmpegError

    samples, rate, channels = 0, 0, 0
    try:
        with av.open(file, format=format, metadata_errors="ignore") as container:
            for frame in _frames(container):
                samples, rate, channels = samples + frame.samples, frame.sample_rate, len(frame.layout.channels)
                if samples > LONGEST_DECODED * rate:
                    break
    except FFmpegError:
        if not samples:
            raise ValueError("nothing could be decoded") from None
    return (samples / rate if rate else 0.0), rate, channels


def _frames(container: Any) -> Iterator[AudioFrame]:
    if not container.streams.audio:
        raise LookupError("there is no sound in it")
    yield from container.decode(audio=0)
