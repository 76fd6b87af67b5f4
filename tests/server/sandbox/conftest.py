"""Fixtures of the sandbox's tests."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The sandbox is served by uvicorn, which runs on asyncio."""
    return "asyncio"


@pytest.fixture
def recording() -> Callable[[float], bytes]:
    """Makes WAV files of silence."""

    def make(seconds: float) -> bytes:
        made = io.BytesIO()
        with wave.open(made, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(int(seconds * 8000) * 2))
        return made.getvalue()

    return make
