"""The orchestrator killed at every moment of making a companion, then gone on with or said again: what is there after it.

    python benchmarks/resuming.py

Exits with 1 where there isn't exactly one voice and one agent, or the companion isn't done.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

from crashing import MOMENTS, ONE, crash, driven, resumed, said_again  # noqa: E402 # found through the line above
from processes import place  # noqa: E402 # as above


def struck(moment: str, *, again: bool) -> bool:
    """Prints a row; whether all is as it should be."""
    with tempfile.TemporaryDirectory() as folder, place(Path(folder) / "home") as here:
        onward = crash(here, MOMENTS[moment])
        with driven(here) as program:
            outcome = said_again(program) if again else resumed(program, onward)
        made = here.count()
    status = (outcome.get("companion") or {}).get("status") or outcome
    how = "said again" if again else "gone on with"
    print(f"{moment:26} {how:13} {status:6} {', '.join(f'{count} {kind}' for kind, count in made.items())}", flush=True)
    return made == ONE and status == "done"


if __name__ == "__main__":
    sound = [struck(moment, again=again) for moment in MOMENTS for again in (False, True)]
    sys.exit(not all(sound))
