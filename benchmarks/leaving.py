"""How soon a server over a pipe is gone: told to go by a signal, or left by its client, idle and in the middle of a call.

    python benchmarks/leaving.py

Exits with 1 where the slowest of five took longer than 2 seconds.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

from processes import Place, place  # noqa: E402 # found through the line above
from wire import ERAS, held, piped  # noqa: E402 # as above

TIMES, BAR = 5, 2.0
WAYS = ("SIGINT", "SIGTERM", "EOF")


def gone(here: Place, way: str, *, busy: bool, log: Path) -> float:
    """Seconds from the signal, or the end of the pipe, to the end of the process."""
    with piped(here, ERAS[1], log) as (pipe, running):
        if busy:
            here.http.delete("/_sandbox/faults")  # of the time before
            held(here, pipe)
        begun = time.perf_counter()
        if way == "EOF":
            assert pipe.process.stdin
            pipe.process.stdin.close()
        else:
            pipe.process.send_signal(getattr(signal, way))
        running.process.wait(30)
        return time.perf_counter() - begun


def main() -> int:
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder, place(Path(folder) / "home") as here:
        for way in WAYS:
            for busy in (False, True):
                took = [gone(here, way, busy=busy, log=Path(folder) / "stderr") for _ in range(TIMES)]
                slowest = max(slowest, *took)
                state = "in a call" if busy else "idle"
                print(
                    f"{way:8} {state:10} median {sorted(took)[TIMES // 2]:.3f} s, slowest {max(took):.3f} s", flush=True
                )
    print(f"slowest {slowest:.3f} s; the bar is {BAR:.0f} s")
    return slowest > BAR


if __name__ == "__main__":
    sys.exit(main())
