"""The specification of a companion: what `companion.yaml`, a plan and a tool call all say in the same words."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ..errors import BadInput

ConsentKind = Literal["self", "guardian", "executor_or_heir"]
Status = Literal["living", "deceased"]
Audience = Literal["family", "dementia_care", "bereavement"]
LONGEST_NAME = 80


def clean_name(text: str) -> str:
    """A name as data: composed, without control, bidirectional or invisible characters, braces or line breaks."""
    composed = unicodedata.normalize("NFC", text)
    kept = (c for c in composed if c not in "{}<>" and (unicodedata.category(c)[0] != "C" or c in "\t\n "))
    name = re.sub(r"\s+", " ", "".join(kept)).strip()
    if not name:
        raise ValueError("a name needs at least one visible character")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters")
    return name


def name_key(name: str) -> str:
    """Names that a person would call the same."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(c for c in folded if not unicodedata.combining(c)).split())


Name = Annotated[str, AfterValidator(clean_name)]
Line = Annotated[str, Field(max_length=500)]
Which = Annotated[str, Field(max_length=120, description="Companion id, or unique name")]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Subject(Part):
    """Whose voice and memories these are."""

    name: Name
    relation: Annotated[str, Field(max_length=60, description="To the keeper: mother, friend, ...")] = ""
    status: Status = "living"


class ConsentBlock(Part):
    """Who agrees to what, in their words. A record is made of it; on its own it permits nothing."""

    kind: ConsentKind
    granted_by: Name
    relation: Annotated[str, Field(max_length=60)] = ""
    statement: Annotated[str, Field(max_length=2000)] = ""


class Voice(Part):
    """How the clone is made and spoken; the defaults are unhurried and steady."""

    remove_background_noise: bool = False
    stability: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.75
    similarity_boost: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.85
    speed: Annotated[float, Field(ge=0.7, le=1.2, allow_inf_nan=False)] = 0.9


class Privacy(Part):
    """How long a visit may last and how long its transcript is kept. Loosening either shows in the plan."""

    max_minutes: Annotated[int, Field(ge=1, le=180)] = 30
    retention_days: Annotated[int, Field(ge=0, le=365)] = 30


class Wish(Part):
    """One companion, as it is asked for."""

    companion: Annotated[
        str | None, Field(description="An existing companion's id, or `new` for another of the same name")
    ] = None
    subject: Subject
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$", description="ISO 639-1")] = "en"
    recordings: Annotated[list[str], Field(min_length=1, max_length=25, description="Audio files, or folders")]
    memories: Annotated[
        list[str], Field(max_length=200, description="Texts, or folders; of a folder only its part `memories`, if any")
    ] = []
    memory_id: Annotated[str, Field(max_length=128, description="Memories kept in Firestore")] = ""
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


def faults(error: ValidationError) -> str:
    """What is wrong and where, in one line, without the values."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg'].removeprefix('Value error, ')}" for e in found[:5]
    )
