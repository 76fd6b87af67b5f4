"""People to make companions of: each with a recording and memories that nobody else has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sounds

MEMORIES = 3


Wish = Literal["make", "change", "forget"]


@dataclass(frozen=True)
class Person:
    """`spec` is what is wished for first, `later` has another memory in the place of one, and another manner."""

    name: str
    spec: dict[str, Any]
    later: dict[str, Any]


def person(folder: Path, number: int) -> Person:
    """Their files are written to `folder`."""
    name = f"Person {number}"
    recording = folder / f"{number}.mp3"
    recording.write_bytes(sounds.titled(name))
    memories = [folder / f"{number}-{n}.md" for n in range(MEMORIES + 1)]
    for n, memory in enumerate(memories):
        memory.write_text(f"# Memory {n}\n\n{name} lived in house {n} of street {number}.\n")
    spec = {
        "subject": {"name": name, "relation": "friend", "status": "living"},
        "language": "en",
        "recordings": [str(recording)],
        "memories": [str(memory) for memory in memories[:-1]],
        "consent": {"kind": "self", "granted_by": name},
    }
    later = {**spec, "wishes": "slow and quiet", "memories": [str(memory) for memory in memories[1:]]}
    return Person(name, spec, later)
