"""How long a recording is, by decoding it."""

from __future__ import annotations

import io

import anyio.to_thread

from .envelopes import invalid


async def seconds(data: bytes) -> float:
    """The length of a recording; the service's 400 if it can't be decoded. Decoding runs in a thread."""
    return await anyio.to_thread.run_sync(_decode, data)


def _decode(data: bytes) -> float:
    # Imported here, because most of what the sandbox does needs no decoder and it should start fast.
    import av
    from av.error import FFmpegError

    try:
        with av.open(io.BytesIO(data), "r") as container:
            frames = container.decode(container.streams.audio[0])
            return sum(frame.samples / frame.sample_rate for frame in frames)
    except (FFmpegError, IndexError, ZeroDivisionError) as error:
        raise invalid("invalid_audio", "The audio could not be decoded.", "files") from error
