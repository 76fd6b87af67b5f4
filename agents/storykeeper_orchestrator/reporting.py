"""What a person is told by the procedures themselves: the plan as a question, and the outcome in a few sentences.

Written here rather than by the language model, so that a small one, or none, says the same. What the tools say of
files and of the service (warnings, errors, what comes next) stands in it as they say it, in English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from storykeeper_tools.errors import AccountError, Busy, Question, UpstreamError, from_row

from . import following, sources
from .wording import label, listed, say

_LONGEST = 300  # characters of a value that changes
_SHOWN = (("voice", "create"), ("voice", "delete"), ("document", "create"), ("document", "change"))
_FIGURES = "it speaks with stability"  # how the voice is set, for those who know what that is
_ORDER = (*_SHOWN, ("document", "delete"), ("agent", "create"), ("agent", "change"), ("agent", "delete"))
_THINGS = {"voice": "a_voice", "document": "a_document", "agent": "an_agent"}


def plan(draft: Mapping[str, Any], request: Mapping[str, Any], language: str) -> str:
    """What would be done, from what, for whom, at what cost, and what there is to know."""
    audience = request["audience"]
    spends = draft["cost"]["voice_slots"] or draft["cost"]["voice_changes"]
    lines = [say(language, "plan", companion=draft["companion"]), *_doing(draft, request, language)]
    lines += [] if spends else [say(language, "unspent")]
    lines += [say(language, f"for_{audience}")] if audience else []
    if known := [warning for warning in draft["warnings"] if not warning.startswith(_FIGURES)]:
        lines += [say(language, "to_know"), *(f"- {warning}" for warning in known)]
    return "\n".join(lines)


def question(draft: Mapping[str, Any], request: Mapping[str, Any], language: str) -> str:
    """The plan, and whether it is to be carried out."""
    return f"{plan(draft, request, language)}\n{say(language, 'go_ahead')}"


def _doing(draft: Mapping[str, Any], request: Mapping[str, Any], language: str) -> list[str]:
    """A line for each kind of thing that is made, changed or taken away."""
    steps = {way: [s for s in draft["steps"] if (s["kind"], s["action"]) == way] for way in _ORDER}
    anew = bool(steps["voice", "create"] and steps["voice", "delete"])
    lines: list[str] = []
    for (kind, action), found in steps.items():
        if not found or (anew and (kind, action) == ("voice", "delete")):
            continue
        key = "voice_anew" if anew and kind == "voice" else f"{kind}_{action}"
        files = listed(sources.recordings(request["recordings"], draft["recordings"]))
        names, more = _named(kind, [step["name"] for step in found], request)
        changed = [line for step in found for line in _fields(step["fields"], language, draft["steps"])]
        changed += _first(request, language) if key == "agent_create" else more
        if key != "agent_change" or changed:
            lines.append(f"- {say(language, key, name=found[0]['name'], files=files, names=listed(names))}")
        lines += [f"  - {line}" for line in changed]
    return lines


def _named(kind: str, names: Sequence[str], request: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Memories with their files, and the folders that others come from."""
    given = cast("list[str]", request.get("memories") or request.get("add_memories") or [])
    behind, rest = sources.memories(given if kind == "document" else [], names)
    return [f"{name} ({behind[name]})" if name in behind else name for name in names], [listed(rest)] if rest else []


def _first(request: Mapping[str, Any], language: str) -> list[str]:
    """What was said of a new companion, as it stands in the plan of a change."""
    fields = [(name, request[name]) for name in ("relation", "language", "wishes")]
    fields += [("correction added", correction) for correction in request["corrections"]]
    return [_field(name, {"before": None, "after": value}, language) for name, value in fields if value]


def _fields(fields: Sequence[Mapping[str, Any]], language: str, steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """What changes about a companion; not once more what a step of its own tells."""
    kinds = {step["kind"] for step in steps if step["action"] != "keep"}
    told = {"documents": "document", "voice_id": "voice"}
    named = [(field["field"].rpartition(".")[2], field) for field in fields]
    return [_field(name, field, language) for name, field in named if told.get(name) not in kinds]


def _field(name: str, field: Mapping[str, Any], language: str) -> str:
    before, after = (_value(field[when], language) for when in ("before", "after"))
    return f"{label(language, 'fields', name)}: {' → '.join(filter(None, (before, after)))}"


def _value(value: object, language: str) -> str:
    told = "" if value is None else label(language, "fields", str(value))
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def outcome(result: Mapping[str, Any]) -> str:
    """What came of a procedure."""
    language = result["language"]
    if "error" in result:
        return refused(result)
    if "companion" in result:
        view, talk = result["companion"], result.get("talk")
        how = [say(language, "talk", command=talk, companion=view["companion"])] if talk else []
        return " ".join([companion(view, language), *rehearsed(result.get("rehearsal"), language), *how])
    return plan(result["draft"], result["request"], language)


def brief(result: Mapping[str, Any]) -> dict[str, Any]:
    """The ids of an outcome, without what the report says already: a model reads all of it."""
    kept: dict[str, Any] = {name: result[name] for name in ("error", "draft", "talk") if name in result}
    view, rehearsal = result.get("companion"), result.get("rehearsal")
    if view:
        ids = ("companion", "status", "plan_id", "voice_id", "agent_id")
        kept["companion"] = {name: view[name] for name in ids}
    if rehearsal:
        kept["rehearsal"] = {name: value for name, value in rehearsal.items() if value or name != "faults"}
    return kept


def refused(result: Mapping[str, Any]) -> str:
    """Why nothing more happened; of what was begun, whom it waits for and how it goes on."""
    row, head, language = result["error"], result["head"], result["language"]
    key = "failed" if head == "waits" else head
    what, then = row["what"].rstrip(". "), following.plainly(row["next"], language)
    exists = following.sentence(row["exists"], language)
    told = say(language, key, code=row["code"], what=what, exists=exists, next=then)
    waits = waiting(row) if head == "waits" else ""
    return f"{told}\n{say(language, waits)}" if waits else told


def waiting(row: Mapping[str, str]) -> str:
    """Who has to act before a run goes on, as the name of the sentence that says so."""
    error = from_row(row)
    kinds = ((AccountError, "waits_account"), ((UpstreamError, Busy), "waits_upstream"), (Question, "waits_person"))
    return next((key for kind, key in kinds if isinstance(error, kind)), "")


def companion(view: Mapping[str, Any], language: str) -> str:
    status = label(language, "status", str(view["status"]))
    told = [
        say(
            language,
            "companion",
            name=view.get("name"),
            companion=view["companion"],
            status=status,
            voice=view.get("voice_id") or "-",
            documents=len(view.get("documents") or []),
            agent=view.get("agent_id") or "-",
        )
    ]
    if view["status"] != "done" and view.get("next"):
        told.append(say(language, "next", text=following.plainly(view["next"], language)))
    if view["status"] in {"waiting_for_worker", "parked"}:
        told.append(say(language, "waits_worker"))
    return " ".join([*told, *_notes(view, language)])


def rehearsed(told: Mapping[str, Any] | None, language: str) -> list[str]:
    """How its rehearsal went, if there was one."""
    if not told:
        return []
    count = told["passed"] + told["failed"]
    faults = [say(language, "not_passed", fault=fault) for fault in told["faults"]]
    return [say(language, "rehearsed", passed=told["passed"], count=count), *faults]


def voice(made: Mapping[str, Any], language: str) -> str:
    told = [say(language, "voice", name=made["name"], voice=made["voice_id"])]
    told += [say(language, "blocked", reason=made["blocked"])] if made.get("blocked") else []
    return " ".join([*told, *_notes(made, language)])


def effects(view: Mapping[str, Any], language: str) -> str:
    """What would be deleted, and the word by which a person confirms it."""
    lines = [f"- {_effect(effect, language)}" for effect in view["effects"]]
    return "\n".join([say(language, "delete"), *lines, say(language, "type_it", word=view["of"])])


def _effect(effect: str, language: str) -> str:
    """What a tool says would go, in the person's language where it is one of the usual things."""
    kind, _, thing = effect.partition(" ")
    if kind in _THINGS and "," not in thing:
        return say(language, _THINGS[kind], thing=thing)
    if talks := re.match(r"(\d+) talks? with it", effect):
        return say(language, "talks", count=talks[1])
    return say(language, "kept_here") if effect.startswith("the staged recordings and memories") else effect


def retired(view: Mapping[str, Any], language: str) -> str:
    told = [say(language, "retired", of=view["of"], status=label(language, "status", view["status"]))]
    gone = cast("Mapping[str, str]", view.get("receipt") or {})
    told += [say(language, "receipt", receipt=gone["receipt_id"])] if gone.get("receipt_id") else []
    then = following.plainly(view.get("next") or "", language)
    told += [say(language, "next", text=then)] if then else []
    return " ".join([*told, *_notes(view, language)])


def _notes(view: Mapping[str, Any], language: str) -> list[str]:
    notes = cast("list[str]", view.get("warnings") or [])
    return [say(language, "note", text=following.plainly(text, language)) for text in notes]
