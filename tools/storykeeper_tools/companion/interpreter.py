"""How a process of our own code is started: by what this one was loaded from, and shadowed by nobody's folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_OURS = str(Path(__file__).parents[2])
# A script's or a user's folder may hold an `html.py`: it comes after everything that is installed.
_RUN = (
    "import os, runpy, sys; ours, rest, module = sys.argv[1:4]; del sys.argv[1:4]; "
    "sys.path[:] = [ours, *sys.path, *rest.split(os.pathsep)]; runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


def command(module: str, *arguments: str) -> list[str]:
    """Runs a module as `python -m` does, whatever the environment says."""
    rest = os.pathsep.join(filter(None, sys.path))
    return [sys.executable, "-I", "-c", _RUN, _OURS, rest, module, *arguments]
