"""Build the talk page with npm into the ignored `talk/assets/`, unless what is there was built from the same sources."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "server/storykeeper_server/talk/web"
LANGUAGES = ROOT / "tools/storykeeper_tools/companion/languages"
ASSETS = WEB.parent / "assets"
_LOCK = WEB / "package-lock.json"
# Each written last, so that what was cut short is done again.
_READY = WEB / "node_modules" / ".ready"
_BUILT = ASSETS / ".built"


def built() -> bool:
    """Whether the page is there, as its sources are now."""
    return _BUILT.is_file() and _BUILT.read_text() == digest()


def digest() -> str:
    """Of everything that the page is built from."""
    found = hashlib.sha256()
    for path in _sources():
        found.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def build() -> str:
    """Build it if need be; what is in the way, or nothing."""
    if built():
        return ""
    if not shutil.which("node") or not shutil.which("npm"):
        return "the talk page needs Node.js 18 or newer and npm, once, to be built"
    return _installed() or _made()


def _sources() -> Iterator[Path]:
    yield from sorted(path for path in WEB.iterdir() if path.is_file())
    yield from sorted((WEB / "src").rglob("*"))
    yield from sorted(LANGUAGES.glob("*.toml"))
    yield WEB.parent.parent / "mcp" / "icon.svg"


def _installed() -> str:
    if _READY.is_file() and _READY.read_bytes() == _LOCK.read_bytes():
        return ""
    print("Getting the talk page's packages with npm (once)...", file=sys.stderr)
    failed = _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    if not failed:
        _READY.write_bytes(_LOCK.read_bytes())
    return failed


def _made() -> str:
    failed = _run("node", "build.mjs")
    if not failed:
        _BUILT.write_text(digest())
    return failed


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    return f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}" if done.returncode else ""


if __name__ == "__main__":
    if trouble := build():
        print(f"NOT BUILT: {trouble}", file=sys.stderr)
        sys.exit(1)
    print(f"The talk page is built: {sum(path.stat().st_size for path in ASSETS.iterdir()) // 1024} kB in talk/assets/")
