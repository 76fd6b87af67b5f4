"""Fixtures as rows of our catalogue: what they do goes through our own exposure, caller and errors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from storykeeper_tools.caller import Caller
from storykeeper_tools.catalogue import Tool
from storykeeper_tools.errors import BadInput


class Said(BaseModel):
    """A result that is only its text."""

    text: str

    def __str__(self) -> str:
        return self.text


class Contact(BaseModel):
    username: Annotated[str, Field(description="User's response")]
    email: Annotated[str, Field(description="User's email address")]


class Defaults(BaseModel):
    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Literal["active", "inactive", "pending"] = "active"
    verified: bool = True


def _titled(*titles: str) -> list[dict[str, str]]:
    return [{"const": f"value{n}", "title": title} for n, title in enumerate(titles, 1)]


def _shown(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


class Choices(BaseModel):
    """A question of each form that a choice may have."""

    untitledSingle: Literal["option1", "option2", "option3"]
    titledSingle: Annotated[str, _shown(type="string", oneOf=_titled("First", "Second", "Third"))]
    legacyEnum: Annotated[str, _shown(type="string", enum=["opt1", "opt2"], enumNames=["Option One", "Option Two"])]
    untitledMulti: list[Literal["option1", "option2", "option3"]]
    titledMulti: Annotated[list[str], _shown(type="array", items={"anyOf": _titled("First", "Second", "Third")})]


async def test_simple_text() -> Said:
    """Says something."""
    return Said(text="This is a simple text response for testing.")


async def test_error_handling() -> Said:
    """Refuses."""
    raise BadInput("this tool always refuses")


async def test_tool_with_progress(caller: Caller) -> Said:
    """Tells how far it is."""
    for done in (0, 50, 100):
        await caller.report(done, 100, f"{done} of 100")
    return Said(text="done")


async def test_elicitation(message: str, caller: Caller) -> Said:
    """Asks for a name and an address."""
    return _told(await caller.ask(message, Contact))


async def test_elicitation_sep1034_defaults(caller: Caller) -> Said:
    """Asks with an answer to everything already given."""
    return _told(await caller.ask("Is this so?", Defaults))


async def test_elicitation_sep1330_enums(caller: Caller) -> Said:
    """Asks for choices."""
    return _told(await caller.ask("Which of these?", Choices))


async def test_streaming_elicitation(caller: Caller) -> Said:
    """Tells how far it is, then asks."""
    await caller.report(1, 2, "about to ask")
    return _told(await caller.ask("Is this so?", Defaults))


def _told(answer: BaseModel | None) -> Said:
    if answer is None:
        raise BadInput("there is nobody to ask")
    return Said(text=f"They answered {answer.model_dump_json()}")


ROWS = tuple(
    Tool(call, call.__name__, "reads here")
    for call in (
        test_simple_text,
        test_error_handling,
        test_tool_with_progress,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_streaming_elicitation,
    )
)
