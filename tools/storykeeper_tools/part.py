"""What the parts of Storykeeper have in common: what works, as opposed to the values that they work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, eq_default=False)
def part(cls: type[T]) -> type[T]:
    """A dataclass of what is put together once: nobody compares, prints or changes it.

    That nothing changes it the type checker sees: the methods that would guard, compare and print it are made anew with
    every start, and for all parts together that is a tenth of what loading them takes.
    """
    return dataclass(slots=True, eq=False, repr=False)(cls)
