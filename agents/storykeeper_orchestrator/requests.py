"""What the model may ask the procedures for: the shapes it fills in, and what the tool server is asked in turn."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from storykeeper_tools.companion.spec import Audience

from . import consent
from .consent import Given

MAKE, CHANGE, CLONE = "make_companion", "change_companion", "clone_voice"
RETIRE, DELETE = "retire_companion", "delete_resource"
PROCEDURES = frozenset({MAKE, CHANGE, CLONE, RETIRE, DELETE})
# Marks of a text that no person has written into their wish: markup, code, calls.
_PASTED = re.compile(r"[<>{}=|`\]]|\w\(")
Which = Annotated[str, Field(description="Id or name")]


def _brief(schema: dict[str, Any]) -> None:
    """Every model call carries the schemas: titles repeat the names of fields, descriptions of the whole those of the tool,
    and that a field may be empty is known of those that needn't be there."""
    schema.pop("title", None)
    schema.pop("description", None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)
        field.pop("default", None)
        if "enum" in (chosen := field.get("anyOf", [{}])[0]):
            field.pop("anyOf")
            field.update(chosen)


class Request(BaseModel):
    model_config = ConfigDict(json_schema_extra=_brief)

    def said(self, *names: str) -> dict[str, Any]:
        """Those of its fields that say something: what wasn't said stays as it is, or is decided later."""
        return {name: value for name in names if (value := getattr(self, name))}


class Make(Request):
    """Whose companion to make, and from what. Consent isn't the model's to say: it is read in the person's own words."""

    name: str
    recordings: Annotated[list[str], Field(description="Audio files or folders")]
    memories: list[str] = []
    memory_id: Annotated[str, Field(description="In Firestore")] = ""
    relation: Annotated[str, Field(description="mother, friend, ...")] = ""
    deceased: bool = False
    language: Annotated[str, Field(description="ISO 639-1, if said")] = ""
    wishes: Annotated[str, Field(description="How it should speak")] = ""
    audience: Audience | Literal[""] = ""
    corrections: Annotated[list[str], Field(description="Facts told of them, word for word")] = []
    companion: Annotated[str, Field(description="`new` for another of that name")] = ""

    def planned(self) -> dict[str, Any]:
        """The arguments of `plan_companion`."""
        subject = {"status": "deceased"} if self.deceased else {}
        spec = self.said(
            "companion", "language", "recordings", "memories", "memory_id", "corrections", "wishes", "audience"
        )
        return {"spec": {**spec, "subject": {**self.said("name", "relation"), **subject}}}


class Change(Request):
    """What is to be different about a companion that there is; the rest of it stays."""

    companion: Which
    corrections: Annotated[list[str], Field(description="Facts, word for word")] = []
    add_memories: list[str] = []
    remove_memories: Annotated[list[str], Field(description="Titles")] = []
    recordings: Annotated[list[str], Field(description="To make the voice anew from")] = []
    wishes: Annotated[str, Field(description="Added to how it speaks")] = ""
    speed: Literal["slower", "faster", ""] = ""
    language: str = ""
    audience: Audience | Literal[""] = ""

    def planned(self) -> dict[str, Any]:
        """The arguments of `plan_companion`."""
        same = self.said("add_memories", "remove_memories", "recordings", "language", "audience")
        added = {f"add_{name}": value for name, value in self.said("corrections", "wishes").items()}
        voice = {"voice": self.said("speed")} if self.speed else {}
        return {"companion": self.companion, "changes": {**same, **added, **voice}}


class Clone(Request):
    """A voice on its own, without a companion."""

    name: str
    recordings: list[str]
    relation: str = ""
    deceased: bool = False


class Retire(Request):
    companion: Which
    action: Literal["pause", "resume", "forget"]


class Delete(Request):
    """One voice, document or agent."""

    id: str


class Voice(BaseModel):
    """Whose voice is to be cloned from which files, and what has been said about it; `target` are the arguments by
    which `record_consent` knows what is meant, `key` tells its questions from those about another voice, and `language` is
    that of whoever is asked; `heard` are the sha256 of the recordings as they were when it was asked."""

    name: str
    files: str
    target: dict[str, Any]
    key: str
    recordings: list[str] = []
    heard: list[str] = []
    relation: str = ""
    deceased: bool = False
    language: str = "en"

    @property
    def question(self) -> str:
        return consent.question(self.name, self.files, deceased=self.deceased, language=self.language)

    def consent(self, heard: str) -> Given | None:
        """The consent that the person has plainly stated, if there is one in what they said of this very voice: the model
        may have been talked into another's name or recordings, and a text that was pasted isn't theirs."""
        told = unicodedata.normalize("NFC", heard)
        paths = {unicodedata.normalize("NFC", path).rstrip("/") for path in self.recordings}
        named = set(self.name.casefold().split()) <= set(re.findall(r"[^\s,;:!?()\"]+(?<![.'])", told.casefold()))
        if _PASTED.search(told) or not (named and paths and paths <= _written(told)):
            return None
        return consent.found(told, self.name, relation=self._related(told), deceased=self.deceased)

    def _related(self, told: str) -> str:
        """Whose relation it is by the text: what stands before the name, or what the model says where that is said at all."""
        beside = re.search(rf"\b[Mm]y (?:late )?(\w+),? {re.escape(self.name.split()[0])}\b", told)
        said = re.search(rf"\b[Mm]y (?:late )?{re.escape(self.relation)}\b", told)
        return beside[1] if beside else self.relation if said else ""


def _written(told: str) -> set[str]:
    """The files and folders of a text, as they are written there: in quotes, or with a dot or a slash in them."""
    quoted = re.findall(r"\"([^\"]+)\"|'([^']+)'|“([^”]+)”", told)
    bare = [word.strip(",;:!?()\"'").rstrip(".") for word in told.split()]
    paths = [word for word in bare if re.search(r"\w[/\\]|[/\\.]\w", word)]
    return {path.rstrip("/") for path in [*filter(None, map("".join, quoted)), *paths]}
