"""Voices: instant clones, and the premade ones that every account has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Json
from pydantic_core import PydanticCustomError
from starlette.datastructures import UploadFile

from .. import ids
from ..account import count_edit, room_for_edit, room_for_voice
from ..catalogue import PREMADE
from ..paging import page
from ..routing import Call, route
from ..schema import Body, Form, Query
from ..state import Row
from . import recordings, voice_store
from .voice_store import missing

__all__ = ["ROUTES", "Upload", "missing"]

# What a new voice answers when `library_voice_match` is on; the ids are made up.
_MATCH = {"library_voice_id": "SandboxLibraryVoice0", "public_owner_id": "sandbox"}


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


class EditForm(Form):
    """A change: files are added; a description or labels that aren't there, or null, stay as they are."""

    name: str
    files: list[Upload] | None = None
    remove_background_noise: bool = False
    description: str | None = None
    labels: Json[dict[str, str] | None] | None = None
    moderate_metadata: bool = False


class AllQuery(Query):
    """There are no legacy voices to show."""

    show_legacy: bool | None = False


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
    form, plan, switches = call.body, call.setup.plan, call.setup.switches
    with call.reading() as rows:
        room_for_voice(rows, plan, call.now)
    added = await recordings.taken(form.files, switches, clean=form.remove_background_noise)
    voice = _voice(call)
    # The look above refuses early; this one decides, since another clone may have come while the audio was decoded.
    with call.rows() as rows:
        room_for_voice(rows, plan, call.now)
        count_edit(rows, call.now)
        voice_store.save(rows, voice, added)
    match = {"library_voice_match": _MATCH} if switches.library_voice_match else {}
    return {"voice_id": voice["id"], "requires_verification": voice["requires_verification"], **match}


def _voice(call: Call[VoiceForm, Query]) -> Row:
    form, switches = call.body, call.setup.switches
    return {
        "id": ids.short(),
        "name": form.name,
        "description": form.description,
        "labels": form.labels or {},
        "category": "cloned",
        "created": call.now,
        "requires_verification": switches.require_verification or switches.library_voice_match,
        "samples": [],
    }


async def edit(call: Call[EditForm, Query]) -> dict[str, str]:
    """POST /v1/voices/{id}/edit. Counts as an add/edit operation of the month."""
    form, plan = call.body, call.setup.plan
    with call.reading() as rows:
        room_for_edit(rows, plan, call.now)
        voice_store.own(rows, call.id)
    added = await recordings.taken(form.files or [], call.setup.switches, clean=form.remove_background_noise)
    with call.rows() as rows:
        room_for_edit(rows, plan, call.now)
        voice = voice_store.own(rows, call.id)
        given = {"name": form.name, "description": form.description, "labels": form.labels}
        voice |= {name: value for name, value in given.items() if value is not None}
        count_edit(rows, call.now)
        voice_store.save(rows, voice, added)
    return {"status": "ok"}


async def read(call: Call[Body, VoiceQuery]) -> dict[str, Any]:
    """GET /v1/voices/{id}"""
    with call.reading() as rows:
        voice, settings = voice_store.find(rows, call.id), voice_store.settings(rows, call.id)
    return {**_view(voice), "settings": settings}


async def delete(call: Call[Body, Query]) -> dict[str, str]:
    """DELETE /v1/voices/{id}. The slot becomes free again; the month's count of edits stays."""
    with call.rows() as rows:
        voice_store.remove(rows, voice_store.own(rows, call.id))
    return {"status": "ok"}


async def read_all(call: Call[Body, AllQuery]) -> dict[str, Any]:
    """GET /v1/voices"""
    with call.reading() as rows:
        own = sorted(call.listed(rows, "voice"), key=lambda voice: voice["created"], reverse=True)
    return {"voices": [_view(voice) for voice in [*own, *PREMADE.values()]]}


async def index(call: Call[Body, VoicesQuery]) -> dict[str, Any]:
    """GET /v2/voices. The premade voices come on top of the first page, as the service documents."""
    query = call.query
    with call.reading() as rows:
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
    route("POST", "/v1/voices/add", add, body=VoiceForm, scope="create_instant_voice_clone"),
    route("GET", "/v1/voices", read_all, query=AllQuery, scope="voices_read"),
    route("GET", "/v2/voices", index, query=VoicesQuery, scope="voices_read"),
    route("GET", "/v1/voices/{id}", read, query=VoiceQuery, scope="voices_read"),
    route("POST", "/v1/voices/{id}/edit", edit, body=EditForm, scope="voices_write"),
    route("DELETE", "/v1/voices/{id}", delete, scope="voices_write"),
]
