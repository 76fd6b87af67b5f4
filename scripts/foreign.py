"""Make the foreign hosts ready that the tests drive our server with: LangChain's MCP adapters and OpenAI's Agents SDK.

They need another version of `mcp` than ours, so they live in an environment of their own, the ignored `.cache/hosts/`,
with just what `requirements/hosts.txt` names. What can't be had is told, and is an error in CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".cache" / "hosts"
PYTHON = FOLDER / "bin" / "python"
_LOCK = ROOT / "requirements" / "hosts.txt"
# Written last, so that an install that was cut short is done again.
_READY = FOLDER / ".ready"


def missing() -> str:
    """Why they can't be used, or nothing; nothing is installed by asking."""
    there = _READY.is_file() and _READY.read_bytes() == _LOCK.read_bytes()
    return "" if there else "foreign hosts need an environment of their own (scripts/foreign.py makes it)"


def prepare() -> None:
    """Install what is missing and can be had."""
    if not missing():
        return
    print("Setting up .cache/hosts (once)...", file=sys.stderr)
    uv = shutil.which("uv")
    for command in _with_uv(uv) if uv else _with_pip():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}", file=sys.stderr)
            return
    _READY.write_bytes(_LOCK.read_bytes())


def _with_uv(uv: str) -> list[list[str]]:
    install = [uv, "pip", "install", "-q", "--python", str(PYTHON), "--require-hashes", "-r", str(_LOCK)]
    return [[uv, "venv", "-q", "--clear", "--python", sys.executable, str(FOLDER)], install]


def _with_pip() -> list[list[str]]:
    install = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    return [[sys.executable, "-m", "venv", "--clear", str(FOLDER)], [*install, "--require-hashes", "-r", str(_LOCK)]]


if __name__ == "__main__":
    prepare()
    if reason := missing():
        print(f"NOT RUN: {reason}.", file=sys.stderr)
        sys.exit(bool(os.environ.get("CI")))
