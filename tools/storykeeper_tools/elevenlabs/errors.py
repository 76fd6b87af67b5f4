"""What an answer that isn't a success means. Pure: status, headers and body in, an error out.

Three body shapes are in use, and the codes in them say more than the status: 401 alone is a wrong key, a missing
permission, or no credits left.

    {"detail": {"type": ..., "code": ..., "message": ..., "status": ..., "request_id": ...}}     current
    {"detail": {"status": ..., "message": ...}} or {"detail": "..."}                              older
    {"detail": [{"type": ..., "loc": [...], "msg": ..., "input": ...}]}                           a schema error
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, cast

from ..errors import (
    AuthInvalid,
    AuthMissing,
    BadInput,
    Conflict,
    MissingPermission,
    NotFound,
    PlanLimit,
    QuotaExceeded,
    RateLimited,
    RecordingRefused,
    StorykeeperError,
    TimedOut,
    Unavailable,
    UnexpectedAnswer,
    VoiceChangesUsedUp,
    VoiceSlotsFull,
)

LONGEST_MESSAGE = 240
REDACTED, SHORTEST_SECRET = "[key]", 8

BY_WORD: Mapping[str, type[StorykeeperError]] = {
    "needs_authorization": AuthMissing,
    "invalid_api_key": AuthInvalid,
    "invalid_authorization_header": AuthInvalid,
    "missing_permissions": MissingPermission,
    "insufficient_permissions": MissingPermission,
    "quota_exceeded": QuotaExceeded,
    "insufficient_credits": QuotaExceeded,
    "can_not_use_instant_voice_cloning": PlanLimit,
    "paid_plan_required": PlanLimit,
    "only_for_creator+": PlanLimit,
    "knowledge_base_limit_exceeded": PlanLimit,
    "voice_limit_reached": VoiceSlotsFull,
    "voice_add_edit_limit_reached": VoiceChangesUsedUp,
    "invalid_audio": RecordingRefused,
    "audio_too_short": RecordingRefused,
    "voice_does_not_exist": NotFound,  # a 400 in older answers
    "document_has_dependent_agents": Conflict,
    "rag_index_not_ready": Unavailable,
    "too_many_concurrent_requests": RateLimited,
    "concurrent_limit_exceeded": RateLimited,
    "rate_limit_exceeded": RateLimited,
    "system_busy": RateLimited,
}
# Of the older sentences without any code, those whose status means several things.
BY_PHRASE: Mapping[str, str] = {
    "is missing the permission": "missing_permissions",
    "credits remaining": "quota_exceeded",
    "xi-api-key received": "needs_authorization",
    "does not include instant voice cloning": "can_not_use_instant_voice_cloning",
    "maximum amount of custom voices": "voice_limit_reached",
    "monthly limit of voice add/edit": "voice_add_edit_limit_reached",
}
BY_STATUS: Mapping[int, type[StorykeeperError]] = {
    400: BadInput,
    401: AuthInvalid,
    402: PlanLimit,
    403: MissingPermission,
    404: NotFound,
    408: TimedOut,
    409: Conflict,
    413: BadInput,
    422: BadInput,
    425: RateLimited,
    429: RateLimited,
}


@dataclass(frozen=True, slots=True)
class Detail:
    """The words that classify an answer, most telling first, and its message."""

    words: tuple[str, ...] = ()
    message: str = ""


def decipher(
    status: int, headers: Mapping[str, str], body: str, *, now: float | None = None, secret: str = ""
) -> StorykeeperError:
    """The error that a non-success answer stands for, without `secret`, which some services repeat.

    `after` is set where the service said how long to wait.
    """
    detail = parse(body, secret)
    told = next((BY_WORD[w] for w in detail.words if w in BY_WORD), None) if status < 500 else Unavailable
    kind = told or BY_STATUS.get(status) or _other(status)
    what = f"ElevenLabs answered {status}" + (f": {detail.message}" if detail.message else "")
    if issubclass(kind, RateLimited):
        return kind(what, after=retry_after(headers, time.time() if now is None else now))
    if issubclass(kind, (TimedOut, Unavailable)):
        return kind(what, maybe_done=status == 408 or status >= 500)
    return kind(what)


def _other(status: int) -> type[StorykeeperError]:
    return BadInput if status >= 400 else UnexpectedAnswer


def parse(body: str, secret: str = "") -> Detail:
    """The detail of an error body in any of its shapes; nothing of an HTML page."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return Detail()
    detail: Any = cast("dict[str, Any]", document).get("detail") if isinstance(document, dict) else None
    if isinstance(detail, str):
        return Detail(_phrases(detail), plain(detail, secret))
    if isinstance(detail, list):
        return Detail(message=plain("; ".join(_schema_error(e) for e in cast("list[Any]", detail)[:4]), secret))
    if isinstance(detail, dict):
        told = cast("dict[str, Any]", detail)
        words = tuple(str(told[k]) for k in ("status", "code", "type") if isinstance(told.get(k), str))
        return Detail(words, plain(str(told.get("message") or ""), secret))
    return Detail()


def _phrases(message: str) -> tuple[str, ...]:
    """The words that a bare sentence stands for, where its status alone would mislead."""
    return tuple(word for phrase, word in BY_PHRASE.items() if phrase in message)


def _schema_error(error: Any) -> str:
    """Where and what, without the input: it may hold memories."""
    if not isinstance(error, dict):
        return ""
    told = cast("dict[str, Any]", error)
    loc: Any = told.get("loc")
    place = ".".join(map(str, cast("list[Any]", loc))) if isinstance(loc, list) else ""
    return f"{place}: {told.get('msg', '')}"


def plain(text: str, secret: str = "") -> str:
    """One line, printable, of bounded length, without the secret."""
    told = text.replace(secret, REDACTED) if len(secret) >= SHORTEST_SECRET else text
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in told)).strip()
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from milliseconds, seconds or a date; None for nothing, the past or nonsense."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    return seconds if seconds is not None else _until(text, now)


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", text):
        return None
    return float(text)


def _until(date: str, now: float) -> float | None:
    try:
        return max(parsedate_to_datetime(date).timestamp() - now, 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
