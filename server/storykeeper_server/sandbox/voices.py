"""Voices: instant clones, and the premade ones that every account has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Json
from pydantic_core import PydanticCustomError
from starlette.datastructures import UploadFile

from . import audio, ids
from .account import room_for_voice
from .catalogue import PREMADE
from .envelopes import Refusal, invalid, not_found
from .paging import page
from .routing import Call, route
from .schema import Body, Form, Query
from .state import Row

_SETTINGS = {"stability": 0.5, "use_speaker_boost": True, "similarity_boost": 0.75, "style": 0.0, "speed": 1.0}


def uploaded(value: object) -> object:
    """A part of a form that must be a file with something in it."""
    if not isinstance(value, UploadFile):
        raise PydanticCustomError(
            "value_error", "Value error, Expected UploadFile, received: {kind}", {"kind": str(type(value))}
        )
    if not value.size:
        raise PydanticCustomError("value_error", "Value error, The uploaded file is empty")
    return value


Upload = Annotated[UploadFile, BeforeValidator(uploaded)]


class VoiceForm(Form):
    """The form of an instant clone. `labels` is JSON in a string; the official client sends `null` for none."""

    name: str
    files: list[Upload]
    remove_background_noise: bool = False
    description: str | None = None
    labels: Json[dict[str, str] | None] | None = None


class VoicesQuery(Query):
    """Filters of the list. Filters on what only shared or professional voices have leave nothing over."""

    next_page_token: str | None = None
    page_size: int = Field(default=10, ge=1, le=100)
    search: str | None = None
    sort: Literal["name", "created_at_unix"] = "created_at_unix"
    sort_direction: Literal["asc", "desc"] = "desc"
    voice_type: (
        Literal["personal", "community", "default", "workspace", "non-default", "non-community", "saved"] | None
    ) = None
    category: str | None = None
    fine_tuning_state: str | None = None
    collection_id: str | None = None
    gender: str | None = None
    age: str | None = None
    language: list[str] | None = None
    accent: str | None = None
    use_cases: list[str] | None = None
    min_notice_period_days: int | None = None
    include_custom_rates: bool | None = None
    include_live_moderated: bool | None = None
    high_quality: bool | None = None
    include_total_count: bool = True
    voice_ids: list[str] | None = Field(default=None, max_length=100)


class VoiceQuery(Query):
    """`with_settings` is deprecated: settings are always there."""

    with_settings: bool = True


async def add(call: Call[VoiceForm, Query]) -> dict[str, Any]:
    """POST /v1/voices/add"""
    plan = call.setup.plan
    with call.rows() as rows:
        room_for_voice(rows, plan, call.now)
    voice = await _voice(call)
    # The look above refuses early; this one decides, since another clone may have come while the audio was decoded.
    with call.rows() as rows:
        account = room_for_voice(rows, plan, call.now)
        rows.put("account", "account", {**account, "edits": account["edits"] + 1})
        rows.put("voice", voice["id"], voice)
    return {"voice_id": voice["id"], "requires_verification": voice["requires_verification"]}


async def _voice(call: Call[VoiceForm, Query]) -> Row:
    form = call.body
    return {
        "id": ids.short(),
        "name": form.name,
        "description": form.description,
        "labels": form.labels or {},
        "category": "cloned",
        "created": call.now,
        "requires_verification": call.setup.switches.require_verification,
        "samples": [await _sample(file, form, call.setup.switches.min_voice_seconds) for file in form.files],
    }


async def _sample(file: UploadFile, form: VoiceForm, least: float) -> dict[str, Any]:
    data = await file.read()
    length = await audio.seconds(data)
    if length < least:
        raise invalid(
            "audio_too_short", f"The audio is {length:.1f} s long; at least {least:.1f} s are needed.", "files"
        )
    return {
        "sample_id": ids.short(),
        "file_name": file.filename or "audio",
        "mime_type": file.content_type or "application/octet-stream",
        "size_bytes": len(data),
        "hash": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "duration_secs": round(length, 3),
        "remove_background_noise": form.remove_background_noise,
    }


async def read(call: Call[Body, VoiceQuery]) -> dict[str, Any]:
    """GET /v1/voices/{id}"""
    with call.rows() as rows:
        voice = rows.get("voice", call.id) or PREMADE.get(call.id)
    if voice is None:
        raise missing(call.id)
    return {**_view(voice), "settings": _SETTINGS}


def missing(id: str) -> Refusal:
    """The service's 404 for a voice."""
    return not_found("voice_not_found", f"A voice with voice_id '{id}' was not found.", "voice_id")


async def delete(call: Call[Body, Query]) -> dict[str, str]:
    """DELETE /v1/voices/{id}. The slot becomes free again; the month's count of edits stays."""
    with call.rows() as rows:
        if not rows.drop("voice", call.id):
            raise missing(call.id)
    return {"status": "ok"}


async def index(call: Call[Body, VoicesQuery]) -> dict[str, Any]:
    """GET /v2/voices. The premade voices come on top of the first page, as the service documents."""
    query = call.query
    with call.rows() as rows:
        own = [voice for voice in call.listed(rows, "voice") if _matches(voice, query)]
    premade = [voice for voice in PREMADE.values() if _matches(voice, query)]
    by = "name" if query.sort == "name" else "created"
    chosen, token = page(
        own,
        query.page_size,
        query.next_page_token,
        by=by,
        key=lambda row: row[by],
        descending=query.sort_direction == "desc",
    )
    return {
        "voices": [_view(voice) for voice in [*chosen, *([] if query.next_page_token else premade)]],
        "has_more": token is not None,
        "total_count": len(own) + len(premade) if query.include_total_count else 0,
        "next_page_token": token,
    }


def _matches(voice: Row, query: VoicesQuery) -> bool:
    labels: dict[str, str] = voice["labels"]
    words = " ".join([voice["name"], voice["description"] or "", voice["category"], *labels.values()]).casefold()
    return all(
        (
            not query.search or query.search.casefold() in words,
            not query.category or query.category == voice["category"],
            not query.voice_ids or voice["id"] in query.voice_ids,
            _is_type(voice, query.voice_type),
            all(labels.get(name) == wanted for name in ("gender", "age", "accent") if (wanted := getattr(query, name))),
            _any_of(labels.get("language"), query.language),
            _any_of(labels.get("use_case"), query.use_cases),
            not (query.fine_tuning_state or query.collection_id or query.min_notice_period_days or query.high_quality),
        )
    )


def _any_of(value: str | None, wanted: Iterable[str] | None) -> bool:
    return not wanted or value in set(wanted)


def _is_type(voice: Row, kind: str | None) -> bool:
    premade = voice["category"] == "premade"
    return kind is None or (premade if kind == "default" else not premade and kind != "community")


def _view(voice: Row) -> dict[str, Any]:
    own = voice["category"] != "premade"
    return {
        "voice_id": voice["id"],
        "name": voice["name"],
        "samples": voice.get("samples"),
        "category": voice["category"],
        "fine_tuning": None,
        "labels": voice["labels"],
        "description": voice["description"],
        "preview_url": None,
        "available_for_tiers": [],
        "settings": None,
        "sharing": None,
        "high_quality_base_model_ids": [],
        "verified_languages": [],
        "collection_ids": [],
        "safety_control": None,
        "voice_verification": _verification(voice) if own else None,
        "permission_on_resource": "admin" if own else None,
        "is_owner": own,
        "is_legacy": False,
        "is_mixed": False,
        "favorited_at_unix": None,
        "created_at_unix": int(voice["created"]) if own else None,
    }


def _verification(voice: Row) -> dict[str, Any]:
    return {
        "requires_verification": voice["requires_verification"],
        "is_verified": False,
        "verification_failures": [],
        "verification_attempts_count": 0,
        "language": None,
        "verification_attempts": None,
    }


ROUTES = [
    route("POST", "/v1/voices/add", add, body=VoiceForm),
    route("GET", "/v2/voices", index, query=VoicesQuery),
    route("GET", "/v1/voices/{id}", read, query=VoiceQuery),
    route("DELETE", "/v1/voices/{id}", delete),
]
