"""A workspace's voices as they are kept: its own clones with their samples, and the premade ones that everybody has."""

from __future__ import annotations

from collections.abc import Iterable

from ..catalogue import PREMADE
from ..envelopes import Refusal, not_found
from ..state import Row, Rows, Snapshot
from .recordings import Recording

DEFAULT_SETTINGS: Row = {
    "stability": 0.5,
    "use_speaker_boost": True,
    "similarity_boost": 0.75,
    "style": 0.0,
    "speed": 1.0,
}


def find(rows: Snapshot, id: str) -> Row:
    """A voice that can be used, or the service's 404."""
    voice = rows.get("voice", id) or PREMADE.get(id)
    if voice is None:
        raise missing(id)
    return voice


def usable(rows: Snapshot, id: str) -> Row:
    """A voice that may speak: it exists, and was verified where that is required. Else the service's 404 or 403."""
    voice = find(rows, id)
    if voice.get("requires_verification"):
        message = f"The voice '{id}' requires verification before it can be used."
        raise Refusal(403, "authorization_error", "voice_access_denied", message, param="voice_id")
    return voice


def own(rows: Snapshot, id: str) -> Row:
    """A voice that can be changed, or the service's 404."""
    voice = rows.get("voice", id)
    if voice is None:
        raise missing(id)
    return voice


def missing(id: str) -> Refusal:
    """The service's 404 for a voice."""
    return not_found("voice_not_found", f"A voice with voice_id '{id}' was not found.", "voice_id")


def settings(rows: Snapshot, id: str) -> Row:
    """How a voice speaks when a request doesn't say."""
    return rows.get("voice settings", id) or DEFAULT_SETTINGS


def save(rows: Rows, voice: Row, added: Iterable[Recording] = ()) -> None:
    """Keep a voice, and the bytes of its new samples."""
    for recording in added:
        voice["samples"].append(recording.sample)
        rows.keep("sample", recording.sample["sample_id"], recording.data)
    rows.put("voice", voice["id"], voice)


def remove(rows: Rows, voice: Row) -> None:
    """Forget a voice, its settings and its recordings; agents that speak with it keep its id."""
    for sample in voice["samples"]:
        rows.erase("sample", sample["sample_id"])
    rows.drop("voice settings", voice["id"])
    rows.drop("voice", voice["id"])
