"""The smallest change of an agent: what was asked for, against what was sent last and what is stored now.

What the keeper changes is sent. What somebody changed in the dashboard is drift: it is shown, and stays as it is
unless the keeper wants it back. What the service or the dashboard added is nobody's business and survives.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from .plan import Field
from .tree import Tree, at, merged, missing, rows, smallest, tree

KNOWLEDGE = "conversation_config.agent.prompt.knowledge_base"
LLM = "conversation_config.agent.prompt.llm"
VOICE = "conversation_config.tts.voice_id"
RAG = "conversation_config.agent.prompt.rag"
_SHOWN, _BEFORE = 160, 30


@dataclass(frozen=True, slots=True)
class Edit:
    """`patch` is what to send, nothing when nothing changes; `fields` and `drift` are for people. `back` are those of the
    fields that nobody asked to change: they are changed back."""

    patch: Tree = field(default_factory=Tree)
    fields: list[Field] = field(default_factory=list[Field])
    drift: list[Field] = field(default_factory=list[Field])
    back: list[Field] = field(default_factory=list[Field])


def edit(sent: Tree, wanted: Tree, stored: Tree, *, removed: Collection[str], overwrite: bool) -> Edit:
    """From bodies of agents: `sent` last, `wanted` now, and `stored` at the service. `removed` documents go.

    Where it isn't known what was sent, everything that is stored otherwise counts as asked for.
    """
    base = sent or stored
    lists = _lists(base, wanted, stored, removed, overwrite=overwrite or not sent)
    goal = merged(wanted, lists)
    own = {KNOWLEDGE, "tags"}
    asked = [path for path in missing(wanted, base) if path not in own]
    gaps = missing(goal, stored)
    meant = [gap for gap in gaps if overwrite or gap in own or _touches(gap, asked)]
    drift = [gap for gap in gaps if gap not in meant]
    patch = smallest(_without(goal, drift), stored) if meant else {}
    lost = _detached(base, wanted, lists)
    return Edit(
        patch=patch,
        fields=[_field(path, stored, goal) for path in meant],
        back=[_field(path, stored, goal) for path in meant if path not in own and not _touches(path, asked)],
        drift=[_field(path, wanted, stored) for path in drift] + ([_lost(wanted, lost)] if lost else []),
    )


def foreign_embedding(sent: Tree, stored: Tree) -> str:
    """By which model an agent looks things up where we never said so: it can't be given what isn't indexed by that."""
    ours = at(sent, f"{RAG}.enabled") or not at(stored, f"{RAG}.enabled")
    return "" if ours else str(at(stored, f"{RAG}.embedding_model") or "")


def _lists(sent: Tree, wanted: Tree, stored: Tree, removed: Collection[str], *, overwrite: bool) -> Tree:
    """Lists are replaced as a whole, so what others put into them is sent along."""
    tags = [*dict.fromkeys([*rows(stored.get("tags")), *rows(wanted.get("tags"))])]
    there, before = _known(stored), _known(sent)
    kept = [item for id, item in there.items() if id not in removed]
    new = [item for id, item in _known(wanted).items() if id not in there and (overwrite or id not in before)]
    return {"tags": tags, "conversation_config": {"agent": {"prompt": {"knowledge_base": [*kept, *new]}}}}


def _known(agent: Tree) -> dict[str, Tree]:
    return {str(tree(item).get("id")): tree(item) for item in rows(at(agent, KNOWLEDGE))}


def _detached(sent: Tree, wanted: Tree, lists: Tree) -> list[str]:
    """Documents of ours that somebody took away from the agent."""
    return [id for id in _known(wanted) if id in _known(sent) and id not in _known(lists)]


def _touches(gap: str, asked: Collection[str]) -> bool:
    return any(gap == path or gap.startswith(f"{path}.") or path.startswith(f"{gap}.") for path in asked)


def _without(goal: Tree, paths: Collection[str], here: str = "") -> Tree:
    """The goal but for what drifted, which isn't to be sent."""
    places = {key: f"{here}.{key}" if here else key for key in goal}
    kept = {key: value for key, value in goal.items() if places[key] not in paths}
    return {k: _without(tree(v), paths, places[k]) if isinstance(v, dict) else v for k, v in kept.items()}


def _field(path: str, before: Tree, after: Tree) -> Field:
    if path == KNOWLEDGE:
        return _knows(before, after)
    old, new = at(before, path), at(after, path)
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > _SHOWN:
        start = max(0, next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0) - _BEFORE)
        return Field(field=path, before=_excerpt(old, start), after=_excerpt(new, start))
    return Field(field=path, before=old, after=new)


def _knows(before: Tree, after: Tree) -> Field:
    """The documents that only one of them has."""
    old, new = _known(before), _known(after)
    return Field(field=KNOWLEDGE, before=_titles(old, but=new), after=_titles(new, but=old))


def _lost(wanted: Tree, lost: Collection[str]) -> Field:
    return Field(field=KNOWLEDGE, before=[_title(_known(wanted)[id]) for id in lost], after=[])


def _titles(items: Mapping[str, Tree], *, but: Collection[str]) -> list[str]:
    return [_title(item) for id, item in items.items() if id not in but]


def _title(item: Tree) -> str:
    """Of a document of ours without the marker before it."""
    mark, _, title = str(item.get("name")).partition(" ")
    return title if title and mark.startswith("keep-") else str(item.get("name"))


def _excerpt(text: str, start: int) -> str:
    """The part of a long text from where it differs."""
    end = start + _SHOWN
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
