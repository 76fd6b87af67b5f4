"""What the sandbox assumes about the live service, as named switches: each default is stated, each can be turned."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_origin, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

_DAY = 24 * 60 * 60


def _close_code(code: int) -> int:
    if code not in (1000, 1002, 1008, 1011) and not 3000 <= code <= 4999:
        raise ValueError("a close code is 1000, 1002, 1008, 1011, or from 3000 to 4999")
    return code


Close = Annotated[int, AfterValidator(_close_code)]
Bytes = Annotated[int, Field(ge=1, le=1024**3)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Seconds = Annotated[float, Field(ge=0, le=366 * _DAY)]


@dataclass(frozen=True)
class Switches:
    """Behaviour that is an assumption about the live service, or that a test wants otherwise."""

    check_voice: bool = True
    """An agent's voice must exist. Whether the live service looks when an agent is made is unverified."""
    check_language: bool = True
    """English agents need flash or turbo v2, others v2.5, and so may English ones that speak other languages too; v3 and
    v4 speak all. Reported widely, not in the official schema."""
    v3_in_other_languages: bool = True
    """Agents in other languages than English may use `eleven_v3_conversational`; one report says that they may not."""
    require_verification: bool = False
    """New voices answer `requires_verification: true` and can't speak: 403 `voice_access_denied`, which is assumed."""
    library_voice_match: bool = False
    """New voices match a protected voice of the library, and so require verification. The official client knows the field."""
    min_voice_seconds: Seconds = 1.0
    """Shorter recordings are refused as `audio_too_short`. The threshold is ours."""
    max_voice_files: Count = 100
    max_voice_file_bytes: Bytes = 64 * 1024 * 1024
    """What an instant clone may be made of. The live limits are unverified; these are more than a normal client sends."""
    credit_refusal: Literal["402", "401"] = "402"
    """Out of credits: 402 `insufficient_credits` as documented now, or 401 `quota_exceeded` as seen until January 2026."""
    concurrency_refusal: Literal["concurrent_limit_exceeded", "too_many_concurrent_requests"] = (
        "concurrent_limit_exceeded"
    )
    """What too many requests at once are told: the documented code, or the older one of the help centre."""
    retry_after_seconds: Annotated[int, Field(ge=0, le=_DAY)] = 0
    """The `Retry-After` of such a refusal; 0 sends none. Whether the live service sends one is unverified."""
    envelope: Literal["current", "legacy", "text"] = "current"
    """How refusals look: the object of 2026, the older one with `status` and `message` alone, or a bare string."""
    unknown_fields: Literal["ignore", "refuse"] = "ignore"
    """What happens to fields that the schema doesn't have. That the live service ignores them is assumed."""
    models_without_key: Literal["workspace_not_found", "needs_authorization"] = "workspace_not_found"
    """What `GET /v1/models` answers without a key: the 404 that was seen once, or the usual 401."""
    max_body_bytes: Bytes = 64 * 1024 * 1024
    max_json_bytes: Bytes = 4 * 1024 * 1024
    """Larger bodies, and larger bodies of JSON, are refused with 413; texts for the knowledge base may be as large as
    that. The limits are ours."""
    max_knowledge_bytes: Bytes = 20 * 1024 * 1024
    max_knowledge_characters: Count = 300_000
    knowledge_refusal: Literal[400, 413, 422] = 400
    """The documented totals of an account, and the status of the refusal beyond them, which is unverified."""
    accept_markdown: bool = True
    """Files may be Markdown. Official documents name only PDF, text, HTML, Word and EPUB; that `.md` works is unverified."""
    knowledge_format: Literal["html", "markdown"] = "html"
    """How the content of documents is shown: as escaped HTML, the official default, or as it was given. Unverified."""
    rag_seconds: Seconds = 2.0
    """How long an index takes, whatever the document. The live service takes seconds to minutes; this is assumed."""
    rag_not_ready: Literal["off", "422", "400"] = "422"
    """An agent with RAG on and a document that isn't indexed is refused as `rag_index_not_ready`; the status is reported
    once. Agents never start an index by themselves: that the live service does so through the API is unverified."""
    signed_url_seconds: Annotated[int, Field(ge=0, le=366 * _DAY)] = 15 * 60
    """How long signed URLs and tokens can start a conversation: the documented quarter of an hour."""
    list_lag_seconds: Seconds = 0.0
    """How long a new voice, document or agent is missing from lists. Whether the live lists lag is unverified."""
    unknown_agent_close: Close = 3000
    allowlist_close: Close = 3000
    """Close codes for an agent that doesn't exist and a host that isn't allowed; 1008 is as likely. Both are unverified."""
    top_level_text_only: bool = True
    """`text_only` at the top of the overrides counts. The official Python client puts it there; that it works is unverified."""
    placeholders_count: bool = False
    """Placeholders stand in for missing dynamic variables. Three reports say that in real calls they don't."""
    ping_seconds: Annotated[float, Field(ge=0.01, le=_DAY)] = 5.0
    """Between pings, when also time limits are looked at. The live interval is unverified."""
    inactivity_seconds: Seconds = 0.0
    """Silence after which a conversation is closed whatever the agent says; 0 is never. Unverified."""
    credits_a_minute: Annotated[float, Field(ge=0, le=10**9)] = 500.0
    """What a minute of conversation costs. The live price depends on plan and model; this one is assumed."""
    hears: tuple[str, ...] = ("Hello.", "What do you remember?", "Are you really you?", "Thank you. Goodbye.")
    """What the user's speech is taken for, turn by turn and then anew: speech isn't recognised here."""
    simulation_shows_history: bool = True
    """A simulated conversation is shown with the history that it continued. Unverified."""
    patch_appends_lists: bool = False
    """Lists in a change of an agent are added to instead of replaced. Replacing is what clients expect; it is unverified."""
    patch_null_resets: bool = False
    """A null in a change of an agent sets the default instead of null, where null is allowed. Unverified."""
    patch_replaces_maps: bool = False
    """Settings whose names are the caller's own, such as placeholders, language presets and workflow nodes, are replaced
    by a change and not merged, so that names can go. That the live service merges them is unverified."""
    check_webhook: bool = True
    """A post-call webhook that is set must exist. Whether the live service looks is unverified."""


def turned(switches: Switches, given: Mapping[str, object]) -> Switches:
    """`switches` with some set otherwise, each by its name and type; text is read as the type wants it."""
    types = get_type_hints(Switches, include_extras=True)
    unknown = [name for name in given if name not in types]
    if unknown:
        raise ValueError(f"no switch {', '.join(unknown)}; there are {', '.join(types)}")
    return replace(switches, **{name: _read(name, types[name], value) for name, value in given.items()})


def _read(name: str, type: Any, value: object) -> Any:
    model = TypeAdapter[Any](type, config=ConfigDict(allow_inf_nan=False))
    try:
        return model.validate_python(value)
    except ValidationError as error:
        if isinstance(value, str) and get_origin(type) is tuple and not value.startswith("["):
            return tuple(value.split(" / "))  # as the documentation shows it
        if isinstance(value, str):
            with contextlib.suppress(ValidationError):
                return model.validate_json(value)
        raise ValueError(f"switch {name}={value}: {error.errors()[0]['msg']}") from error
