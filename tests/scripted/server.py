"""A tool server with something wrong: `storykeeper mcp` behind a pipe that breaks where it is told to.

Run as `server.py KIND TOOL ONCE`: what happens, at a call of which tool, and a file that is there once it has happened.
`endless`: what it makes is always told to be under way, and what it forgets, too.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

REAL = [sys.executable, "-m", "storykeeper_server", "mcp"]


def main(kind: str, tool: str, once: Path) -> int:
    if kind == "stillborn":
        print("it could not start", file=sys.stderr)
        return 1
    if kind == "mute":
        return len(sys.stdin.read())
    with subprocess.Popen(REAL, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as real:
        assert real.stdin
        threading.Thread(target=_answer, args=(real, kind), daemon=True).start()
        for line in sys.stdin:
            if kind != "endless" and f'"name":"{tool}"' in line.replace(" ", "") and not once.exists():
                once.touch()
                if kind == "dies":
                    real.kill()
                    return 1
                continue  # never answered
            real.stdin.write(line)
            real.stdin.flush()
        real.stdin.close()
        return real.wait()


def _answer(real: subprocess.Popen[str], kind: str) -> None:
    assert real.stdout
    for line in real.stdout:
        if kind == "endless":
            line = line.replace('"status":"done"', '"status":"running"').replace('"forgotten"', '"forgetting"')
        sys.stdout.write(line)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
