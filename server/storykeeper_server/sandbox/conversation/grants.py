"""What lets a client begin a conversation: signatures and tokens, kept only as digests, until they expire."""

from __future__ import annotations

import hashlib
import secrets

from ..state import Row, Rows, Snapshot


def signature() -> str:
    """A new secret for a signed URL."""
    return f"cvtkn_{secrets.token_hex(20)}"


def grant(rows: Rows, secret: str, agent: Row, conversation: str | None, now: float, seconds: float) -> None:
    """Let `secret` begin conversations with this version of an agent; with a conversation id only that one."""
    for old in rows.all("grant"):
        if old["expires"] < now:
            rows.drop("grant", old["id"])
    row: Row = {
        "id": _digest(secret),
        "agent": agent["id"],
        "branch": agent["branch"],
        "version": agent["version"],
        "conversation": conversation,
        "expires": now + seconds,
    }
    rows.put("grant", row["id"], row)


def known(rows: Snapshot, agent: str, secret: str, now: float) -> Row | None:
    """The grant behind a secret, None if it is unknown, expired, used up or another agent's. Uses nothing up."""
    row = rows.get("grant", _digest(secret))
    return row if row and row["agent"] == agent and row["expires"] >= now else None


def redeem(rows: Rows, agent: str, secret: str, conversation: str | None, now: float) -> Row | None:
    """The grant behind a secret, to begin a conversation with, or None.

    A grant with a conversation id is used up by this, and the conversation takes the id; others serve until they
    expire. `conversation` is the id that came beside the secret: it must be the grant's.
    """
    row = known(rows, agent, secret, now)
    if row is None or conversation not in (None, row["conversation"]):
        return None
    if row["conversation"]:
        rows.drop("grant", row["id"])
    return row


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
