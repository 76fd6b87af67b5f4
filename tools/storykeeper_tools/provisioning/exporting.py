"""Everything that is known of a companion, as the files of one archive. No key, no credential and no path of this
machine is among them, and the same ledger makes the same files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, Protocol

from ..companion.spec import Wish
from ..errors import Busy, StorykeeperError
from .archived import readme, safe, scrubbed, stamp, unlike
from .blobs import Blobs
from .consents import Consents, about
from .kinds import SUFFIXES
from .ledger import Companion, Ledger
from .plan import Plan
from .planner import Planner
from .proposals import Proposals
from .receipts import Receipts
from .rehearsed import Rehearsed
from .retold import retold

FORMAT = 1
_DAY = 24 * 3600


class Archive(Protocol):
    """Where the files go, each once."""

    def add(self, name: str, data: bytes) -> None: ...

    def stream(self, name: str, source: BinaryIO) -> int:
        """Copy what a file holds; answers how many bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Blob:
    """A staged file, and what it is called in the archive."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """`files` are made up already, `blobs` are as they were staged; `at` is when the last thing happened."""

    companion: Companion
    at: float
    revoked: bool
    files: dict[str, bytes]
    blobs: list[Blob]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the manifest."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Exporting:
    planner: Planner
    consents: Consents
    receipts: Receipts
    blobs: Blobs

    def contents(self, companion: Companion, agent: Any, *, recordings: bool = True) -> Contents:
        """Everything but manifest and README. `agent` is what the service has. Raises Busy for a companion that is
        being forgotten."""
        ledger = self.planner.ledger
        plan = self.planner.made_from(companion)
        heard = [Blob(f"recordings/{n:02}-{safe(r.name)}", r.sha256) for n, r in enumerate(plan.recordings, 1)]
        memories = {f"memories/{name}": text for name, text in retold(self._texts(plan)).items()}
        told = _documents(plan, memories)
        with ledger.database.transaction():  # a run may be at work
            if ledger.forgotten(companion.marker):
                raise Busy(f"{companion.id} is being forgotten", exists="see get_companion")
            spec = _yaml(plan.spec, heard, told, self._block(plan))
            files = {
                **memories,
                "companion.yaml": spec,
                **self._kept(companion, plan),
                "agent.json": _json(scrubbed(agent)),
            }
            at = max((entry.at for entry in ledger.journal.entries(companion.marker)), default=companion.made_at)
            revoked = ledger.revoked(companion.id)
        made = {name: text.encode() for name, text in files.items()}
        return Contents(companion, at, revoked, made, [*told, *(heard if recordings else [])])

    def write(self, contents: Contents, archive: Archive) -> tuple[list[Row], list[str]]:
        """Put everything into an archive, in one order. Answers the manifest, and the names of staged files that are
        gone or were changed. Blocking."""
        rows = [_put(archive, name, data) for name, data in contents.files.items()]
        missing: list[str] = []
        for blob in contents.blobs:
            try:
                rows.append(self._copy(archive, blob))
            except StorykeeperError:
                missing.append(blob.name)
        known, names = contents.companion, [row.name for row in rows]
        rows.append(
            _put(archive, "README.txt", readme(known.name, known.id, names, missing, revoked=contents.revoked).encode())
        )
        rows.sort(key=lambda row: row.name)
        _put(archive, "manifest.json", _json(_manifest(contents, rows, missing)).encode())
        return rows, missing

    def _texts(self, plan: Plan) -> Iterator[tuple[str, str]]:
        """The documents of texts by their titles, but for those that are gone, which `write` tells."""
        for memory in plan.memories:
            if memory.type == "text":
                with suppress(StorykeeperError):
                    yield memory.title, self.blobs.read(memory.sha256).decode("utf-8", "replace")

    def _kept(self, companion: Companion, plan: Plan) -> dict[str, str]:
        """What the ledger has."""
        ledger, mark = self.planner.ledger, companion.marker
        receipts, rehearsals = self.receipts.all_of(mark), Rehearsed(ledger).all_of(mark)
        proposed = [each.model_dump() for each in Proposals(ledger).of(companion)]
        return {
            "plan.json": _json(self._plans(companion, plan)),
            "consent.json": _json(self._consents(companion)),
            "resources.json": _json(_resources(ledger, companion, plan.workspace)),
            "journal.jsonl": "".join(f"{_compact(row)}\n" for row in ledger.journal.exported(mark)),
            **({"receipts.json": _json(receipts)} if receipts else {}),
            **({"rehearsals.json": _json(rehearsals)} if rehearsals else {}),
            **({"proposals.json": _json(proposed)} if proposed else {}),
        }

    def _copy(self, archive: Archive, blob: Blob) -> Row:
        with self.blobs.open(blob.sha256) as file:
            return Row(blob.name, archive.stream(blob.name, file), blob.sha256)

    def _block(self, plan: Plan) -> dict[str, Any] | None:
        """The consent that covers the plan, as a companion.yaml says it."""
        found = self.consents.covering(about(plan))
        if found is None:
            return None
        said = found.model_dump(include={"kind", "granted_by", "relation", "statement"})
        until = {"expires": _day_before(found.expires_at)} if found.expires_at else {}
        return {name: value for name, value in said.items() if value} | until

    def _plans(self, companion: Companion, plan: Plan) -> dict[str, Any]:
        planned = self.planner.ledger.plan(companion.planned) if companion.planned else None
        return {"made_from": _plan(plan), "planned": _plan(planned) if planned else None}

    def _consents(self, companion: Companion) -> dict[str, Any]:
        rows = self.planner.ledger.consents(companion.id)
        return {
            "note": "Signed with HMAC-SHA256 under a key that stays on the computer where they were recorded.",
            "standing": {record.id: said for record, said in self.consents.standing(companion.id)},
            "records": [{"record": body, "signature": signature} for body, signature in rows],
        }


def _documents(plan: Plan, taken: Collection[str]) -> list[Blob]:
    """As they were sent; one that ElevenLabs reads itself is a memory as it is."""
    found: list[Blob] = []
    for n, memory in enumerate(plan.memories, 1):
        name = f"documents/{n:03}-{safe(memory.title, '.md')}"
        if memory.type == "file":
            whole = f"memories/{safe(memory.title, SUFFIXES.get(memory.mime, '.bin'))}"
            name = unlike(whole, [*taken, *(blob.name for blob in found)])
        found.append(Blob(name, memory.sha256))
    return found


def _yaml(spec: Wish, heard: Sequence[Blob], told: Sequence[Blob], consent: dict[str, Any] | None) -> str:
    """What was asked for, with the files of the archive in the place of the keeper's own."""
    import yaml  # 15 ms that only files need

    said = spec.model_dump(
        mode="json", exclude_defaults=True, exclude={"companion", "recordings", "memories", "memory_id"}
    )
    files = {"recordings": [blob.name for blob in heard]} | ({"memories": ["memories"]} if told else {})
    document = {**said, **files}
    document |= {"consent": consent} if consent else {}
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)


def _plan(plan: Plan) -> dict[str, Any]:
    """As it is stored, but for where the keeper's files lay."""
    said = plan.model_dump(mode="json")
    said["spec"] |= {"recordings": [recording.name for recording in plan.recordings], "memories": []}
    return said


def _resources(ledger: Ledger, companion: Companion, workspace: str) -> dict[str, Any]:
    shown = {"kind", "id", "name", "type", "slot", "state", "blocked", "verified"}
    rows = ledger.resources(companion.marker)
    made = [{**row.model_dump(include=shown), "asked_for_at": stamp(row.intended_at)} for row in rows]
    return {
        "companion": companion.id,
        "marker": companion.marker,
        "workspace": workspace,
        "planned_first_at": stamp(companion.made_at),
        "resources": made,
    }


def _manifest(contents: Contents, rows: Sequence[Row], missing: Sequence[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "companion": contents.companion.id,
        "as_of": stamp(contents.at),
        "files": [{"name": row.name, "bytes": row.bytes, "sha256": row.sha256} for row in rows],
        "missing": list(missing),
    }


def _put(archive: Archive, name: str, data: bytes) -> Row:
    archive.add(name, data)
    return Row(name, len(data), hashlib.sha256(data).hexdigest())


def _day_before(end: int) -> str:
    """The last day of what is over at a moment."""
    return datetime.fromtimestamp(end - _DAY, UTC).strftime("%Y-%m-%d")


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _compact(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
