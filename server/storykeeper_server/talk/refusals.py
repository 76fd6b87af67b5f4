"""What a visitor is told when something can't be done: our own codes and words, never those of the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from storykeeper_tools.errors import (
    AccountError,
    BadInput,
    Conflict,
    NeedsConsent,
    NotFound,
    QuotaExceeded,
    RateLimited,
    StorykeeperError,
    UpstreamError,
)

CODES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "That wasn't understood. Please open this page anew and try again."),
    "unauthorized": (401, "Only people who were let in may talk here."),
    "forbidden": (403, "That didn't come from this page. Please open the page anew and try again."),
    "not_found": (404, "There is no such companion here."),
    "paused": (409, "This companion isn't receiving visitors at the moment."),
    "full": (409, "Many corrections are waiting to be read already. Please tell the family yourself."),
    "not_allowed": (405, "That can't be done here."),
    "too_long": (413, "That is too long."),
    "rate_limited": (429, "That was asked for very often just now. Please wait a little and try again."),
    "broken": (500, "Something went wrong here. Please try again later."),
    "busy": (503, "Many people are talking at the moment. Please try again in a minute."),
    "unavailable": (503, "The companion can't be reached at the moment. Please try again later."),
}
"""Each with its HTTP status and a sentence; a page may have its own words for the codes."""
_MEANT: tuple[tuple[type[StorykeeperError], str], ...] = (
    (NotFound, "not_found"),
    (NeedsConsent, "paused"),
    (Conflict, "paused"),
    (BadInput, "not_found"),
    (RateLimited, "busy"),
    (QuotaExceeded, "unavailable"),
    (AccountError, "unavailable"),
    (UpstreamError, "unavailable"),
)


@dataclass(slots=True)
class Refused(Exception):
    """`after` is how many seconds to wait before another try, where that is known; `why` is for the keeper's log."""

    code: str
    after: int | None = None
    why: str = ""

    @property
    def status(self) -> int:
        return CODES[self.code][0]

    @property
    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": CODES[self.code][1]}}

    @property
    def headers(self) -> dict[str, str]:
        return {"Cache-Control": "no-store", **({"Retry-After": str(self.after)} if self.after else {})}


def refused(error: StorykeeperError) -> Refused:
    """What a visitor is told of an error; the keeper is told its code alone, since an upstream's words may hold anything."""
    code = next((code for kind, code in _MEANT if isinstance(error, kind)), "broken")
    after = getattr(error, "after", None)
    return Refused(code, after=max(1, round(after)) if after and code == "busy" else None, why=error.code)
