"""What is told while a batch is made: events on stdout, and for people a table or lines on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from storykeeper_tools.errors import StorykeeperError

from .wording import commanded

Standing = Literal["planned", "refused", "queued", "running", "parked", "done", "failed"]
ORDER: tuple[Standing, ...] = ("failed", "parked", "running", "queued", "planned", "refused", "done")
_ROOM = 6  # lines of a terminal that the table leaves for what stands around it


@dataclass(slots=True)
class Row:
    """One companion of a batch. `step` is the last that was done, `reason` why it is parked or refused; `again_at`
    (unix seconds) is when a parked one goes on by itself, and `joined` says that it was going on already."""

    file: str
    name: str
    companion: str = ""
    plan_id: str = ""
    state: Standing = "planned"
    done: int = 0
    total: int = 0
    step: str = ""
    reason: str = ""
    again_at: float | None = None
    joined: bool = False
    error: StorykeeperError | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return self.state in {"done", "failed", "refused"} or (self.state == "parked" and self.again_at is None)

    def turn(self, state: Standing, reason: str = "") -> None:
        """Another state, from now on."""
        self.state, self.reason, self.again_at = state, reason, None
        if state == "done":
            self.done = self.total

    def __str__(self) -> str:
        return f"{self.companion or self.file}: {self.state}{f' ({self.reason})' if self.reason else ''}"


@dataclass(slots=True)
class Events:
    """One JSON object a line; silent unless asked for."""

    wanted: bool

    def tell(self, event: str, row: Row | None = None, **facts: Any) -> None:
        if self.wanted:
            about = {"file": row.file, "name": row.name, "companion": row.companion or None} if row else {}
            self._print(commanded(json.dumps({"event": event, **about, **facts}, ensure_ascii=False)))

    def _print(self, line: str) -> None:
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read this has gone, which stops nothing. What is still buffered has to go somewhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.wanted = False


@dataclass(slots=True)
class Board:
    """The rows of a batch as people see them: a table that is drawn anew, or a line for each change of state."""

    console: Any
    rows: Sequence[Row]
    _live: Any = field(default=None, repr=False)

    @contextmanager
    def shown(self) -> Generator[None]:
        if not self.console.is_terminal:
            yield
            return
        from rich.live import Live  # only where there is somebody to look

        with Live(console=self.console, auto_refresh=False) as self._live:
            yield
            self.refresh()
        self._live = None

    def changed(self, row: Row) -> None:
        """A row has another state."""
        if self._live is None:
            ended = sum(row.ended for row in self.rows)
            self.console.print(f"[{ended}/{len(self.rows)}] {row}", markup=False, highlight=False)

    def refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._table(), refresh=True)

    def _table(self) -> Any:
        """Those that matter most, as many as fit, and how many there are in each state."""
        from rich.table import Table  # as above

        table = Table(caption=counted(self.rows), caption_justify="left", box=None, pad_edge=False)
        for title in ("companion", "state", "", "step"):
            table.add_column(title, no_wrap=True, overflow="ellipsis")
        chosen = sorted(self.rows, key=lambda row: ORDER.index(row.state))
        for row in chosen[: max(1, self.console.height - _ROOM)]:
            progress = f"{row.done}/{row.total}" if row.total else ""
            step = "" if row.state == "done" else row.step
            table.add_row(row.companion or row.file, row.state, progress, row.reason or step)
        return table


def counted(rows: Sequence[Row]) -> str:
    """`3 done, 1 parked`."""
    counts = Counter(row.state for row in rows)
    return ", ".join(f"{counts[state]} {state}" for state in reversed(ORDER) if counts[state])
