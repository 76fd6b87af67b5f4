"""Consent: who allowed this voice to be copied, for which very bytes, in what words.

A record is signed with a key that stays on this machine, so that one edited by hand counts for nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection
from typing import Literal

from pydantic import BaseModel, ConfigDict

from .spec import ConsentKind, Status, name_key

Granting = Literal["attested", "elicited"]
SCOPE = "clone this voice for one private memory companion"
STATEMENT = "I agree that this voice is cloned for one private memory companion, and I may take that back at any time."


class Consent(BaseModel):
    """`recordings` are the sha256 of the very bytes that may be sent; times are unix seconds."""

    model_config = ConfigDict(frozen=True)

    companion: str | None
    subject: str
    status: Status
    kind: ConsentKind
    granted_by: str
    relation: str
    scope: str = SCOPE
    statement: str
    statement_sha256: str
    granting: Granting
    recordings: tuple[str, ...]
    granted_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def covers(self, recordings: Collection[str], now: float) -> bool:
        """Whether every one of these recordings may be sent now."""
        in_time = self.expires_at is None or now < self.expires_at
        return in_time and self.revoked_at is None and bool(recordings) and set(recordings) <= set(self.recordings)

    @property
    def id(self) -> str:
        """The same consent said twice is one record."""
        said = self.model_dump(exclude={"granted_at"})
        return "consent_" + hashlib.sha256(canonical(said)).hexdigest()[:16]


def canonical(document: object) -> bytes:
    """One spelling of a JSON document, so that it can be signed and compared."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(consent: Consent, key: bytes) -> str:
    return hmac.new(key, canonical(consent.model_dump()), hashlib.sha256).hexdigest()


def genuine(consent: Consent, signature: str, key: bytes) -> bool:
    return hmac.compare_digest(sign(consent, key), signature)


def misfit(kind: ConsentKind, status: Status, granted_by: str, subject: str) -> str | None:
    """Why a consent can't be right for this person, or None."""
    if kind == "self" and not set(name_key(granted_by).split()) & set(name_key(subject).split()):
        return f"a consent of kind self is {subject}'s own; somebody else can be a guardian, executor or heir"
    if status == "deceased" and kind in {"self", "guardian"}:
        return "someone who has died can't grant consent now; their executor or heir can"
    if status == "living" and kind == "executor_or_heir":
        return "an executor or heir speaks for someone who has died; a living person or their guardian consents"
    return None
