"""Who goes through the campaign, and the naive saga as one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from kills import naive
from kills.people import Person, Wish

Boundary = tuple[str, str]
Boundaries = Mapping[Wish, Sequence[Boundary]]
Made = tuple[str, str, str]
TESTS = Path(__file__).parent.parent


class Contestant(Protocol):
    """What the campaign does with whoever goes through it."""

    @property
    def boundaries(self) -> Boundaries:
        """The entries of its record that a kill may follow, by what is asked for."""
        ...

    def submit(self, wish: Wish, person: Person) -> None:
        """Ask for something; nothing is made yet."""
        ...

    def work(self, key: str, log: Path) -> subprocess.Popen[bytes]:
        """A process that does what was asked for."""
        ...

    def entries(self) -> list[tuple[str, Boundary]]:
        """Its record: whose each entry is, and which."""
        ...

    def marker(self, person: Person) -> str: ...

    def unfinished(self) -> set[str]:
        """The markers of those for whom something is still to be done."""
        ...

    def insist(self) -> list[str]:
        """Ask again for what was given up; answers why each was."""
        ...

    def markers(self) -> set[str]:
        """Of everybody for whom there shall be a companion."""
        ...

    def made(self) -> set[Made]:
        """The marker, kind and id of everything that it knows to exist."""
        ...

    def differing(self) -> set[str]:
        """The markers of those for whom it would do something more if the same was asked for again."""
        ...

    def intact(self) -> bool:
        """Whether its record is as it was written."""
        ...

    def close(self) -> None: ...


@dataclass
class Naive:
    """The saga of naive.py."""

    folder: Path
    url: str
    wanted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def boundaries(self) -> Boundaries:
        return {"make": [("made", "voice"), ("made", "document")]}  # with the agent it is done

    def submit(self, wish: Wish, person: Person) -> None:
        paths = {"recording": person.spec["recordings"][0], "memories": person.spec["memories"]}
        self.wanted.append({"marker": self.marker(person), "name": person.name, **paths})
        partial = self.folder / "wanted.partial"
        partial.write_text(json.dumps(self.wanted))
        partial.replace(self.folder / "wanted.json")

    def work(self, key: str, log: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", naive.__name__, str(self.folder), self.url, key]
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TESTS)}
        with log.open("ab") as file:
            return subprocess.Popen(command, env=environ, stdout=file, stderr=file)

    def entries(self) -> list[tuple[str, Boundary]]:
        return [(row["marker"], ("made", row["kind"])) for row in naive.recorded(self.folder)]

    def unfinished(self) -> set[str]:
        return self.markers() - {marker for marker, kind, _ in self.made() if kind == "agent"}

    def marker(self, person: Person) -> str:
        return "keep-" + sha256(person.name.encode()).hexdigest()[:20]

    def insist(self) -> list[str]:
        return []  # it never gives up

    def differing(self) -> set[str]:
        return set()

    def markers(self) -> set[str]:
        return {companion["marker"] for companion in self.wanted}

    def made(self) -> set[Made]:
        return {(row["marker"], row["kind"], row["id"]) for row in naive.recorded(self.folder)}

    def intact(self) -> bool:
        return True  # it keeps no record that could be checked

    def close(self) -> None:
        pass
