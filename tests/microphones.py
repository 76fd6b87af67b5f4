"""What a browser's microphone hears: a person who says one sentence of the example, between silences."""

from __future__ import annotations

import wave
from pathlib import Path

import av

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy" / "recording.mp3"
RATE = 16_000
SENTENCE = 2.3  # seconds: the first one of the recording


def microphone(file: Path, before: float, after: float = 1) -> Path:
    """A file that Chromium plays over and over, with so many seconds of silence before and after the sentence."""
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(2 * round(before * RATE)) + _sentence() + bytes(2 * round(after * RATE)))
    return file


def _sentence() -> bytes:
    """As 16-bit samples."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    made = bytearray()
    with av.open(str(EXAMPLE)) as container:
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                made += bytes(part.planes[0])[: part.samples * 2]
            if len(made) >= SENTENCE * RATE * 2:
                break
    return bytes(made)
