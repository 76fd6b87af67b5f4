"""One finding, and how grave it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from storykeeper_tools.errors import CallerError, StorykeeperError

State = Literal["ok", "note", "problem"]
GRAVEST_FIRST = (1, 5, 6, 4, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """`do` is what mends it; `exit` is 0 unless it is a problem."""

    check: str
    state: State
    what: str
    do: str = ""
    exit: int = 0

    def __str__(self) -> str:
        return f"{self.state:<8} {self.check:<12} {self.what}" + (f"; {self.do}" if self.do else "")


def ok(check: str, what: str) -> Row:
    return Row(check, "ok", what)


def note(check: str, what: str, do: str = "") -> Row:
    return Row(check, "note", what, do)


def problem(check: str, what: str, do: str, exit: int = CallerError.exit_code) -> Row:
    return Row(check, "problem", what, do, exit)


def refused(check: str, error: StorykeeperError) -> Row:
    return problem(check, error.what, error.next, error.exit_code)


def worst(rows: Iterable[Row]) -> int:
    """The exit code of the gravest: ours, the account's, ElevenLabs', then what the caller can mend."""
    codes = {row.exit for row in rows}
    return next(code for code in GRAVEST_FIRST if code in codes | {0})
