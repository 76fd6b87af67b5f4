"""The specification of a companion: what `companion.yaml`, a plan and a tool call all say in the same words."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from ..errors import BadInput
from ..model import Model

ConsentKind = Literal["self", "guardian", "executor_or_heir"]
Status = Literal["living", "deceased"]
Audience = Literal["family", "dementia_care", "bereavement"]
Hidden = Literal[
    "name",
    "dob",
    "age",
    "contact_number",
    "email_address",
    "location",
    "date",
    "medical",
    "financial_id",
    "unique_id",
    "password",
    "religious_belief",
    "political_opinion",
    "sexual_orientation",
]
LONGEST_NAME = 80
SLOWEST, FASTEST = 0.7, 1.2
_FLAGS = frozenset(map(chr, range(0x1F1E6, 0x1F200)))  # letters that make a flag, two by two
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_JAMO = frozenset(map(chr, range(0x1160, 0x1200)))  # vowels and finals, where a Korean syllable isn't composed
_JOINED = _SKIN_TONES | _JAMO


def clean_name(text: str) -> str:
    """A name as data: composed, without control, bidirectional or invisible characters, braces or line breaks."""
    composed = unicodedata.normalize("NFC", text)
    kept = (c for c in composed if c not in "{}<>" and (unicodedata.category(c)[0] != "C" or c in "\t\n "))
    name = re.sub(r"\s+", " ", "".join(kept)).strip()
    if not name:
        raise ValueError("a name needs at least one visible character")
    if graphemes(name) > LONGEST_NAME or len(name) > 4 * LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters")
    return name


def graphemes(text: str) -> int:
    """How many characters a person counts: marks belong to the letter before them, as skin tones and flags do."""
    flags = sum(c in _FLAGS for c in text)
    return sum(unicodedata.category(c)[0] != "M" and c not in _JOINED for c in text) - flags // 2


def name_key(name: str) -> str:
    """Names that a person would call the same."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(c for c in folded if not unicodedata.combining(c)).split())


def slug(name: str) -> str:
    """A name as a part of an id or of a file's name: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name_key(name)).strip("-")[:40] or "companion"


Name = Annotated[str, AfterValidator(clean_name)]
Line = Annotated[str, Field(max_length=500)]
Which = Annotated[str, Field(max_length=120, description="Id or unique name")]


class Part(Model):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Subject(Part):
    """Whose voice and memories these are."""

    name: Name
    relation: Annotated[str, Field(max_length=60)] = ""
    status: Status = "living"


class ConsentBlock(Part):
    """Who agrees to what, in their words. A record is made of it; on its own it permits nothing."""

    kind: ConsentKind
    granted_by: Name
    relation: Annotated[str, Field(max_length=60)] = ""
    statement: Annotated[str, Field(max_length=2000)] = ""
    evidence: Annotated[str, Field(max_length=4096)] = ""
    expires: date | None = None


# What few need is left out of what language models are told of a spec, and taken all the same.
SELDOM: dict[str, Any] = {"x-seldom": True}


class Voice(Part, strict=True):
    """How the clone is made and spoken; what isn't said is decided by the audience and the wishes."""

    remove_background_noise: bool = False
    stability: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    similarity_boost: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    speed: Annotated[float, Field(ge=SLOWEST, le=FASTEST, allow_inf_nan=False)] | None = None


class Privacy(Part, strict=True):
    """How long and how often people visit, and what is kept of it. What is looser than the default shows in the plan."""

    max_minutes: Annotated[int, Field(ge=1, le=180)] = 30
    retention_days: Annotated[int, Field(ge=0, le=365)] = 30
    zero_retention: Annotated[bool, Field(json_schema_extra=SELDOM)] = False
    redact: Annotated[list[Hidden], Field(max_length=20, json_schema_extra=SELDOM)] = []
    daily_visits: Annotated[int, Field(ge=1, le=1000, json_schema_extra=SELDOM)] = 50
    at_once: Annotated[int, Field(ge=1, le=10, json_schema_extra=SELDOM)] = 2

    @property
    def loosened(self) -> list[str]:
        """What is looser than the default, in words."""
        usual = Privacy()
        said = {
            "max_minutes": "visits of {} minutes",
            "retention_days": "transcripts kept for {} days",
            "daily_visits": "{} visits a day",
            "at_once": "{} visits at once",
        }
        now = [(name, getattr(self, name), getattr(usual, name)) for name in said]
        return [f"{said[name].format(value)} (default: {default})" for name, value, default in now if value > default]


class Wish(Part):
    """One companion, as it is asked for."""

    companion: Annotated[str | None, Field(description="An id, or `new` for another of that name")] = None
    subject: Subject
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$", description="ISO 639-1")] = "en"
    recordings: Annotated[list[str], Field(min_length=1, max_length=25, description="Audio files, or folders")]
    memories: Annotated[list[str], Field(max_length=200, description="Files, or folders")] = []
    memory_id: Annotated[str, Field(max_length=128, description="Kept in Firestore")] = ""
    corrections: Annotated[list[Line], Field(max_length=100, description="Statements that outrank memories")] = []
    wishes: Annotated[str, Field(max_length=1000, description="How it should speak")] = ""
    audience: Annotated[Audience, Field(description="Who will talk to it")] = "family"
    voice: Voice = Voice()
    privacy: Privacy = Privacy()


class Spec(Wish):
    """One companion as a file describes it: with the consent that its keeper has."""

    consent: ConsentBlock | None = None


def parse(document: Any, what: str = "the spec") -> Spec:
    """A spec from plain data. Raises BadInput naming each field that is wrong, and no value."""
    try:
        return Spec.model_validate(document)
    except ValidationError as error:
        raise BadInput(f"{what}: {faults(error)}") from None


# How pydantic calls one of several types that a value may have; it is no part of where the value stands.
_CHOICE = re.compile(r"constrained-\w+|literal\[.*\]")
_LETTERS = ("String should match pattern '^[a-z]{2}$'", "It should be two small letters, such as en")


def worded(message: str) -> str:
    """What pydantic says, as a person reads it."""
    return message.removeprefix("Value error, ").replace(*_LETTERS)


def faults(error: ValidationError) -> str:
    """What is wrong and where, in one line, without the values."""
    told: dict[str, list[str]] = {}
    for e in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
        place = ".".join(str(step) for step in e["loc"] if not _CHOICE.fullmatch(str(step)))
        told.setdefault(place or "the whole", []).append(worded(e["msg"]))
    return "; ".join(f"{place}: {', or '.join(said)}" for place, said in told.items())
