"""Whom a tool may tell how far it is, and ask what it must know, whatever the way in."""

from __future__ import annotations

from typing import Annotated, Protocol, TypeVar

from pydantic import BaseModel, Field, WithJsonSchema

# The bounds are told to whoever oversteps them: three tools say the same, and their list has to be short.
Wait = Annotated[float, Field(ge=0, le=600, allow_inf_nan=False), WithJsonSchema({"type": "number"})]

Answer = TypeVar("Answer", bound=BaseModel)


class Interrupted(BaseException):
    """Not an error: the call ends here, and starts again once a person has answered."""


class Declined(Exception):
    """A person was asked and did not say yes: something else than having nobody to ask."""


class Caller(Protocol):
    async def report(self, done: float, total: float, message: str) -> None:
        """Tell progress; never fails."""
        ...

    async def ask(self, question: str, form: type[Answer]) -> Answer | None:
        """The person's answer, or None where there is nobody to ask. Raises Declined where they would not answer.

        Ask before acting: in the stateless protocol a call starts again once it is answered.
        """
        ...


class Nobody:
    """A caller that neither listens nor answers."""

    async def report(self, done: float, total: float, message: str) -> None:
        return None

    async def ask(self, question: str, form: type[Answer]) -> Answer | None:
        return None


NOBODY: Caller = Nobody()
