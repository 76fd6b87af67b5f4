"""A change of a companion: only what is said changes. A spec replaces lists; `Changes` add to them and take from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, WithJsonSchema

from ..errors import BadInput
from . import voicing
from .spec import FASTEST, SELDOM, SLOWEST, Audience, Hidden, Line, Name, Part, Status, Wish, faults

Pace = Literal["slower", "faster"]
_STEPS: dict[Pace, float] = {"slower": -0.1, "faster": 0.1}

# A schema that has told both at length once needn't do so again.
_AS_IN_SPEC = WithJsonSchema({"type": "object", "description": "As in a spec"})


class VoiceChange(Part, strict=True):
    stability: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    similarity_boost: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    speed: Annotated[float, Field(ge=SLOWEST, le=FASTEST, allow_inf_nan=False)] | Pace | None = None


class PrivacyChange(Part, strict=True):
    max_minutes: Annotated[int, Field(ge=1, le=180)] | None = None
    retention_days: Annotated[int, Field(ge=0, le=365)] | None = None
    zero_retention: bool | None = None
    redact: Annotated[list[Hidden], Field(max_length=20)] | None = None
    daily_visits: Annotated[int, Field(ge=1, le=1000)] | None = None
    at_once: Annotated[int, Field(ge=1, le=10)] | None = None


class Changes(Part):
    """What is left out stays as it is."""

    name: Name | None = None
    relation: Annotated[str, Field(max_length=60)] | None = None
    status: Status | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    wishes: Annotated[str, Field(max_length=1000)] | None = None
    add_wishes: Annotated[str, Field(max_length=1000, json_schema_extra=SELDOM)] = ""
    audience: Annotated[Audience | None, WithJsonSchema({"type": "string"})] = None
    recordings: Annotated[list[str], Field(max_length=25, description="For a new voice")] = []
    add_memories: Annotated[list[str], Field(max_length=200)] = []
    remove_memories: Annotated[list[str], Field(max_length=200, description="Titles or ids")] = []
    add_corrections: Annotated[list[Line], Field(max_length=100)] = []
    remove_corrections: Annotated[list[Line], Field(max_length=100)] = []
    voice: Annotated[VoiceChange, _AS_IN_SPEC] = VoiceChange()
    privacy: Annotated[PrivacyChange, _AS_IN_SPEC] = PrivacyChange()


def changed(spec: Wish, changes: Changes) -> Wish:
    """The wish after the changes, its memories aside. Raises BadInput for a correction to remove that isn't there, and
    for what can't be changed any further."""
    strange = [line for line in changes.remove_corrections if line not in spec.corrections]
    if strange:
        raise BadInput("a correction to remove isn't one of this companion's", next="see its corrections with a plan")
    kept = [line for line in spec.corrections if line not in changes.remove_corrections]
    corrections = [*kept, *(line for line in changes.add_corrections if line not in kept)]
    whole: dict[str, Any] = spec.model_dump() | _named(changes, "language", "wishes", "audience")
    whole["corrections"] = corrections
    whole["wishes"] = _joined(whole["wishes"], changes.add_wishes)
    whole["recordings"] = changes.recordings or spec.recordings
    whole["subject"] |= _named(changes, "name", "relation", "status")
    whole["voice"] |= changes.voice.model_dump(exclude_none=True, exclude={"speed"}) | _speed(spec, changes.voice)
    whole["privacy"] |= changes.privacy.model_dump(exclude_none=True)
    try:
        return Wish.model_validate({name: whole[name] for name in Wish.model_fields})
    except ValidationError as error:
        raise BadInput(f"with these changes, {faults(error)}") from None


def _joined(wishes: str, more: str) -> str:
    """Each wish once, as it was first said."""
    said = {_plain(wish) for wish in wishes.split(";")}
    new = {_plain(wish): wish.strip() for wish in more.split(";") if _plain(wish)}
    return "; ".join([*filter(None, [wishes]), *(wish for plain, wish in new.items() if plain not in said)])


def _plain(wish: str) -> str:
    return " ".join(wish.split()).casefold().rstrip(".")


def _speed(spec: Wish, voice: VoiceChange) -> dict[str, float]:
    """As a number; a pace is one step from how fast it speaks now."""
    if not isinstance(voice.speed, str):
        return {} if voice.speed is None else {"speed": voice.speed}
    now = voicing.speech(spec).speed
    wanted = round(min(FASTEST, max(SLOWEST, now + _STEPS[voice.speed])), 2)
    if wanted == now:
        raise BadInput(
            f"it can't speak any {voice.speed} than now, at a speed of {now:g}", next="leave the speed as it is"
        )
    return {"speed": wanted}


def said_again(before: Wish, spec: Wish) -> Wish:
    """A spec for a companion that there is already: what it doesn't set stays as it was, within its parts too."""
    said = spec.model_dump(exclude_unset=True, include=set(Wish.model_fields))
    whole: dict[str, Any] = before.model_dump(include=set(Wish.model_fields)) | {"companion": spec.companion}
    for name, value in said.items():
        whole[name] = whole[name] | value if name in {"subject", "voice", "privacy"} else value
    return Wish.model_validate(whole)


def _named(changes: Changes, *fields: str) -> dict[str, Any]:
    return {name: value for name in fields if (value := getattr(changes, name)) is not None}
