"""What a chat looks like: text as it comes, a plan as a table, progress as a bar; and plain lines where that is all
there is (a pipe, a dumb terminal)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .wording import commanded, visible

COLUMNS = ("", "what", "name", "what changes")


class Screen:
    """On stdout. `rich`: there is a terminal that can do more than lines."""

    def __init__(self) -> None:
        from rich.console import Console  # 20 ms that a server needn't wait for

        self.console = Console(soft_wrap=True, highlight=False, markup=False)
        self.rich = self.console.is_terminal and not self.console.is_dumb_terminal
        self._bar: Any = None
        self._begun = False  # a line that isn't at its end

    def say(self, text: str, *, aside: bool = False) -> None:
        """A line of ours; an aside is dim."""
        self.settle()
        self._print(commanded(text), style="dim" if aside and self.rich else None)

    def write(self, text: str, *, whole: bool) -> None:
        """What the assistant says: pieces as they come, and then the whole of it."""
        self._put_away()
        if whole and self._begun:
            self.settle()
        elif whole:
            self.say(text)
        else:
            self._print(commanded(text), end="")
            self.console.file.flush()
            self._begun = True

    def settle(self) -> None:
        """At the beginning of a line, with nothing moving."""
        self._put_away()
        if self._begun:
            self.console.print()
        self._begun = False

    def progress(self, done: float, total: float | None, message: str) -> None:
        """How far something is: a bar that moves, or a line for each step."""
        if not self.rich:
            count = f"{done:.0f}/{total:.0f}" if total else f"{done:.0f}"
            self.say(f"  {count} {message}")
            return
        if self._bar is None:
            self.settle()
            self._bar = _bar(self.console)
            self._bar.start()
            self._bar.add_task("", total=total)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=visible(commanded(message)))

    def plan(self, draft: Mapping[str, Any]) -> None:
        """What would be done for a companion, step by step; its cost, and what there is to know."""
        self.settle()
        self._print(f"{draft['plan_id']} for {draft['companion']}")
        self.steps(draft)
        cost = draft["cost"]
        slots = f"{cost['voice_slots']} voice slot and {cost['voice_changes']} of this month's voice changes"
        self.console.print(f"Cost: {slots if cost['voice_slots'] else 'nothing'}")
        for title, lines in (
            ("Note", draft["warnings"]),
            ("Question", [question["ask"] for question in draft["questions"]]),
        ):
            for line in lines:
                self._print(f"{title}: {commanded(line)}")

    def steps(self, draft: Mapping[str, Any]) -> None:
        """Only what would be done; what stays as it is, where that is all."""
        self.settle()
        todo = [step for step in draft["steps"] if step["action"] != "keep"]
        rows = [row for step in todo or draft["steps"] for row in _rows(step)]
        self.console.print(_table(rows) if self.rich else _columns(rows), soft_wrap=not self.rich)

    def _print(self, text: str, **how: Any) -> None:
        self.console.print(visible(text), **how)

    def _put_away(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = None


def _rows(step: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """A step, and a line more for each further field that it changes."""
    changes = [f"{_value(field, 'before')} -> {_value(field, 'after')}" for field in step["fields"]]
    named = [f"{field['field']}: {change}" for field, change in zip(step["fields"], changes, strict=True)]
    first = (step["action"], step["kind"], visible(step["name"]), visible(named[0]) if named else "")
    return [first, *(("", "", "", visible(change)) for change in named[1:])]


def _value(field: Mapping[str, Any], side: str) -> str:
    value = field.get(side)
    text = "nothing" if value is None or value in ("", []) else str(value).replace("\n", " ")
    return text if len(text) <= 80 else f"{text[:79]}…"


def _table(rows: list[tuple[str, str, str, str]]) -> Any:
    from rich.table import Table  # only where there is somebody to look

    table = Table()
    shown = [column for column in range(len(COLUMNS)) if any(row[column] for row in rows)]
    for column in shown:
        table.add_column(COLUMNS[column], overflow="fold")
    for row in rows:
        table.add_row(*(_plain(row[column]) for column in shown))
    return table


def _plain(text: str) -> Any:
    from rich.text import Text  # as above

    return Text(text)


def _columns(rows: list[tuple[str, str, str, str]]) -> str:
    """The same in plain letters."""
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*(row[c].ljust(widths[c]) for c in range(3)), row[3]]).rstrip() for row in rows]
    return "\n".join(f"  {line}" for line in lines)


def _bar(console: Any) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    return Progress(*columns, console=console, transient=True)
