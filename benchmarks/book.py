"""The memory book against its bars: 2,000 memories of 5 MB read, understood and written, and then one of them corrected.

    python benchmarks/book.py [MEMORIES]

Reading, merging, dating, documents and findings count; so do ten files of several kinds of text. Bars: 5 seconds; one
changed document for each kind of change; the text of all documents together is the input's.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from bars import at_most

from storykeeper_tools.companion.memories.book import build
from storykeeper_tools.companion.memories.documents import documents, parse
from storykeeper_tools.companion.memories.findings import findings
from storykeeper_tools.companion.memories.item import Item
from storykeeper_tools.companion.memories.reading.files import read

SECONDS, SIZE = 5.0, 2500
SAID = (
    "In the spring of {year} {name} and I walked from {place} to the sea and back.",
    "My brother {name} kept pigeons in the yard behind the house, and every one of them had a name.",
    "She worked at the mill until {year}, and the noise of it stayed in her ears.",
    "There was bread, and tea, and on Sundays a cake that had to do for nine of us.",
    "Nobody in {place} had a telephone then but the doctor, and he wouldn't let anybody near it.",
    "{name} laughed so much that the chair broke, and after that it was called the throne.",
)
NAMES = ("Tom", "Eileen", "Frank", "Arthur", "Maureen", "Brendan", "Niamh", "Joe", "Clare", "Kathleen")
PLACES = ("Cork", "Liverpool", "Youghal", "Mallow", "Southport", "Wavertree")


def memory(luck: random.Random, n: int) -> str:
    said = [f"This is what I remember of day {n}."]
    while sum(map(len, said)) < SIZE:
        sentence = luck.choice(SAID)
        said.append(sentence.format(year=luck.randint(1941, 2020), name=luck.choice(NAMES), place=luck.choice(PLACES)))
    return " ".join(said)


def files(count: int) -> list[tuple[str, bytes]]:
    """Ten files: Markdown, plain text and JSON."""
    luck = random.Random(5)
    texts = [memory(luck, n) for n in range(count)]
    parts = [texts[n::10] for n in range(10)]
    made: list[tuple[str, bytes]] = []
    for n, part in enumerate(parts):
        if n % 3 == 2:
            made.append((f"part-{n}.json", json.dumps([{"text": text} for text in part]).encode()))
        else:
            made.append((f"part-{n}.{'md' if n % 3 else 'txt'}", "\n\n".join(part).encode()))
    return made


def made(given: Sequence[tuple[str, bytes]]) -> tuple[list[Item], list[str]]:
    items = [item for name, data in given for item in read(name, data)]
    book = build(items, subject="Dorothy", corrections=["Dorothy was born in 1941, not 1940."])
    written = [document.text for document in documents(book.entries)]
    findings(book)
    return items, written


def changed(items: list[Item], before: list[str]) -> dict[str, int]:
    """How many documents differ after one change of each kind, in the middle."""
    at = len(items) // 2
    new = replace(items[at], text="It was all quite different.", key="")
    kinds = {
        "corrected": [*items[:at], new, *items[at + 1 :]],
        "added": [*items[:at], new, *items[at:]],
        "deleted": [*items[:at], *items[at + 1 :]],
    }
    found: dict[str, int] = {}
    for kind, others in kinds.items():
        after = [d.text for d in documents(build(others, subject="Dorothy").entries, before)]
        found[kind] = len(set(before) - set(after))
    return found


def main(count: int) -> int:
    given = files(count)
    size = sum(len(data) for _, data in given)
    started, began = time.perf_counter(), time.process_time()
    items, written = made(given)
    seconds, busy = time.perf_counter() - started, time.process_time() - began
    whole = sorted(item.text for item in parse(*written)) == sorted(item.text for item in items)
    print(
        f"{len(items):,} memories, {size / 1e6:.1f} MB, {len(written)} documents of {max(map(len, written)):,} at most"
    )
    print(f"read, understood and written in {seconds:.2f} s, {busy:.2f} s of them busy (bar {SECONDS:.0f} s for 2,000)")
    print(f"the text of all documents together is the input's: {'yes' if whole else 'NO'}")
    changes = changed(items, written)
    print(", ".join(f"one {kind}: {number} changed" for kind, number in changes.items()), "(bar 1)")
    good = whole and at_most(seconds, SECONDS * max(1.0, count / 2000)) and set(changes.values()) == {1}
    print("within the bars" if good else "NOT within the bars")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
