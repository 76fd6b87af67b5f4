"""What people give: recordings and texts, staged as planning stages them, but so short that nothing has to be decoded."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Sequence
from functools import cache

from storykeeper_tools.provisioning.blobs import Blobs
from storykeeper_tools.provisioning.plan import StagedMemory, StagedRecording
from storykeeper_tools.provisioning.staging import Staged


def staged(blobs: Blobs, name: str, memories: Sequence[str], take: int = 0) -> Staged:
    with blobs.staging() as staging:
        recording = staging.add(io.BytesIO(sound(name, take)))
        texts = [(text, staging.add(io.BytesIO(text.encode()))) for text in memories]
    return Staged(
        [StagedRecording(sha256=recording, name="a.wav", mime="audio/wav", seconds=40)],
        [],
        [
            StagedMemory(
                sha256=sha256,
                title=text.partition(".")[0],
                type="text",
                mime="text/plain",
                size=len(text),
                characters=len(text),
            )
            for text, sha256 in texts
        ],
        [],
        staging,
    )


@cache
def sound(name: str, take: int = 0) -> bytes:
    """A twentieth of a second; each person's is another, and so is each take."""
    packed = io.BytesIO()
    with wave.open(packed, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", (ord(name[0]) * n) % (3000 - take)) for n in range(400)))
    return packed.getvalue()
