"""Where a prepared cut came from: a small JSON file beside it, by hashes, so that a consent can name its sources."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, ValidationError

from ...errors import FileRefused
from ...files import Files
from ...model import Model

ENDING = ".sources"
LARGEST = 256 * 1024
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Part(Model):
    """From `start` to `end`, in seconds of one source."""

    model_config = ConfigDict(frozen=True)
    source: Sha256
    start: float
    end: float


class Origin(Model):
    """`cut` is the sha256 of the file that this is about, `sources` those of what it was cut from."""

    model_config = ConfigDict(frozen=True)
    cut: Sha256
    sources: Annotated[tuple[Sha256, ...], Field(min_length=1, max_length=25)]
    parts: tuple[Part, ...] = ()
    storykeeper: str = ""


def sources(files: Files, path: str, sha256: str) -> list[str]:
    """The sha256 of what a recording was cut from; nothing where nobody says so, or says it of other bytes."""
    try:
        with files.open(path + ENDING) as file:
            origin = Origin.model_validate_json(file.read(LARGEST))
    except (FileRefused, ValidationError):
        return []
    return list(origin.sources) if origin.cut == sha256 else []
