"""The command that a host starts: one that is found whatever its PATH is, since those with windows have a short one."""

from __future__ import annotations

import os
from pathlib import Path

_SCRIPT = "storykeeper"
# Where uvx puts what it runs once; it may be cleaned away at any time.
_PASSING = ("archive-v", "environments-v", "builds-v")


def launcher(executable: str, uvx: str | None) -> tuple[str, ...]:
    """The installation of this Python by its absolute path, or uvx where it was only run for once."""
    python = Path(os.path.abspath(executable))
    if uvx and any(part.startswith(_PASSING) for part in python.parts):
        return os.path.abspath(uvx), _SCRIPT, "mcp"
    script = python.parent / _SCRIPT
    if os.access(script, os.X_OK):
        return str(script), "mcp"
    return str(python), "-m", "storykeeper_server", "mcp"
