"""How voices speak: the service's defaults, and what was set for a voice."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..envelopes import invalid
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Row
from . import voice_store

# Reported refusals show these; the official file has no range for either.
_RANGES = {"speed": (0.7, 1.2), "style": (0.0, 1.0)}


class Settings(Body):
    """What can be set; null is the default. `clone_strength` is known to the official client only, and has no effect."""

    stability: float | None = Field(default=0.5, ge=0, le=1)
    use_speaker_boost: bool | None = True
    similarity_boost: float | None = Field(default=0.75, ge=0, le=1)
    style: float | None = 0.0
    speed: float | None = 1.0
    clone_strength: float | None = None


def checked(settings: Settings) -> Row:
    """The settings with all defaults, or the service's 400."""
    given = settings.model_dump(exclude_none=True, exclude={"clone_strength"})
    for name, (least, most) in _RANGES.items():
        if not least <= given.get(name, least) <= most:
            message = (
                f"Invalid setting for {name} received, expected to be greater or equal to {least} "
                f"and less or equal to {most}, received {given[name]}"
            )
            raise invalid("invalid_voice_settings", message, name)
    return {**voice_store.DEFAULT_SETTINGS, **given}


async def read_default(call: Call[Body, Query]) -> dict[str, Any]:
    """GET /v1/voices/settings/default"""
    return voice_store.DEFAULT_SETTINGS


async def read(call: Call[Body, Query]) -> dict[str, Any]:
    """GET /v1/voices/{id}/settings"""
    with call.reading() as rows:
        voice_store.find(rows, call.id)
        return voice_store.settings(rows, call.id)


async def edit(call: Call[Settings, Query]) -> dict[str, str]:
    """POST /v1/voices/{id}/settings/edit. What isn't sent becomes the default; it counts as no edit: both are assumed."""
    with call.rows() as rows:
        voice_store.find(rows, call.id)
        rows.put("voice settings", call.id, checked(call.body))
    return {"status": "ok"}


ROUTES = [
    route("GET", "/v1/voices/settings/default", read_default, public=True),
    route("GET", "/v1/voices/{id}/settings", read, scope="voices_read"),
    route("POST", "/v1/voices/{id}/settings/edit", edit, body=Settings, scope="voices_write"),
]
