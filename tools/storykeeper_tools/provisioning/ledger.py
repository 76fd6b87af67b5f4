"""What is known of a workspace: companions, plans, resources and consents.

Every row has a key of its own and is written so that writing it twice changes nothing: a step may run more than once.
"""

from __future__ import annotations

import json
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from ..companion.consent import digest
from ..companion.spec import name_key
from ..errors import Busy, Conflict, NeedsConsent, NotFound
from ..model import Model
from ..part import part
from .database import Database, spoilt
from .journal import Event, Journal
from .plan import Kind, Plan, contents, removal_id
from .tree import tree

Row = TypeVar("Row", bound=BaseModel)
# Drawn up again it is the same, so whoever was at the row in the meantime has done nothing.
_PLAN = "INSERT INTO plans VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET companion = excluded.companion, body = excluded.body"


class Companion(Model):
    """`plan_id` is the plan that it is made from, `planned` a change of it that nobody has confirmed yet;
    `before` the one to go back to where that can't be carried out; `contents` is one hash for all recordings, and
    `first` that of those of its first voice, where they are others."""

    id: str
    name: str
    name_key: str
    marker: str
    contents: str
    plan_id: str
    made_at: int
    planned: str = ""
    before: str = ""
    first: str = ""

    def slot(self, contents: str) -> str:
        """Where the voice from these recordings belongs."""
        return "" if contents == (self.first or self.contents) else contents


class Resource(Model):
    """A remote thing, or the intent to make it. `nonce` belongs to the one request that may be sent for the intent;
    `again` says that one was refused before, so the thing is looked for first, in case it was made all the same;
    `doubted` says that the fate of a request for it was unknown at some time, so that there may be a second one;
    `verified` says that an agent was seen to be stored as it was sent, which is what makes it safe to talk to;
    `sent` is what of it that was; `recordings` are the sha256 that a voice on its own was cloned from; `before_pause` are the settings to go back to when a pause ends."""

    marker: str
    kind: Kind
    slot: str = ""
    state: Literal["intended", "made", "refused"] = "intended"
    nonce: str = ""
    again: bool = False
    doubted: bool = False
    before_pause: dict[str, Any] | None = None
    intended_at: float = 0
    id: str = ""
    name: str = ""
    type: str = ""
    blocked: str = ""
    verified: bool = False
    sent: dict[str, Any] = {}
    recordings: list[str] = []


@part
class Ledger:
    """Rows of a database. Whatever is asked of the service, and what comes of it, is also told to the journal."""

    database: Database
    journal: Journal

    # Companions

    def companion(self, companion_id: str) -> Companion | None:
        return self._one(Companion, "SELECT body FROM companions WHERE id = ?", companion_id)

    def companions(self) -> list[Companion]:
        return self._all(Companion, "SELECT body FROM companions ORDER BY id")

    def ids(self) -> set[str]:
        """Of all companions."""
        return {id for (id,) in self.database.query("SELECT id FROM companions")}

    def namesakes(self, key: str) -> list[Companion]:
        return self._all(Companion, "SELECT body FROM companions WHERE name_key = ? ORDER BY id", key)

    def keep_companion(self, companion: Companion) -> None:
        """Raises Busy while it is being forgotten."""
        row = companion.id, companion.name_key, companion.model_dump_json()
        statement = (
            "INSERT INTO companions VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET name_key = excluded.name_key, body = excluded.body"
        )
        with self.database.transaction():
            self._refuse_forgetting(companion.marker)
            self.database.query(statement, *row)

    def go_back(self, companion_id: str, plan_id: str) -> None:
        """A change that can't be carried out any more: what it was a change of counts again. Said again, nothing changes."""
        with self.database.transaction():
            known = self.companion(companion_id)
            if known and known.plan_id == plan_id and known.before and not self.forgotten(known.marker):
                plan = self.plan(known.before)
                said = {"first": known.first or known.contents, **_said(plan)} if plan else {}
                self.keep_companion(known.model_copy(update={"plan_id": known.before, "before": "", **said}))

    # Plans

    def plan(self, plan_id: str) -> Plan | None:
        return self._one(Plan, "SELECT body FROM plans WHERE id = ?", plan_id)

    def keep_plan(self, plan: Plan) -> None:
        row = plan.plan_id, plan.companion, plan.model_dump_json()
        with self.database.transaction():
            self._refuse_forgetting(plan.marker)
            self.database.query(_PLAN, *row)

    def follows(self, plan: Plan) -> bool:
        """Whether its companion is made from this plan, and no newer one."""
        known = self.companion(plan.companion)
        return known is not None and known.plan_id == plan.plan_id

    def plans(self, companion_id: str) -> list[Plan]:
        """All that were ever drawn of a companion."""
        return self._all(Plan, "SELECT body FROM plans WHERE companion = ? ORDER BY id", companion_id)

    def names(self, sha256: str, *, but: str) -> bool:
        """Whether a plan of any companion but one names a staged file."""
        question = "SELECT 1 FROM plans WHERE companion != ? AND body LIKE ? LIMIT 1"
        return bool(self.database.query(question, but, f'%"{sha256}"%'))

    def planned(self) -> list[str]:
        """The companions that were ever planned, forgotten ones not among them."""
        return [id for (id,) in self.database.query("SELECT DISTINCT companion FROM plans ORDER BY companion")]

    # Resources

    def resource(self, marker: str, kind: Kind, slot: str) -> Resource | None:
        """What is made or under way; a refused one is as good as none."""
        known = self._resource(marker, kind, slot)
        return known if known and known.state != "refused" else None

    def resources(self, marker: str) -> list[Resource]:
        question = "SELECT body FROM resources WHERE marker = ? AND state != 'refused' ORDER BY kind, slot"
        return self._all(Resource, question, marker)

    def every(self) -> list[Resource]:
        """All that is made or under way, or was refused, of whatever marker."""
        return self._all(Resource, "SELECT body FROM resources ORDER BY marker, kind, slot")

    def by_remote_id(self, remote_id: str) -> Resource | None:
        return self._one(Resource, "SELECT body FROM resources WHERE remote_id = ? AND state = 'made'", remote_id)

    def intend(self, wanted: Resource) -> Resource:
        """Write down that this will be asked for, unless somebody did before: then what they wrote."""
        with self.database.transaction():
            known = self._resource(wanted.marker, wanted.kind, wanted.slot)
            if known and known.state != "refused":
                return known
            if self.forgotten(wanted.marker):
                raise Conflict("the companion was forgotten, or is being forgotten", next="plan it anew")
            new = wanted.model_copy(update={"again": known is not None, "doubted": known is not None})
            self._put(new)
            self._tell("intend", new)
        return new

    def doubt(self, intent: Resource) -> None:
        """An intent of which nobody knows what it came to."""
        with self.database.transaction():
            known = self._resource(intent.marker, intent.kind, intent.slot)
            if known:
                self._put(known.model_copy(update={"doubted": True}))

    def withdraw(self, intent: Resource) -> None:
        """An intent that came to nothing; one that somebody else has renewed since stays, and so does a doubt."""
        with self.database.transaction():
            known = self._resource(intent.marker, intent.kind, intent.slot)
            if known and self._current(intent):
                if known.doubted:
                    self._put(known.model_copy(update={"state": "refused"}))
                else:
                    self._drop(known)
                self._tell("withdrawn", intent)

    def refuse(self, intent: Resource) -> None:
        """An intent that the service says came to nothing; one that somebody else has renewed since stays."""
        with self.database.transaction():
            if self._current(intent):
                self._put(intent.model_copy(update={"state": "refused"}))
                self._tell("refused", intent)

    def keep_made(self, made: Resource) -> Resource:
        """A thing that exists, and what stands: another that somebody kept before stays. Said again, it changes nothing."""
        with self.database.transaction():
            known = self._resource(made.marker, made.kind, made.slot)
            if known and known.state == "made" and known.id != made.id:
                made = known.model_copy(update={"doubted": True})
            elif known is None and self.forgotten(made.marker):
                self._tell("made", made)  # what nobody may know of any more is left to `reconcile`
                return made
            elif known and known.doubted:
                made = made.model_copy(update={"doubted": True})
            if known and known.state == "made":
                # Whoever finds it a second time doesn't know how it was sent, and seen to be stored.
                stays = {"before_pause"} if made.sent else {"before_pause", "verified", "sent"}
                made = made.model_copy(update=known.model_dump(include=stays))
            self._put(made)
            if known is None or (known.state, known.id) != (made.state, made.id):
                self._tell("made", made)
        return made

    def amend(self, made: Resource, **news: object) -> None:
        """What is new about a thing that was made; one that was deleted meanwhile stays so."""
        with self.database.transaction():
            known = self._resource(made.marker, made.kind, made.slot)
            if known and (known.state, known.id) == ("made", made.id):
                self._put(known.model_copy(update=news))

    def adopt(self, found: Resource, *, before: float) -> bool:
        """Take in a thing that was found, if nothing is there and nobody has intended it since `before`."""
        with self.database.transaction():
            known = self._resource(found.marker, found.kind, found.slot)
            if known and (known.state == "made" or (known.state == "intended" and known.intended_at > before)):
                return False
            if self.forgotten(found.marker):
                return False
            self._put(found)
            self._tell("adopted", found)
        return True

    def lose(self, gone: Resource) -> None:
        """A thing that somebody deleted at the service: there is room for another. Said again, it changes nothing."""
        with self.database.transaction():
            known = self._resource(gone.marker, gone.kind, gone.slot)
            if known and (known.state, known.id) == ("made", gone.id):
                self._drop(gone)
                self._tell("gone", gone)

    def erase(self, deleted: Resource) -> None:
        """A thing that we deleted, and that is gone."""
        with self.database.transaction():
            self._drop(deleted)
            self._tell("deleted", deleted)

    def note(self, event: Event, resource: Resource) -> None:
        """Tell the journal of what is about to happen to a thing, or did."""
        with self.database.transaction():
            self._tell(event, resource)

    def note_changed(self, agent: Resource) -> None:
        """Tell the journal that a change took effect, unless it knows."""
        with self.database.transaction():
            told = [entry.event for entry in self.journal.entries(agent.marker) if entry.id == agent.id]
            if told and told[-1] == "change":
                self._tell("changed", agent)

    def doubtful(self, marker: str) -> list[Resource]:
        """What was asked for and isn't known to be there: under way, or refused, which may be mistaken."""
        question = "SELECT body FROM resources WHERE marker = ? AND state != 'made' ORDER BY kind, slot"
        return self._all(Resource, question, marker)

    def keep_pause(self, agent: Resource, before: dict[str, Any] | None) -> None:
        """What of an agent's settings a pause changes, as they were before it; None once they are so again."""
        with self.database.transaction():
            known = self._resource(agent.marker, agent.kind, agent.slot)
            # Two may pause at once: the second saw what the first had changed already.
            if known and (before is None or known.before_pause is None):
                self._put(known.model_copy(update={"before_pause": before}))
                self._tell("changed" if before is None else "change", known)

    def forgotten(self, marker: str) -> bool:
        """Whether what carries a marker is to be gone: a process that slept through it may still believe in its plan."""
        removal = self._removal(marker)
        return bool(removal) and (removal != "done" or not any(c.marker == marker for c in self.companions()))

    def _refuse_forgetting(self, marker: str) -> None:
        if self._removal(marker) not in {"", "done"}:
            raise Busy("that companion is being forgotten", exists="see get_companion")

    def _removal(self, marker: str) -> str:
        """The state of a companion's forgetting; nothing where there is none."""
        found = self.database.query("SELECT state FROM runs WHERE plan = ?", removal_id(marker))
        return found[0][0] if found else ""

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

    def keep_consent(
        self, consent_id: str, body: dict[str, Any], signature: str, event: Literal["consent", "revoked"] = "consent"
    ) -> None:
        """Raises NotFound where its companion was forgotten while somebody was asked, NeedsConsent where a consent was
        taken back."""
        companion = body.get("companion") or ""
        row = consent_id, json.dumps(body), signature, companion
        statement = (
            "INSERT INTO consents (id, body, signature, companion) VALUES (?, ?, ?, ?) ON CONFLICT (id)"
            " DO UPDATE SET body = excluded.body, signature = excluded.signature"
        )
        with self.database.transaction():
            if companion and self.companion(companion) is None:
                raise NotFound("there is no such companion in this workspace")
            if event == "consent" and companion:
                self.refuse_revoked(companion)
            self.database.query(statement, *row)
            chain = self.consent_chain(companion, consent_id)
            self.journal.append(chain, event, "consent", id=consent_id, digest=digest({**body, "revoked_at": None}))

    def consent_chain(self, companion: str | None, consent_id: str) -> str:
        """Where the journal tells of a consent: with its companion, or by itself."""
        known = self.companion(companion) if companion else None
        return known.marker if known else consent_id

    def revoked(self, companion: str) -> bool:
        """Whether the consent to a companion was taken back, which is final until the companion is forgotten."""
        return any(body.get("revoked_at") for body, _ in self.consents(companion))

    def refuse_revoked(self, companion: str) -> None:
        """Raise NeedsConsent for a companion whose consent was taken back."""
        if self.revoked(companion):
            raise NeedsConsent(
                f"the consent to {companion} was taken back",
                exists="what was made is kept, and nobody can talk to it",
                next=f"retire_companion(companion={companion}, action=forget) deletes it; then a new consent may be given",
            )

    def owner(self, marker: str) -> Companion | None:
        """The companion that a marker stands for."""
        question = "SELECT body FROM companions WHERE body LIKE ?"
        return next((c for c in self._all(Companion, question, f'%"{marker}"%') if c.marker == marker), None)

    def consents(self, companion: str | None) -> list[tuple[dict[str, Any], str]]:
        """Those that name a companion, or those that name none."""
        question = "SELECT body, signature FROM consents WHERE companion = ? ORDER BY id"
        rows = self.database.query(question, companion or "")
        return [(plain(body), signature) for body, signature in rows]

    def consents_to(self, sha256: str) -> dict[str, tuple[dict[str, Any], str]]:
        """Those that name a recording, by their ids, whoever's they are."""
        found = self.database.query("SELECT id, body, signature FROM consents WHERE body LIKE ?", f'%"{sha256}"%')
        return {id: (plain(body), signature) for id, body, signature in found}

    def consents_by(self, consent_id: str) -> list[tuple[dict[str, Any], str]]:
        """The one with an id, if there is one."""
        rows = self.database.query("SELECT body, signature FROM consents WHERE id = ?", consent_id)
        return [(plain(body), signature) for body, signature in rows]

    def signed(self) -> bool:
        """Whether anything in it was ever signed."""
        return self.journal.begun() or bool(self.database.query("SELECT 1 FROM consents LIMIT 1"))

    def bind(self, name: str, remote_id: str) -> str:
        """The remote workspace that this one belongs to: the one it first met."""
        if self.bound(name) is None:
            self._write("INSERT INTO workspace VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, remote_id)
        return self.bound(name) or ""

    def bound(self, name: str) -> str | None:
        """The remote workspace that this one belongs to, if it has met one."""
        rows = self.database.query("SELECT remote_id FROM workspace WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def _one(self, row: type[Row], question: str, *values: str) -> Row | None:
        found = self.database.query(question, *values)
        return _read(row, found[0][0]) if found else None

    def _all(self, row: type[Row], question: str, *values: str) -> list[Row]:
        return [_read(row, body) for (body,) in self.database.query(question, *values)]

    def _write(self, statement: str, *values: str) -> None:
        with self.database.transaction():
            self.database.query(statement, *values)


def _said(plan: Plan) -> dict[str, str]:
    """What a companion is known by."""
    name = plan.spec.subject.name
    return {"name": name, "name_key": name_key(name), "contents": contents(plan.hashes)}


def plain(body: str) -> dict[str, Any]:
    """A JSON object; an empty one where somebody spoilt it, which is then no consent."""
    try:
        return tree(json.loads(body))
    except ValueError:
        return {}


def _read(row: type[Row], body: str) -> Row:
    try:
        return row.model_validate_json(body)
    except ValidationError as error:
        raise spoilt("has a row that isn't as it was written") from error
