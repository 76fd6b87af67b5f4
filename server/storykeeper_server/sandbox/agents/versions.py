"""Versions of agents: whatever changes one makes a new one, and the old ones can still be read."""

from __future__ import annotations

from .. import ids
from ..state import Row, Rows


def renew(rows: Rows, agent: Row, settings: Row, now: float) -> None:
    """Give an agent other settings, as a new version."""
    agent |= {"updated": now, "version": ids.prefixed("agtvrsn"), "settings": settings}
    save(rows, agent)


def save(rows: Rows, agent: Row) -> None:
    """Keep an agent, and the version that it is."""
    rows.put("agent", agent["id"], agent)
    rows.put("version", agent["version"], agent)
