"""What the sandbox assumes about the live service, as named switches: each default is stated, each can be turned."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError


@dataclass(frozen=True)
class Switches:
    """Behaviour that is an assumption about the live service, or that a test wants otherwise."""

    check_voice: bool = True
    """An agent's voice must exist. Whether the live service looks when an agent is made is unverified."""
    check_language: bool = True
    """English agents need a v2 model, others v2.5. Reported widely, not in the official schema."""
    require_verification: bool = False
    """New voices answer `requires_verification: true` and can't speak: 403 `voice_access_denied`, which is assumed."""
    library_voice_match: bool = False
    """New voices match a protected voice of the library, and so require verification. The official client knows the field."""
    min_voice_seconds: float = 1.0
    """Shorter recordings are refused as `audio_too_short`. The threshold is ours."""
    max_voice_files: int = 100
    max_voice_file_bytes: int = 64 * 1024 * 1024
    """What an instant clone may be made of. The live limits are unverified; these are more than a normal client sends."""
    credit_refusal: Literal["402", "401"] = "402"
    """Out of credits: 402 `insufficient_credits` as documented now, or 401 `quota_exceeded` as seen until January 2026."""
    concurrency_refusal: Literal["concurrent_limit_exceeded", "too_many_concurrent_requests"] = (
        "concurrent_limit_exceeded"
    )
    """What too many requests at once are told: the documented code, or the older one of the help centre."""
    retry_after_seconds: int = 0
    """The `Retry-After` of such a refusal; 0 sends none. Whether the live service sends one is unverified."""
    envelope: Literal["current", "legacy", "text"] = "current"
    """How refusals look: the object of 2026, the older one with `status` and `message` alone, or a bare string."""
    unknown_fields: Literal["ignore", "refuse"] = "ignore"
    """What happens to fields that the schema doesn't have. That the live service ignores them is assumed."""
    models_without_key: Literal["workspace_not_found", "needs_authorization"] = "workspace_not_found"
    """What `GET /v1/models` answers without a key: the 404 that was seen once, or the usual 401."""
    max_body_bytes: int = 64 * 1024 * 1024
    """Larger bodies are refused with 413. The limit is ours."""
    max_knowledge_bytes: int = 20 * 1024 * 1024
    max_knowledge_characters: int = 300_000
    knowledge_refusal: Literal[400, 413, 422] = 400
    """The documented totals of an account, and the status of the refusal beyond them, which is unverified."""
    accept_markdown: bool = True
    """Files may be Markdown. Official documents name only PDF, text, HTML, Word and EPUB; that `.md` works is unverified."""
    knowledge_format: Literal["html", "markdown"] = "html"
    """How the content of documents is shown: as escaped HTML, the official default, or as it was given. Unverified."""
    rag_seconds: float = 2.0
    """How long an index takes, whatever the document. The live service takes seconds to minutes; this is assumed."""
    rag_not_ready: Literal["off", "422", "400"] = "422"
    """An agent with RAG on and a document that isn't indexed is refused as `rag_index_not_ready`; the status is reported
    once. Agents never start an index by themselves: that the live service does so through the API is unverified."""
    signed_url_seconds: int = 15 * 60
    list_lag_seconds: float = 0.0
    """How long a new voice, document or agent is missing from lists. Whether the live lists lag is unverified."""
    unknown_agent_close: int = 3000
    allowlist_close: int = 3000
    """Close codes for an agent that doesn't exist and a host that isn't allowed; 1008 is as likely. Both are unverified."""
    top_level_text_only: bool = True
    """`text_only` at the top of the overrides counts. The official Python client puts it there; that it works is unverified."""
    placeholders_count: bool = False
    """Placeholders stand in for missing dynamic variables. Three reports say that in real calls they don't."""
    ping_seconds: float = 5.0
    """Between pings, when also time limits are looked at. The live interval is unverified."""
    inactivity_seconds: float = 0.0
    """Silence after which a conversation is closed whatever the agent says; 0 is never. Unverified."""
    credits_a_minute: float = 500.0
    """What a minute of conversation costs. The live price depends on plan and model; this one is assumed."""
    hears: tuple[str, ...] = ("Hello.", "What do you remember?", "Are you really you?", "Thank you. Goodbye.")
    """What the user's speech is taken for, turn by turn and then anew: speech isn't recognised here."""
    simulation_shows_history: bool = True
    """A simulated conversation is shown with the history that it continued. Unverified."""
    patch_appends_lists: bool = False
    """Lists in a change of an agent are added to instead of replaced. Replacing is what clients expect; it is unverified."""
    patch_null_resets: bool = False
    """A null in a change of an agent sets the default instead of null, where null is allowed. Unverified."""
    check_webhook: bool = True
    """A post-call webhook that is set must exist. Whether the live service looks is unverified."""


def turned(switches: Switches, given: Mapping[str, object]) -> Switches:
    """`switches` with some set otherwise, each by its name and type; text is read as the type wants it."""
    types = get_type_hints(Switches)
    unknown = [name for name in given if name not in types]
    if unknown:
        raise ValueError(f"no switch {', '.join(unknown)}; there are {', '.join(types)}")
    return replace(switches, **{name: _read(name, types[name], value) for name, value in given.items()})


def _read(name: str, type: Any, value: object) -> Any:
    model = TypeAdapter[Any](type, config=ConfigDict(allow_inf_nan=False))
    try:
        return model.validate_python(value)
    except ValidationError as error:
        if isinstance(value, str):
            with contextlib.suppress(ValidationError):
                return model.validate_json(value)
        raise ValueError(f"switch {name}={value}: {error.errors()[0]['msg']}") from error
