"""What a companion from one sentence takes of the processor, with every process that it starts.

    python benchmarks/sentence.py [RUNS]

The best of several runs, each in a home of its own, in the sandbox. Fails above 6 seconds of user time.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bars import at_most

BAR = 6.0
ROOT = Path(__file__).parent.parent
SENTENCE = (
    "Create a companion for my grandmother Dorothy from examples/dorothy. She spoke English and gave me her consent."
)


def once() -> tuple[float, float, float]:
    """Seconds of user time, of system time, and by the clock. Children of children are counted as they are waited for."""
    command = [sys.executable, "-m", "storykeeper_server", "provision", "--sandbox", "--yes", SENTENCE]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        environ = {"PATH": os.environ["PATH"], "HOME": home, "STORYKEEPER_HOME": home}
        subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime, time.perf_counter() - started


def main(runs: int) -> int:
    user, system, clock = min(once() for _ in range(runs))
    print(f"a companion from a sentence, best of {runs}: {user:.2f} s user (bar {BAR:g}), ", end="")
    print(f"{system:.2f} s system, {clock:.1f} s by the clock")
    return 0 if at_most(user, BAR) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
