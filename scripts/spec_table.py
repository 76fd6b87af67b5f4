"""Print the keys of a companion.yaml, what they may be and what they mean, as the table of docs/companion-yaml.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from storykeeper_tools.companion.spec import Spec

# Not in the model: descriptions there are sent to language models with every list of tools, and must be short.
MEANS = {
    "companion": "only where it isn't clear which is meant: an existing one's id (with other recordings its voice is made anew), or `new` for another of the same name",
    "subject.name": "whose voice and memories these are",
    "subject.relation": "to you: mother, friend",
    "subject.status": "decides who may consent",
    "language": "`en`, `de`, `es`, `fr`, `it`, `pt` or `zh`, [see there](languages.md)",
    "recordings": "audio files, or folders of them; one to three minutes of one person speaking",
    "memories": "Markdown, text, HTML, JSON, PDF and DOCX files, chat exports, or folders; of a folder with a part called `memories` only that part. EPUB files are sent as they are and not looked into",
    "memory_id": "the id of a document in Firestore that holds memories, [see there](memories.md#memories-in-firestore)",
    "corrections": "statements that outrank the memories; your files are never edited",
    "wishes": "how it should speak: words such as slow, warm or lively also move the voice, in its language or in English",
    "audience": "who will talk to it: decides how it leads a conversation, and how fast it speaks, [see there](languages.md#audiences)",
    "voice.remove_background_noise": "before the voice is cloned",
    "voice.stability": "lower is livelier, higher is steadier; unset: by `audience` and `wishes`",
    "voice.similarity_boost": "how closely it keeps to the recordings; unset: by `audience` and `wishes`",
    "voice.speed": "1 is the speed of the recordings; unset: by `audience` and `wishes`",
    "privacy.max_minutes": "how long one visit may last",
    "privacy.retention_days": "how long transcripts are kept",
    "privacy.zero_retention": "ElevenLabs keeps nothing of a visit; not every plan of theirs has it",
    "privacy.redact": "what is struck out of transcripts",
    "privacy.daily_visits": "how many visits a day there may be",
    "privacy.at_once": "how many at the same time",
    "consent.kind": "the person's own, a guardian's, or that of an executor or heir of someone who has died",
    "consent.granted_by": "who gave it",
    "consent.relation": "to the subject",
    "consent.statement": "in their own words",
    "consent.evidence": "a file that shows it, such as a signed letter: its sha256 is kept with the record",
    "consent.expires": "the last day on which it holds",
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
    field = next((option for option in field.get("anyOf", ()) if option.get("type") not in {None, "null"}), field)
    if "enum" in field:
        return ", ".join(f"`{word}`" for word in field["enum"])
    if field.get("format") == "date":
        return "a date, such as `2030-12-31`"
    kind = field.get("type", "string")
    if kind in {"number", "integer"}:
        return f"{field['minimum']} to {field['maximum']}"
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "array":
        count = f"texts, {field.get('minItems', 0)} to {field['maxItems']}"
        return f"list of {_kind(field['items']) if 'enum' in field['items'] else count}"
    return f"text of up to {field['maxLength']} characters" if "maxLength" in field else "text"


if __name__ == "__main__":
    print(table(), end="")
