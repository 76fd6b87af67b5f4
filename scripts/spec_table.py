"""Print the keys of a companion.yaml, what they may be and what they mean, as the table of docs/companion-yaml.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from storykeeper_tools.companion.spec import Spec

# Not in the model: descriptions there are sent to language models with every list of tools, and must be short.
MEANS = {
    "companion": "only where it isn't clear which is meant: an existing one's id, or `new` for another of the same name",
    "subject.name": "whose voice and memories these are",
    "subject.relation": "to you: mother, friend",
    "subject.status": "decides who may consent",
    "language": "two letters, such as `en`, `es`, `de`, `fr`",
    "recordings": "audio files, or folders of them; one to three minutes of one person speaking",
    "memories": "Markdown, plain text, PDF, DOCX and EPUB files, or folders; of a folder with a part called `memories` only that part",
    "corrections": "statements that outrank the memories; your files are never edited",
    "wishes": "how it should speak",
    "voice.remove_background_noise": "before the voice is cloned",
    "voice.stability": "lower is livelier, higher is steadier",
    "voice.similarity_boost": "how closely it keeps to the recordings",
    "voice.speed": "1 is the speed of the recordings",
    "privacy.max_minutes": "how long one visit may last",
    "privacy.retention_days": "how long transcripts are kept",
    "consent.kind": "the person's own, a guardian's, or that of an executor or heir of someone who has died",
    "consent.granted_by": "who gave it",
    "consent.relation": "to the subject",
    "consent.statement": "in their own words",
}


def table() -> str:
    """Markdown: a row for each key. Raises KeyError for one that nobody explained."""
    rows = ["| key | may be | default | means |", "|---|---|---|---|"]
    for place, field, required in _fields(Spec.model_json_schema()):
        rows.append(f"| `{place}` | {_kind(field)} | {_default(field, required)} | {MEANS[place]} |")
    return "\n".join([*rows, ""])


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Each key with its schema, those of mappings instead of the mapping."""
    parts = schema["$defs"]
    for name, field in schema["properties"].items():
        part = _part(field, parts)
        if part is None:
            yield name, field, name in schema["required"]
            continue
        needed = part.get("required", [])
        for inner, detail in part["properties"].items():
            yield f"{name}.{inner}", detail, inner in needed


def _part(field: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any] | None:
    references = [option["$ref"] for option in (field, *field.get("anyOf", ())) if "$ref" in option]
    return parts[references[0].rpartition("/")[2]] if references else None


def _default(field: dict[str, Any], required: bool) -> str:
    default = field.get("default")
    return "needed" if required else "" if default in (None, "", []) else f"`{str(default).lower()}`"


def _kind(field: dict[str, Any]) -> str:
    """In words: `0.7 to 1.2`, `list of texts, 1 to 25`."""
    if "enum" in field:
        return ", ".join(f"`{word}`" for word in field["enum"])
    kind = field.get("type", "string")
    if kind in {"number", "integer"}:
        return f"{field['minimum']} to {field['maximum']}"
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "array":
        return f"list of texts, {field.get('minItems', 0)} to {field['maxItems']}"
    return f"text of up to {field['maxLength']} characters" if "maxLength" in field else "text"


if __name__ == "__main__":
    print(table(), end="")
