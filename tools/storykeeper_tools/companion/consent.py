"""Consent: who allowed this voice to be copied, for which very bytes, in what words.

A record is signed with a key that stays on this machine, so that one edited by hand counts for nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from pydantic import ConfigDict, ValidationError

from ..model import Model
from .spec import ConsentKind, Status, name_key

Granting = Literal["attested", "elicited"]
SCOPE = "clone this voice for one private memory companion"
_TITLES = re.compile(
    r"(?:mrs?|ms|miss|dr|prof|sir|herr|frau|mme|mlle|madame|monsieur|sig|signora?|sra?|senora?|senhora?|dona)"
)
_YOUNGER = frozenset(["jr", "junior", "ii", "iii", "iv", "filho", "neto"])
STATEMENT = "I agree that this voice is cloned for one private memory companion, and I may take that back at any time."
# Younger than the first records: what they don't hold isn't signed.
_LATER: Mapping[str, object] = {"evidence_sha256": None, "derived_from": {}}


@dataclass(frozen=True, slots=True)
class About:
    """Whose voice a consent is about, and the sha256 of the very bytes. `status` is None where nobody said it;
    `derived_from` has, for a cut that was prepared, the sha256 of the files that it comes from."""

    companion: str | None
    subject: str
    status: Status | None
    recordings: tuple[str, ...]
    derived_from: Mapping[str, tuple[str, ...]] | None = None


class Consent(Model):
    """`recordings` are the sha256 of the very bytes that may be sent, `derived_from` says for a cut what it was cut
    from; `evidence_sha256` is that of a signed letter or the like. Times are unix seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    derived_from: Mapping[str, tuple[str, ...]] = {}
    evidence_sha256: str | None = None
    granted_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def covers(self, recordings: Collection[str], now: float) -> bool:
        """Whether every one of these recordings may be sent now."""
        return self.holds(now) and bool(recordings) and set(recordings) <= set(self.recordings)

    def holds(self, now: float) -> bool:
        """Whether it is neither over nor taken back."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def fits(self, about: About) -> bool:
        """A consent is for one person and one companion, or for a voice on its own."""
        person = name_key(self.subject) == name_key(about.subject) and about.status in {None, self.status}
        return person and self.companion == about.companion

    def replaces(self, other: Consent) -> bool:
        """Whether it says anew what another says: the same grantor and kind, for no other recordings, and later."""
        said = (self.companion, self.kind, name_key(self.subject), name_key(self.granted_by))
        before = (other.companion, other.kind, name_key(other.subject), name_key(other.granted_by))
        return said == before and set(other.recordings) <= set(self.recordings) and self.granted_at > other.granted_at

    @property
    def body(self) -> dict[str, Any]:
        """The record as it is signed and kept: plain JSON."""
        said = self.model_dump(mode="json")
        return {name: value for name, value in said.items() if name not in _LATER or value != _LATER[name]}

    @property
    def id(self) -> str:
        """The same consent said twice is one record."""
        said = {name: value for name, value in self.body.items() if name != "granted_at"}
        return "consent_" + digest({**said, "revoked_at": None})[:16]


def read(body: object) -> Consent | None:
    """A record as it was kept; None for one that isn't just as it would have been written."""
    try:
        consent = Consent.model_validate(body)
    except ValidationError:
        return None
    return consent if consent.body == body else None


def canonical(document: object) -> bytes:
    """One spelling of a JSON document, so that it can be signed and compared."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(document: object) -> str:
    """The sha256 of a JSON document, however it was spelled."""
    return hashlib.sha256(canonical(document)).hexdigest()


def sign(consent: Consent, key: bytes) -> str:
    return seal(consent.body, key)


def seal(document: object, key: bytes) -> str:
    """HMAC-SHA256 of a JSON document."""
    return hmac.new(key, canonical(document), hashlib.sha256).hexdigest()


def genuine(consent: Consent, signature: str, key: bytes) -> bool:
    return hmac.compare_digest(sign(consent, key).encode(), signature.encode())


def end_of(day: date) -> int | None:
    """When a consent that is good until a day is over: with that day, in UTC. The last day of all has no end."""
    if day == date.max:
        return None
    return int(datetime.combine(day + timedelta(days=1), time(), UTC).timestamp())


def misfit(kind: ConsentKind, status: Status, granted_by: str, subject: str) -> str | None:
    """Why a consent can't be right for this person, or None."""
    if kind == "self" and not same_person(granted_by, subject):
        return f"a consent of kind self is {subject}'s own; somebody else can be a guardian, executor or heir"
    if status == "deceased" and kind in {"self", "guardian"}:
        return "someone who has died can't grant consent now; their executor or heir can"
    if status == "living" and kind == "executor_or_heir":
        return "an executor or heir speaks for someone who has died; a living person or their guardian consents"
    return None


def same_person(one: str, other: str) -> bool:
    """Whether two names can be one person's: the same first name, and no other part that the other name denies.

    A family name alone is shared by a family, and an initial in front by too many.
    """
    first, second = _parts(one), _parts(other)
    if not first or not second or set(first) & _YOUNGER != set(second) & _YOUNGER:
        return False
    if _each(first) == _each(second):  # a family name may come first
        return True
    shorter, longer = sorted((_each(first), _each(second)), key=len)
    rest = [part for part in shorter if part not in longer]
    return first[0] == second[0] and len(first[0]) > 1 and all(_initial(part, longer) for part in rest)


def _parts(name: str) -> list[str]:
    """As people compare them: `Hartley, Mrs Dorothy` is `dorothy hartley`."""
    family, comma, given = name_key(name).partition(",")
    parts = re.findall(r"[^\W_]+(?:['\u2019-][^\W_]+)*", f"{given} {family}" if comma else family)
    while len(parts) > 1 and _TITLES.fullmatch(parts[0]):
        parts = parts[1:]
    return parts


def _each(parts: Collection[str]) -> list[str]:
    return sorted(piece for part in parts for piece in part.split("-"))


def _initial(part: str, names: Collection[str]) -> bool:
    """Whether it stands for one of the names, or one of them for it."""
    return any((len(part) == 1 or len(name) == 1) and part[0] == name[0] for name in names)
