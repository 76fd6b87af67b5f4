"""The memory book: all memories of one person, each once, with who told it, when it was and where it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from . import dates
from .item import Item, folded
from .provenance import Entry, clean, entry
from .reading.front import front
from .wording import teller

SOMEBODY = "\ue000"
"""The subject of a book of which it isn't said whose it is: a name that nobody writes."""


@dataclass(frozen=True, slots=True)
class Book:
    """`corrections` outrank what is told; `language` is that of the rules by which the memories are understood."""

    subject: str
    language: str = "en"
    corrections: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    merged: int = 0
    """How many memories were told more than once."""

    @property
    def items(self) -> list[Item]:
        return [entry.item for entry in self.entries]


def build(
    items: Iterable[Item],
    *,
    subject: str,
    corrections: Sequence[str] = (),
    language: str = "en",
    kept: Sequence[Entry] = (),
) -> Book:
    """Items in their order, after those `kept` from documents; told twice they stand once, with both sources."""
    found = [_dated(entry(item), language) for item in _told(items, language)]
    entries = tuple(once([*kept, *found]))
    merged = len(kept) + len(found) - len(entries)
    return Book(subject.strip() or SOMEBODY, language, tuple(corrections), entries, merged)


def once(entries: Iterable[Entry]) -> Iterable[Entry]:
    """The same text is the same memory, however it is set, unless it is of another time or by somebody else; the first
    stands, and names the other sources."""
    found: dict[str, Entry] = {}
    alike: dict[str, list[str]] = {}
    for each in entries:
        known = alike.setdefault(words(each.item), [])
        first = next((found[id] for id in known if _same(found[id].item, each.item)), None)
        if first:
            found[first.id] = _joined(first, each)
        else:
            new = each if each.id not in found else _other(each, found)
            found[new.id] = new
            known.append(new.id)
    return found.values()


def _same(one: Item, other: Item) -> bool:
    """Nothing that the two state differs."""
    dates_agree = one.date.startswith(other.date) or other.date.startswith(one.date)
    tellers = {folded(clean(item.contributor)) for item in (one, other)} - {""}
    return dates_agree and len(tellers) < 2


def _joined(first: Entry, other: Entry) -> Entry:
    """What only one of the two states is kept."""
    date = max(first.item.date, other.item.date, key=len)
    item = replace(first.item, date=date, contributor=first.item.contributor or other.item.contributor)
    others = [source for source in other.sources if source not in first.sources]
    return replace(first, item=item, also=(*first.also, *dict.fromkeys(others)))


def words(item: Item) -> str:
    """What makes a text the same memory, whatever the id that its file gave it."""
    return folded(item.text) or item.text


def _other(each: Entry, taken: Collection[str]) -> Entry:
    """The entry under an id of its own: two files may number their records alike."""
    said = f"{each.item.date} {each.item.contributor} {each.item.text}"
    keys = ("", said, *(f"{n} {said}" for n in range(2, len(taken) + 3)))
    others = (entry(replace(each.item, key=key), each.also) for key in keys)
    free = next(other for other in others if other.id not in taken)
    return replace(free, item=replace(free.item, key=""))


def without(entries: Iterable[Entry], sources: Iterable[str]) -> list[Entry]:
    """The memories but for what only these sources tell; what another tells as well stands there from now on."""
    gone = set(sources)
    left: list[Entry] = []
    for each in entries:
        kept = [source for source in each.sources if source not in gone]
        if kept:
            left.append(replace(each, item=replace(each.item, source=kept[0]), also=tuple(kept[1:])))
    return left


def _dated(entry: Entry, language: str) -> Entry:
    if entry.item.date:
        return entry
    date = dates.first(_body(entry.item.text), language)
    return replace(entry, item=replace(entry.item, date=date)) if date else entry


def _body(text: str) -> str:
    """A text without its front matter, whose dates are those of a file."""
    if not text.startswith("---"):
        return text
    lines = text.split("\n")
    return "\n".join(lines[front(lines)[1] :])


@dataclass(slots=True)
class _Tellers:
    """Who tells a file's memories, where one of its first says so: "Told by Dorothy herself"."""

    language: str
    known: dict[str, str] = field(default_factory=dict[str, str])
    seen: dict[str, int] = field(default_factory=dict[str, int])

    def look(self, item: Item) -> None:
        seen = self.seen[item.source] = self.seen.get(item.source, 0) + 1
        if seen <= 2 and item.source not in self.known and (name := teller(item.text[:600], self.language)):
            self.known[item.source] = name


def _told(items: Iterable[Item], language: str) -> list[Item]:
    everything, tellers = list(items), _Tellers(language)
    for item in everything:
        tellers.look(item)
    known: Mapping[str, str] = tellers.known
    return [
        item if item.contributor or item.source not in known else replace(item, contributor=known[item.source])
        for item in everything
    ]
