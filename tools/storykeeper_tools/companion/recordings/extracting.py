"""The sound of a recording without what else is in its file, its packets as they are; only in the process that is made
for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from .decoding import Undecodable, demuxing, known, packets

CONTAINERS = {"aac": "ipod", "alac": "ipod", "mp3": "mp3", "mp3float": "mp3", "flac": "flac", "opus": "ogg",
              "libopus": "ogg", "vorbis": "ogg", "libvorbis": "ogg"}  # fmt: skip
PLAIN = {"id3v2_version": "0", "write_id3v1": "0"}


def job(
    arguments: dict[str, Any], reading: list[BinaryIO], writing: BinaryIO | None, report: Callable[[float], None]
) -> tuple[dict[str, Any], bytes]:
    """Write the first stream of sound, the same bytes each time. `made` is false where no plain file can hold it."""
    if writing is None:
        raise ValueError("there is nowhere to write to")
    try:
        with demuxing(reading[0], known(reading[0])) as container:
            source = container.streams.audio[0]
            format = _container(source.codec_context.name)
            if format:
                _copy(container, source, writing, format, report)
            return {"made": bool(format)}, b""
    except Undecodable:
        return {"made": False}, b""


def _container(codec: str) -> str:
    if codec.startswith("pcm_"):
        return "aiff" if codec.endswith("be") else "wav"
    return CONTAINERS.get(codec, "")


def _copy(container: Any, source: Any, writing: BinaryIO, format: str, report: Callable[[float], None]) -> None:
    import av  # as in demuxing

    options = {"fflags": "+bitexact"} | (PLAIN if format == "mp3" else {})
    opened: Any = av.open(writing, "w", format=format, options=options)
    with opened as out:
        copy = out.add_stream_from_template(source)
        copy.metadata.clear()
        for number, packet in enumerate(packets(container, source)):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
            if number % 1000 == 999 and packet.pts is not None:
                report(float(packet.pts * packet.time_base))
