"""Make `recording.mp3` from `recording.txt`: synthetic speech (espeak-ng) of a text of ours, no real person's voice.

Needs `espeak-ng` on PATH (a Debian and Homebrew package). The same version of it makes the same recording again.
"""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import av

HERE = Path(__file__).parent
VOICE = ["-v", "en-gb+f4", "-s", "145", "-p", "38", "-g", "2"]
BIT_RATE = 48_000


def main() -> None:
    """Speak the text and keep it as a small mono MP3."""
    encode(speak(HERE / "recording.txt"), HERE / "recording.mp3")
    print(f"recording.mp3: {seconds(HERE / 'recording.mp3'):.1f} s, {(HERE / 'recording.mp3').stat().st_size} bytes")


def speak(text: Path) -> bytes:
    """The text as WAV."""
    command = ["espeak-ng", *VOICE, "-f", str(text), "--stdout"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def encode(wav: bytes, target: Path) -> None:
    """Write WAV as MP3, at the sample rate it has."""
    with av.open(io.BytesIO(wav)) as source, av.open(str(target), "w", format="mp3") as out:
        spoken = source.streams.audio[0]
        stream = out.add_stream("libmp3lame", rate=spoken.rate, layout="mono", bit_rate=BIT_RATE)
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=spoken.rate)
        for frame in source.decode(spoken):
            for piece in resampler.resample(frame):
                out.mux(stream.encode(piece))
        out.mux(stream.encode(None))


def seconds(recording: Path) -> float:
    """The length of what is decoded, which is what a listener hears."""
    with av.open(str(recording)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


if __name__ == "__main__":
    main()
