"""What was measured of a recording: plain numbers, as they come out of the process that decoded it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from ...model import Model

Trouble = Literal["", "audio_empty", "not_audio", "not_finite", "undecodable", "stopped"]


class Measures(Model):
    """`seconds` counts decoded sound, whatever the header says; what it couldn't be measured for is as silence has it.

    `loudness` is in LUFS, `snr` in dB while somebody speaks (at most 60), `clipping` the share of clipped samples,
    `bandwidth` in Hz, `offset` the mean of the samples, `music` how steadily tones sound, 0 to 1. `complete` is false
    where only the beginning was heard, `alone` where there is more in the file than this sound; `damaged` counts places
    that couldn't be decoded, `opposed` says that left and right cancel each other; `size` is in bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    trouble: Trouble = ""
    why: Annotated[str, Field(max_length=200)] = ""
    format: str = "unknown"
    mime: str = ""
    seconds: Annotated[float, Field(ge=0)] = 0
    sample_rate: Annotated[int, Field(ge=0)] = 0
    channels: Annotated[int, Field(ge=0)] = 0
    speech_seconds: Annotated[float, Field(ge=0)] = 0
    loudness: float = -120
    snr: float = 0
    clipping: Annotated[float, Field(ge=0, le=1)] = 0
    bandwidth: Annotated[float, Field(ge=0)] = 0
    offset: Annotated[float, Field(ge=0)] = 0
    dead_channels: Annotated[int, Field(ge=0)] = 0
    music: Annotated[float, Field(ge=0, le=1)] = 0
    speakers: Annotated[int, Field(ge=1)] = 1
    silent: bool = False
    complete: bool = True
    alone: bool = True
    damaged: Annotated[int, Field(ge=0)] = 0
    opposed: bool = False
    size: Annotated[int, Field(ge=0)] = 0
