"""What rehearsals brought: one row for each answer of a companion as it is now, kept as soon as it was given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from time import time
from typing import Any

from ..companion.consent import canonical
from ..companion.rehearsal.verdict import Verdict
from ..elevenlabs.models import Agent
from ..model import Model
from ..part import part
from .ledger import Ledger, Resource
from .tree import at

SCHEMA = """
CREATE TABLE rehearsals (
    marker TEXT NOT NULL, edition TEXT NOT NULL, question TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (marker, edition, question)
);
"""
_SPEAKING = ("agent.first_message", "agent.language", "agent.prompt", "tts.voice_id")
_KEEP = "INSERT INTO rehearsals VALUES (?, ?, ?, ?) ON CONFLICT (marker, edition, question) DO UPDATE SET body = excluded.body"


class Answer(Model):
    """A question, the `rule` for its answer, the verdict with what decided it, and what was said, line by line."""

    question: str
    asked: str
    rule: str
    verdict: Verdict
    why: str
    said: list[str]
    at: int = 0


def edition(agent: Agent) -> str:
    """The same while nothing changes that decides what an agent says; a pause changes none of it."""
    said = {path: at(agent.conversation_config, path) for path in _SPEAKING}
    guarded: dict[str, Any] = {"guardrails": at(agent.platform_settings, "guardrails")}
    return hashlib.sha256(canonical(said | guarded)).hexdigest()[:16]


@part
class Rehearsed:
    """Rows name people and what they said, so they go when the companion is forgotten."""

    ledger: Ledger
    clock: Callable[[], float] = time

    def answers(self, marker: str, edition: str) -> dict[str, Answer]:
        """By the questions' keys."""
        question = "SELECT question, body FROM rehearsals WHERE marker = ? AND edition = ?"
        rows = self.ledger.database.query(question, marker, edition)
        return {key: Answer.model_validate_json(body) for key, body in rows}

    def all_of(self, marker: str) -> list[dict[str, Any]]:
        """Every answer that is kept of a companion, with the edition that gave it."""
        question = "SELECT edition, body FROM rehearsals WHERE marker = ? ORDER BY edition, question"
        return [
            {"edition": edition, **json.loads(body)} for edition, body in self.ledger.database.query(question, marker)
        ]

    def keep(self, agent: Resource, edition: str, key: str, answer: Answer) -> None:
        """Nothing is kept of an agent that is gone or being forgotten."""
        database, ledger = self.ledger.database, self.ledger
        with database.transaction():
            known = ledger.resource(agent.marker, "agent", agent.slot)
            if known is None or known.id != agent.id or ledger.forgotten(agent.marker):
                return
            row = answer.model_copy(update={"at": int(self.clock())})
            database.query(_KEEP, agent.marker, edition, key, row.model_dump_json())

    def drop(self, marker: str, but: str = "") -> None:
        """What was said, but in one edition."""
        with self.ledger.database.transaction():
            self.ledger.database.query("DELETE FROM rehearsals WHERE marker = ? AND edition != ?", marker, but)

    def last(self, marker: str) -> str:
        """How the newest rehearsal that there are answers of went, in one line; nothing where there was none."""
        row = "SELECT edition FROM rehearsals WHERE marker = ?"
        kept = [
            self.answers(marker, edition).values()
            for edition in {e for (e,) in self.ledger.database.query(row, marker)}
        ]
        if not kept:
            return ""
        answers = max(kept, key=lambda each: max(answer.at for answer in each))
        passed = sum(answer.verdict == "pass" for answer in answers)
        day = datetime.fromtimestamp(max(answer.at for answer in answers), UTC).date()
        return f"rehearsal: {passed} of {len(answers)} answers passed, {day}"

    def doubts(self, marker: str, companion: str, agent: Agent | None) -> list[str]:
        """Why what a companion says may not be as it was seen to be; without a look at its agent, whether it ever was."""
        known = self.ledger.database.query("SELECT DISTINCT edition FROM rehearsals WHERE marker = ?", marker)
        check = f"rehearse_companion(companion={companion}) checks what it says"
        if not known:
            return [f"not rehearsed yet: {check}"]
        if agent is None:
            return []
        if (edition(agent),) not in known:
            return [f"it changed since it was last rehearsed: {check}"]
        bad = [a.question for a in self.answers(marker, edition(agent)).values() if a.verdict != "pass"]
        return [f"its last rehearsal wasn't passed ({', '.join(sorted(bad))})"] if bad else []
