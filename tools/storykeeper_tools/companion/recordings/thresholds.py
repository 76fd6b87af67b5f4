"""Where the preflight draws its lines. Each can be set otherwise."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field

from ...errors import BadInput
from ...model import Model

SETTING = "STORYKEEPER_PREFLIGHT"


class Thresholds(Model):
    """`..._refuse` is where a recording is refused, `..._warn` where it is only told.

    Seconds of speech, samples a second, loudness in LUFS, signal to noise in dB, shares from 0 to 1 (clipping, offset,
    music), bandwidth in Hz, size in MB. `music_refuse` is how far speech must stand above music, in dB.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    speech_refuse: Annotated[float, Field(ge=0)] = 30
    speech_warn: Annotated[float, Field(ge=0)] = 60
    long_warn: Annotated[float, Field(gt=0)] = 180
    rate_refuse: Annotated[float, Field(ge=4000)] = 16_000
    quiet_refuse: Annotated[float, Field(ge=-120, le=0)] = -45
    quiet_warn: Annotated[float, Field(ge=-120, le=0)] = -35
    loud_warn: Annotated[float, Field(ge=-120, le=20)] = -9
    clipping_refuse: Annotated[float, Field(gt=0, le=1)] = 0.01
    clipping_warn: Annotated[float, Field(gt=0, le=1)] = 0.0005
    snr_refuse: Annotated[float, Field(ge=-10, le=60)] = 10
    snr_warn: Annotated[float, Field(ge=-10, le=60)] = 20
    music_refuse: Annotated[float, Field(ge=-10, le=60)] = 15
    music_warn: Annotated[float, Field(gt=0, le=1)] = 0.4
    bandwidth_warn: Annotated[float, Field(ge=0)] = 7000
    offset_warn: Annotated[float, Field(gt=0, le=1)] = 0.02
    size_warn: Annotated[float, Field(gt=0)] = 32


USUAL = Thresholds()


def thresholds(given: Mapping[str, float]) -> Thresholds:
    """The usual ones with some set otherwise. Raises BadInput for a name that isn't one, or a value that can't be."""
    known = list(Thresholds.model_fields)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            guess = f"; did you mean {near[0]}?" if near else ""
            raise BadInput(f"{SETTING} has no threshold '{name[:40]}'{guess}", next=f"use {', '.join(known)}")
    try:
        return Thresholds.model_validate(dict(given))
    except ValueError:
        raise BadInput(f"{SETTING} holds a value that can't be meant", next=f"correct it, or unset {SETTING}") from None
