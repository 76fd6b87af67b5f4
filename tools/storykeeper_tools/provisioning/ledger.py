"""What is known of a workspace: companions, plans, resources and consents.

Every row has a key of its own and is written so that writing it twice changes nothing: a step may run more than once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from .database import Database
from .journal import Event, Journal
from .plan import Kind, Plan

Row = TypeVar("Row", bound=BaseModel)


class Companion(BaseModel):
    """`plan_id` is the newest plan's; `contents` is one hash for all recordings."""

    id: str
    name: str
    name_key: str
    marker: str
    contents: str
    plan_id: str
    made_at: int


class Resource(BaseModel):
    """A remote thing, or the intent to make it. `nonce` belongs to the one request that may be sent for the intent;
    `again` says that one was refused before, so the thing is looked for first, in case it was made all the same;
    `verified` says that an agent was seen to be stored as it was sent, which is what makes it safe to talk to."""

    marker: str
    kind: Kind
    slot: str = ""
    state: Literal["intended", "made", "refused"] = "intended"
    nonce: str = ""
    again: bool = False
    intended_at: float = 0
    id: str = ""
    name: str = ""
    type: str = ""
    blocked: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows of a database. Whatever is asked of the service, and what comes of it, is also told to the journal."""

    database: Database
    journal: Journal

    # Companions

    def companion(self, companion_id: str) -> Companion | None:
        return self._one(Companion, "SELECT body FROM companions WHERE id = ?", companion_id)

    def companions(self) -> list[Companion]:
        return self._all(Companion, "SELECT body FROM companions ORDER BY id")

    def namesakes(self, key: str) -> list[Companion]:
        return self._all(Companion, "SELECT body FROM companions WHERE name_key = ? ORDER BY id", key)

    def keep_companion(self, companion: Companion) -> None:
        row = companion.id, companion.name_key, companion.model_dump_json()
        self._write("INSERT INTO companions VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body", *row)

    def drop_companion(self, companion_id: str) -> None:
        self._write("DELETE FROM companions WHERE id = ?", companion_id)

    # Plans

    def plan(self, plan_id: str) -> Plan | None:
        return self._one(Plan, "SELECT body FROM plans WHERE id = ?", plan_id)

    def keep_plan(self, plan: Plan) -> None:
        row = plan.plan_id, plan.companion, plan.model_dump_json()
        self._write("INSERT INTO plans VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING", *row)

    # Resources

    def resource(self, marker: str, kind: Kind, slot: str) -> Resource | None:
        """What is made or under way; a refused one is as good as none."""
        known = self._resource(marker, kind, slot)
        return known if known and known.state != "refused" else None

    def resources(self, marker: str) -> list[Resource]:
        question = "SELECT body FROM resources WHERE marker = ? AND state != 'refused' ORDER BY kind, slot"
        return self._all(Resource, question, marker)

    def by_remote_id(self, remote_id: str) -> Resource | None:
        return self._one(Resource, "SELECT body FROM resources WHERE remote_id = ? AND state = 'made'", remote_id)

    def intend(self, wanted: Resource) -> Resource:
        """Write down that this will be asked for, unless somebody did before: then what they wrote."""
        with self.database.transaction():
            known = self._resource(wanted.marker, wanted.kind, wanted.slot)
            if known and known.state != "refused":
                return known
            new = wanted.model_copy(update={"again": known is not None})
            self._put(new)
            self._tell("intend", new)
        return new

    def withdraw(self, intent: Resource) -> None:
        """An intent that certainly came to nothing; one that somebody else has renewed since stays."""
        with self.database.transaction():
            if self._current(intent):
                self._drop(intent)
                self._tell("withdrawn", intent)

    def refuse(self, intent: Resource) -> None:
        """An intent that the service says came to nothing; one that somebody else has renewed since stays."""
        with self.database.transaction():
            if self._current(intent):
                self._put(intent.model_copy(update={"state": "refused"}))
                self._tell("refused", intent)

    def keep_made(self, made: Resource) -> None:
        """A thing that exists. Said again, it changes nothing."""
        with self.database.transaction():
            known = self._resource(made.marker, made.kind, made.slot)
            self._put(made)
            if known is None or (known.state, known.id) != (made.state, made.id):
                self._tell("made", made)

    def _tell(self, event: Event, resource: Resource) -> None:
        facts = {"slot": resource.slot, "nonce": resource.nonce, "id": resource.id}
        self.journal.append(resource.marker, event, resource.kind, **facts)

    def _resource(self, marker: str, kind: Kind, slot: str) -> Resource | None:
        question = "SELECT body FROM resources WHERE marker = ? AND kind = ? AND slot = ?"
        return self._one(Resource, question, marker, kind, slot)

    def _current(self, intent: Resource) -> bool:
        known = self._resource(intent.marker, intent.kind, intent.slot)
        return known is not None and known.state == "intended" and known.nonce == intent.nonce

    def _put(self, resource: Resource) -> None:
        statement = (
            "INSERT INTO resources (marker, kind, slot, state, body, remote_id) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (marker, kind, slot) DO UPDATE"
            " SET state = excluded.state, body = excluded.body, remote_id = excluded.remote_id"
        )
        key = resource.marker, resource.kind, resource.slot
        self.database.query(statement, *key, resource.state, resource.model_dump_json(), resource.id)

    def _drop(self, resource: Resource) -> None:
        statement = "DELETE FROM resources WHERE marker = ? AND kind = ? AND slot = ?"
        self.database.query(statement, resource.marker, resource.kind, resource.slot)

    # Consents and the workspace

    def keep_consent(self, consent_id: str, body: dict[str, Any], signature: str) -> None:
        row = consent_id, json.dumps(body), signature
        self._write("INSERT INTO consents VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING", *row)

    def consents(self) -> list[tuple[dict[str, Any], str]]:
        rows = self.database.query("SELECT body, signature FROM consents ORDER BY id")
        return [(json.loads(body), signature) for body, signature in rows]

    def bind(self, name: str, remote_id: str) -> str:
        """The remote workspace that this one belongs to: the one it first met."""
        self._write("INSERT INTO workspace VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, remote_id)
        return str(self.database.query("SELECT remote_id FROM workspace WHERE name = ?", name)[0][0])

    def _one(self, row: type[Row], question: str, *values: str) -> Row | None:
        found = self.database.query(question, *values)
        return row.model_validate_json(found[0][0]) if found else None

    def _all(self, row: type[Row], question: str, *values: str) -> list[Row]:
        return [row.model_validate_json(body) for (body,) in self.database.query(question, *values)]

    def _write(self, statement: str, *values: str) -> None:
        with self.database.transaction():
            self.database.query(statement, *values)
