"""Patterns of paths, for faults and for looking into the log."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=256)
def pattern(path: str) -> re.Pattern[str]:
    """`*` is any text, `{voice_id}` any one segment, and the rest is itself; to be matched against the whole path."""
    pieces = re.split(r"(\*|\{[^{}/]*\})", path)
    return re.compile("".join(_piece(piece) for piece in pieces), re.DOTALL)


def _piece(piece: str) -> str:
    if piece == "*":
        return ".*"
    return "[^/]+" if piece.startswith("{") and piece.endswith("}") else re.escape(piece)
