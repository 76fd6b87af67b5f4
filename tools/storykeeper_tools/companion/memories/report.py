"""What a memory book holds, for those whose memories it keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ...model import Model
from .book import Book
from .claims import listener
from .corrections import understood
from .documents import Document
from .findings import UNTOLD, Code, findings

_SHOWN = 12


class DocumentRow(Model):
    title: str
    source: str
    characters: int


class Place(Model):
    """Where a memory stands."""

    id: str
    where: str


class FindingRow(Model):
    code: Code
    what: str
    do: str
    memories: list[Place]

    def __str__(self) -> str:
        return f"{self.what}; {self.do}"


class CorrectionRow(Model):
    """`says` is what the rules understand of it; a correction that they don't understand counts all the same."""

    line: str
    says: dict[str, str]


class Report(Model):
    memories: int
    told_twice: int
    dated: int
    years: str
    people: list[str]
    places: list[str]
    documents: list[DocumentRow]
    corrections: list[CorrectionRow]
    findings: list[FindingRow]
    left_out: list[str]

    def __str__(self) -> str:
        twice = f", {self.told_twice} told twice" if self.told_twice else ""
        span = f" ({self.years})" if self.years else ""
        said = [f"{self.memories} memories{twice}; {self.dated} with a date{span}"]
        said += _listed("people", self.people) + _listed("places", self.places)
        said += ["", "Documents"] + [f"  {d.title}: {d.characters:,} characters of {d.source}" for d in self.documents]
        for heading, codes in _HEADINGS.items():
            own = [finding for finding in self.findings if finding.code in codes]
            said += ["", heading, *(f"  {line}" for line in _lines(own))] if own else []
        said += ["", "Corrections", *(f"  {row.line}" for row in self.corrections)] if self.corrections else []
        return "\n".join(
            [*said, *(["", "Left out", *(f"  {name}" for name in self.left_out)] if self.left_out else [])]
        )


_HEADINGS: dict[str, tuple[Code, ...]] = {
    "Contradictions": ("contradiction", "overruled", "unclear"),
    "Missing": ("gap", "undated"),
    "Look at": ("pii", "sensitive", "orders"),
}


def report(book: Book, documents: Sequence[Document], left_out: Sequence[str] = ()) -> Report:
    """Takes a while for a large book: all rules are tried on all of it."""
    heard = listener(book)
    where = {entry.id: entry.item.where for entry in book.entries}
    texts = [item.text for item in book.items]
    dates = sorted(item.date for item in book.items if item.date)
    corrections = [understood(line, heard) for line in book.corrections]
    return Report(
        memories=len(book.entries),
        told_twice=book.merged,
        dated=len(dates),
        years=f"{dates[0][:4]} to {dates[-1][:4]}" if dates else "",
        people=_often(name for text in texts for name in heard.names.people_in(text)),
        places=_often(name for text in texts for name in heard.names.places_in(text)),
        documents=[DocumentRow(title=d.title, source=d.source, characters=len(d.text)) for d in documents],
        corrections=[CorrectionRow(line=c.line, says={k.kind: k.value for k in c.claims}) for c in corrections],
        findings=[
            FindingRow(code=f.code, what=f.what, do=f.do, memories=[Place(id=i, where=where[i]) for i in f.items])
            for f in findings(book, heard)
        ],
        left_out=list(left_out),
    )


def _lines(found: Sequence[FindingRow]) -> list[str]:
    """What nothing is told about in one line, all else in one each."""
    missing = [finding for finding in found if finding.code == "gap"]
    named = ", ".join(finding.what.removeprefix(UNTOLD) for finding in missing)
    first = [f"{UNTOLD}{named}; {missing[0].do}"] if missing else []
    return [*first, *(str(finding) for finding in found if finding.code != "gap")]


def _often(names: Iterable[str]) -> list[str]:
    """Each once, those first that are named most."""
    return [name for name, _ in Counter(names).most_common()]


def _listed(what: str, names: Sequence[str]) -> list[str]:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{what}: {', '.join(names[:_SHOWN])}{more}"] if names else []
