"""Request schemas: pydantic models that accept unknown fields, as the service does, and tell which they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import ImmutableMultiDict

from .envelopes import Invalid, schema_error

P = TypeVar("P", bound="Part")
_MOST_ERRORS = 1000


class Part(BaseModel):
    """A JSON object somewhere in a request."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, arbitrary_types_allowed=True)


class Body(Part):
    """A JSON body. One that `holds_document` may be as large as the knowledge base."""

    holds_document: ClassVar[bool] = False


class Form(Part):
    """A multipart body."""


class Query(Part):
    """The query string."""


def parse(model: type[P], data: object, where: str) -> P:
    """`data` as `model`, or the service's 422."""
    try:
        return model.model_validate(data, from_attributes=True)
    except ValidationError as error:
        if error.error_count() > _MOST_ERRORS:
            # A body of a few megabytes can be wrong a million times, which would take minutes and gigabytes to tell.
            raise Invalid([schema_error("value_error", [where], f"{error.error_count()} schema errors")]) from error
        raise Invalid(
            [_entry(cast("dict[str, Any]", item), where) for item in error.errors(include_url=False)]
        ) from error


def _entry(item: dict[str, Any], where: str) -> dict[str, Any]:
    # A missing top-level parameter has no parent object to show, so the service shows null.
    missing = item["type"] == "missing" and len(item["loc"]) == 1
    return {**item, "loc": [where, *item["loc"]], "input": None if missing else item["input"]}


def gather(model: type[Part], values: ImmutableMultiDict[str, Any]) -> dict[str, Any]:
    """Query or form values as one object: repeated keys make a list where the schema has one.

    An empty value in a form is none, as the service's framework has it; in a query it is an empty text.
    """
    data: dict[str, Any] = {}
    for name in values:
        field = model.model_fields.get(name)
        given = [value for value in values.getlist(name) if value != "" or issubclass(model, Query)]
        if given:
            data[name] = given if field and _is_list(field.annotation) else given[-1]
    return data


def _is_list(annotation: object) -> bool:
    return any(get_origin(option) is list for option in (annotation, *get_args(annotation)))


def strip(part: BaseModel) -> list[str]:
    """Take the fields that the schema doesn't know out of `part`; answer their dotted paths."""
    return list(_strip(part, ""))


def _strip(value: object, at: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        extra = value.model_extra or {}
        yield from (f"{at}{name}" for name in extra)
        extra.clear()
        given = value.model_fields_set
        # What wasn't sent is a default, in which nothing is unknown.
        for name in type(value).model_fields if given else ():
            if name in given:
                yield from _strip(getattr(value, name), f"{at}{name}.")
    elif isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            yield from _strip(item, f"{at}{name}.")
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _strip(item, f"{at}{index}.")


def merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`new` laid over `old`: objects are merged, lists and scalars replaced."""
    merged = dict(old)
    for name, value in new.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = merge(merged[name], cast("dict[str, Any]", value))
        else:
            merged[name] = value
    return merged
