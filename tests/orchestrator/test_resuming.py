"""The orchestrator killed midway: gone on with, or said again, there is one voice, one agent and the same report.

`benchmarks/resuming.py` strikes at every moment; here is the one where a second voice would be likeliest.
"""

from __future__ import annotations

from pathlib import Path

from crashing import MOMENTS, ONE, crash, driven, resumed, said_again
from processes import place


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed while the voice is cloned, and gone on with by the id of what it was at; said again, it is the same one."""
    with place(tmp_path / "home") as here:
        onward = crash(here, MOMENTS["cloning the voice"])
        with driven(here) as second:
            done = resumed(second, onward)
            again = said_again(second)
        made = here.count()
    assert done["companion"]["status"] == "done"
    assert again["companion"] == done["companion"]
    assert "11 of 11" in done["report"]
    assert again["report"] == done["report"]
    assert made == ONE
