"""What a plan changes about a companion, in the words of its spec rather than as fields of an agent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from ..companion import voicing
from ..companion.spec import Privacy, Wish
from .plan import DOCUMENTS, Field, Plan, StagedMemory
from .retrieval import embedding

_NAMED = 10  # documents of one kind; more are counted


def differences(before: Plan, after: Plan) -> list[Field]:
    """From the plan that a companion is made from to the next one."""
    return [
        *_plain(before.spec, after.spec),
        *_corrections(before.spec.corrections, after.spec.corrections),
        *_documents(before.memories, after.memories),
        *_looking_up(before, after),
    ]


def _plain(before: Wish, after: Wish) -> Iterator[Field]:
    old, new = _values(before), _values(after)
    return (Field(field=name, before=old[name], after=new[name]) for name in old if old[name] != new[name])


def _values(spec: Wish) -> dict[str, object]:
    """The voice as it comes out: by what is said outright, the audience and the wishes."""
    return {
        **spec.subject.model_dump(),
        **spec.model_dump(include={"language", "wishes", "audience", "memory_id"}),
        **{f"voice.{name}": value for name, value in asdict(voicing.speech(spec)).items()},
        **{f"privacy.{name}": getattr(spec.privacy, name) for name in Privacy.model_fields},
    }


def _corrections(before: Sequence[str], after: Sequence[str]) -> Iterator[Field]:
    yield from (Field(field="correction removed", before=line, after=None) for line in before if line not in after)
    yield from (Field(field="correction added", before=None, after=line) for line in after if line not in before)


def _documents(before: Sequence[StagedMemory], after: Sequence[StagedMemory]) -> Iterator[Field]:
    old, new = {m.sha256: m.title for m in before}, {m.sha256: m.title for m in after}
    going = [title for sha256, title in old.items() if sha256 not in new]
    coming = [title for sha256, title in new.items() if sha256 not in old]
    anew = [title for title in coming if title in going]
    said = {
        "written anew": anew,
        "added": [title for title in coming if title not in anew],
        "taken away": [title for title in going if title not in anew],
    }
    if going or coming:
        words = "; ".join(f"{_titles(titles)} {what}" for what, titles in said.items() if titles)
        yield Field(field=DOCUMENTS, before=None, after=words)


def _looking_up(before: Plan, after: Plan) -> Iterator[Field]:
    old, new = (bool(embedding(plan.spec.language, plan.memories)) for plan in (before, after))
    if old != new:
        yield Field(field="memories are looked up (RAG)", before=old, after=new)


def _titles(titles: Sequence[str]) -> str:
    more = f" and {len(titles) - _NAMED} more" if len(titles) > _NAMED else ""
    return ", ".join(f"'{title}'" for title in titles[:_NAMED]) + more
