"""Make the official clients ready that the tests run: npm packages as locked, the official CLI, and a Chromium.

The packages go into the ignored `tests/clients/node_modules/`. A Chromium or Chrome that is there is used; Debian's is
installed where that is allowed. Whatever can't be had is told with the tests that it costs, and is an error in CI.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "clients"
CLI = FOLDER / "node_modules" / "@elevenlabs" / "cli-linux-x64" / "elevenlabs"
OLDEST_NODE = 18
_LOCK = FOLDER / "package-lock.json"
# Written last, so that an install that was cut short is done again.
_READY = FOLDER / "node_modules" / ".ready"
_BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_APT: Mapping[str, str] = {"DEBIAN_FRONTEND": "noninteractive"}


def node() -> list[str]:
    """What starts Node.js, with a WebSocket of its own where it has one; empty where it is missing or too old."""
    found = shutil.which("node")
    version = re.match(r"v(\d+)\.(\d+)", _output([found, "--version"])) if found else None
    if found is None or version is None or int(version[1]) < OLDEST_NODE:
        return []
    flagged = (20, 10) <= (int(version[1]), int(version[2])) < (22, 0)
    return [found, "--experimental-websocket"] if flagged else [found]


def chromium() -> str | None:
    """A Chromium or Chrome."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


def missing() -> dict[str, str]:
    """The parts that can't be used, and why; nothing is installed by asking."""
    return dict(_missing())


def prepare() -> None:
    """Install what is missing and can be had."""
    if node() and shutil.which("npm") and not _installed():
        _install_packages()
    if node() and not chromium() and shutil.which("apt-get") and os.geteuid() == 0:
        _install_chromium()


def _missing() -> Iterator[tuple[str, str]]:
    if not node():
        yield "node", f"sessions of the official JavaScript clients need Node.js {OLDEST_NODE} or newer"
    elif not _installed():
        yield (
            "node",
            "sessions of the official JavaScript clients need their npm packages (scripts/clients.py gets them)",
        )
    if not chromium():
        yield "chromium", "voice sessions and the widget need Chromium or Chrome"
    if not CLI.is_file():
        yield "cli", "the official command line comes from npm for Linux on x64 only"


def _installed() -> bool:
    return _READY.is_file() and _READY.read_bytes() == _LOCK.read_bytes()


def _install_packages() -> None:
    print("Getting the official clients with npm (once)...", file=sys.stderr)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if _run(command, cwd=FOLDER):
        _READY.write_bytes(_LOCK.read_bytes())


def _install_chromium() -> None:
    print("Installing Chromium with apt-get (once)...", file=sys.stderr)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
    if _run(["apt-get", "update", "-qq"]):
        _run(install)


def _run(command: list[str], cwd: Path = FOLDER) -> bool:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **_APT}, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}", file=sys.stderr)
    return done.returncode == 0


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    prepare()
    for reason in missing().values():
        print(f"NOT RUN: {reason}.", file=sys.stderr)
    sys.exit(bool(os.environ.get("CI") and missing()))
