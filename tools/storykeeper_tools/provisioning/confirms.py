"""Words that allow one deletion, once: given out with what it would delete, and taken back with the second call."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from hashlib import sha256

from ..errors import NeedsConfirm
from ..part import part
from .database import Database

SCHEMA = "CREATE TABLE confirms (digest TEXT PRIMARY KEY, subject TEXT NOT NULL, expires_at DOUBLE PRECISION NOT NULL);"
LIFETIME = 600.0


@part
class Confirms:
    """Only hashes are kept. `clock` is wall time, since the two calls may come from two processes."""

    database: Database
    clock: Callable[[], float] = time.time

    def give(self, action: str, subject: str) -> str:
        """A token for this action on this very thing, good for ten minutes."""
        token = secrets.token_hex(10)
        now = self.clock()
        with self.database.transaction():
            # One from the future was given before a clock was set back.
            dead = "DELETE FROM confirms WHERE expires_at <= ? OR expires_at > ?"
            self.database.query(dead, now, now + LIFETIME)
            row = _digest(token), _digest(f"{action}|{subject}"), now + LIFETIME
            self.database.query("INSERT INTO confirms VALUES (?, ?, ?)", *row)
        return token

    def redeem(self, token: str, action: str, subject: str) -> None:
        """Use a token up. Raises NeedsConfirm for one that isn't for this, was used, or is too old."""
        now = self.clock()
        key = _digest(token), _digest(f"{action}|{subject}")
        with self.database.transaction():
            question = "SELECT 1 FROM confirms WHERE digest = ? AND subject = ? AND expires_at > ? AND expires_at <= ?"
            good = self.database.query(question, *key, now, now + LIFETIME)
            if good:
                self.database.query("DELETE FROM confirms WHERE digest = ? AND subject = ?", *key)
        if not good:
            raise NeedsConfirm(
                "that `confirm` was used already, is older than ten minutes, or is for something else",
                exists="nothing was deleted",
                next="call without `confirm`, show the person what would be deleted, then use the new one",
            )


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
