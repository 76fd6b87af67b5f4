"""Speech made on this machine: eSpeak NG where it is installed, else beeps that nobody takes for a voice."""

from __future__ import annotations

import array
import math
import re
import shutil
import subprocess
from functools import partial
from itertools import cycle, islice

import anyio.to_thread

from .audio import encode, resample

__all__ = ["encode", "speak", "synthesiser"]

_NAME = "espeak-ng"
_MOST_CHARACTERS = 40_000  # what the longest of the service's requests may have
_SECONDS = 60.0  # for so much text it needs about a second
_WORDS_A_MINUTE = 165
_PAUSE = 0.2  # for a text of which nothing can be said
_BEEP = 0.12
_CHARACTERS_A_BEEP = 3


def synthesiser() -> str:
    """What speaks: `espeak-ng` or `tone`."""
    return _NAME if shutil.which(_NAME) else "tone"


async def speak(text: str, *, rate: int = 16_000, speed: float = 1.0, language: str = "en") -> bytes:
    """Mono 16-bit PCM of `text`, the same for the same input; what is beyond 40,000 characters isn't spoken."""
    make = partial(_speak, text[:_MOST_CHARACTERS], rate, min(max(speed, 0.5), 2.0), language)
    return await anyio.to_thread.run_sync(make)


def _speak(text: str, rate: int, speed: float, language: str) -> bytes:
    program = shutil.which(_NAME)
    said = program and (_espeak(program, text, speed, language) or _espeak(program, text, speed, "en"))
    if not said:
        return _beeps(text, rate, speed)
    found, pcm = said
    return resample(pcm, found, rate) or bytes(int(rate * _PAUSE) * 2)


def _espeak(program: str, text: str, speed: float, language: str) -> tuple[int, bytes] | None:
    # A language is part of the command line, so only what can be one gets there; the text never does.
    voice = language.lower() if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?", language) else "en"
    command = [program, "--stdin", "--stdout", "-b", "1", "-v", voice, "-s", str(round(_WORDS_A_MINUTE * speed))]
    heard = text.replace("\0", " ").encode(errors="replace")  # a zero would end the text
    try:
        done = subprocess.run(command, input=heard, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603  # text goes to stdin
    except (subprocess.TimeoutExpired, OSError):
        return None
    return _unwrapped(done.stdout) if done.returncode == 0 else None


def _unwrapped(wav: bytes) -> tuple[int, bytes]:
    # Written to a pipe, the header knows no length; a text without anything to say has not even a header.
    start = wav.find(b"data") + 8
    if not wav.startswith(b"RIFF") or start < 8:
        return 16_000, b""
    return int.from_bytes(wav[24:28], "little"), wav[start : start + (len(wav) - start) // 2 * 2]


def _beeps(text: str, rate: int, speed: float) -> bytes:
    """Two beeps in turn, one for every three characters."""
    count = max(1, math.ceil(len(text) / _CHARACTERS_A_BEEP))
    return b"".join(islice(cycle(_beep(rate, speed, pitch) for pitch in (440, 660)), count))


def _beep(rate: int, speed: float, pitch: int) -> bytes:
    length = int(rate * _BEEP / speed)
    sound = array.array("h", (int(8_000 * math.sin(2 * math.pi * pitch * at / rate)) for at in range(length * 3 // 4)))
    return sound.tobytes().ljust(length * 2, b"\0")
