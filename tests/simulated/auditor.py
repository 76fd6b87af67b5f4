"""Looks at the service and the ledger, and says what must never be."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from storykeeper_server.sandbox import auth
from storykeeper_server.sandbox.state import State
from storykeeper_tools.provisioning import wanted
from storykeeper_tools.provisioning.ledger import Ledger, Resource
from storykeeper_tools.provisioning.plan import Plan
from storykeeper_tools.provisioning.runs import Run
from storykeeper_tools.provisioning.strays import Finding

Key = tuple[str, str, str]
CREATES = {
    "/v1/voices/add": "voice",
    "/v1/convai/knowledge-base/text": "document",
    "/v1/convai/knowledge-base/file": "document",
    "/v1/convai/agents/create": "agent",
}
_VOICE = re.compile(r"\[(keep-[0-9a-f]{20})(?:\.([0-9a-f]{8}))?\]")
_DOCUMENT = re.compile(r"(keep-[0-9a-f]{20})\.([0-9a-f]{8}) ")


class Auditor:
    """`problems` are sentences; none is how it should be."""

    ledger: Ledger

    def __init__(self, state: State, note: Callable[[str, str], None]) -> None:
        self.state = state
        self.note = note
        self.problems: list[str] = []
        self.posts: Counter[Key] = Counter()
        self.made: Counter[Key] = Counter()
        self.plans: dict[str, Plan] = {}
        self.dismissed: set[str] = set()

    def found(self, problem: str) -> None:
        self.problems.append(problem)
        self.note("AUDITOR", problem)

    def expect(self, plan: Plan) -> None:
        """There shall be what this says."""
        self.plans[plan.marker] = plan

    def dismiss(self, companion: str) -> None:
        """There shall be nothing of it."""
        plan = next(plan for plan in self.plans.values() if plan.companion == companion)
        self.dismissed.add(self.plans.pop(plan.marker).marker)

    def marker(self, name: str) -> str:
        return next(plan.marker for plan in self.plans.values() if plan.spec.subject.name == name)

    def lost(self, resource: Resource) -> None:
        """It may be made once more."""
        self.made[resource.marker, resource.kind, resource.slot[:8]] -= 1

    def sent(self, who: str, request: httpx.Request) -> None:
        """No request without an intent of its own, written down before."""
        key = _created(request)
        if key is None:
            return
        self.posts[key] += 1
        intents = sum(
            e.event == "intend" and (e.kind, e.slot[:8]) == key[1:] for e in self.ledger.journal.entries(key[0])
        )
        if self.posts[key] > intents:
            self.found(f"{who} sends request {self.posts[key]} for {key}, with {intents} intents written down")

    def done(self, request: httpx.Request) -> None:
        """Count what is made, also what may be deleted later."""
        key = _created(request)
        if key is None:
            return
        self.made[key] += 1

    def between(self, who: str, misled: bool) -> None:
        """After a crash: whatever is there is known, or looked for."""
        for key, ids in self.remote().items():
            if key[0] in self.dismissed or misled:
                continue  # forgetting looks for whatever carries the marker, and the sweeper does in the end
            known = self._known(key)
            looked_for = known.state != "made" or known.id in ids if known else self._refused(key)
            if not looked_for:
                self.found(f"after {who} died nobody knows of {key} {ids}")
        self._chains()

    def ended(self, run: Run) -> None:
        """Whatever doesn't go on says why."""
        if run.state == "failed" and not (run.result and run.result.error):
            self.found(f"{run.id} failed without a reason")
        if run.state == "parked" and not run.reason:
            self.found(f"{run.id} is parked without a reason")
        if run.result and run.result.error and run.result.error["code"] == "internal":
            self.found(f"{run.id} broke off: {run.result.error}")

    def closed(self, marker: str) -> None:
        """Nobody can talk to whatever agent carries a marker."""
        with self.state.reading(auth.key("sandbox").workspace) as rows:
            agents = [row for row in rows.all("agent") if marker in row["settings"]["tags"]]
        for agent in agents:
            if agent["settings"]["platform_settings"]["call_limits"]["daily_limit"] != 0:
                self.found(f"the agent {agent['id']} of {marker} was left open")

    def swept(self, finding: Finding, misled: bool) -> None:
        """Left for the sweeper is only what was asked for in doubt and isn't wanted any more."""
        key = finding.marker, finding.kind, finding.slot[:8]
        given_up = finding.kind != "agent" and key not in self._wanted()
        if not finding.done or not (given_up or misled):
            self.found(f"the sweeper had to find {finding}")

    def finish(self, misled: bool) -> None:
        """One of each, known, as planned, and written down so that it shows when somebody changes it."""
        remote = self.remote()
        wanted = self._wanted()
        for key in wanted & remote.keys():
            self._thing(key, remote[key], misled)
        self.problems += [f"there is no {key}" for key in sorted(wanted - remote.keys())]
        # A document that an earlier plan left over is known, and deleted with the next change.
        over = {key for key in remote.keys() - wanted if key[1] == "document" and self._known(key)}
        left = {key for key in remote.keys() - wanted if key[0] in self.dismissed or key not in over}
        self.problems += [f"nobody wanted {key} {remote[key]}" for key in sorted(left)]
        for plan in self.plans.values():
            self._agent(plan, remote)
        for marker in sorted(self.dismissed):
            if left := self.ledger.resources(marker):
                self.found(f"of what was forgotten the ledger has {left}")
        self._chains()

    def _wanted(self) -> set[Key]:
        return {key for plan in self.plans.values() for key in _keys(plan)}

    def _thing(self, key: Key, ids: list[str], misled: bool) -> None:
        known = self._known(key)
        if len(ids) != 1:
            self.found(f"there are {len(ids)} of {key}")
        elif known is None or (known.state, known.id) != ("made", ids[0]):
            self.found(f"the ledger has {known} for {key} {ids}")
        elif self.made[key] > 1 and not misled:
            self.found(f"{key} was made {self.made[key]} times")

    def remote(self) -> dict[Key, list[str]]:
        """Ids of what is at the service, by (marker, kind, first digits of the slot)."""
        found: dict[Key, list[str]] = {}
        with self.state.reading(auth.key("sandbox").workspace) as rows:
            for kind, text in (("voice", _spoken), ("document", _named), ("agent", _tagged)):
                for row in rows.all(kind):
                    found.setdefault(_key(kind, text(row)), []).append(row["id"])
        return found

    def _agent(self, plan: Plan, remote: dict[Key, list[str]]) -> None:
        """It speaks with the plan's voice from the plan's documents, and was seen to."""
        known = self.ledger.resource(plan.marker, "agent", "")
        if known is None or not known.verified:
            self.found(f"the agent of {plan.companion} wasn't verified")
            return
        with self.state.reading(auth.key("sandbox").workspace) as rows:
            row = rows.get("agent", known.id)
        settings = row["settings"]["conversation_config"] if row else {"agent": {"prompt": {}}, "tts": {}}
        documents = {d["id"] for d in settings["agent"]["prompt"].get("knowledge_base", [])}
        expected = {id for key in _keys(plan) if key[1] == "document" for id in remote.get(key, [])}
        if documents != expected or [settings["tts"].get("voice_id")] != remote.get(
            (plan.marker, "voice", plan.voice[:8])
        ):
            self.found(f"the agent of {plan.companion} has other documents or another voice")
        if settings["agent"]["prompt"].get("rag", {}).get("enabled") is not bool(wanted.embedding(plan)):
            self.found(f"the agent of {plan.companion} looks things up, or doesn't, other than its memories ask for")

    def _known(self, key: Key) -> Any:
        marker, kind, slot = key
        found = self.ledger.resources(marker)
        return next((r for r in found if (r.kind, r.slot[:8]) == (kind, slot)), None)

    def _refused(self, key: Key) -> bool:
        """Whether the service last said that it didn't make it: then it's looked for before it is asked for again."""
        told = [e.event for e in self.ledger.journal.entries(key[0]) if (e.kind, e.slot[:8]) == key[1:]]
        events = [event for event in told if event != "delete"]  # which hasn't happened yet
        return events[-1:] == ["refused"] or (events[-1:] == ["withdrawn"] and "refused" in events)

    def _chains(self) -> None:
        for fault in self.ledger.journal.verify():
            self.found(f"the journal: {fault}")


def _created(request: httpx.Request) -> Key | None:
    """What of ours a request makes."""
    kind = CREATES.get(request.url.path) if request.method == "POST" else None
    return _key(kind, request.content.decode("latin-1")) if kind else None


def _keys(plan: Plan) -> list[Key]:
    documents = [(plan.marker, "document", m.sha256[:8]) for m in plan.memories]
    return [(plan.marker, "voice", plan.voice[:8]), *documents, (plan.marker, "agent", "")]


def _key(kind: str, text: str) -> Key:
    """Which of our things a request or a row is, from what it carries of ours."""
    if kind == "agent":
        tags = json.loads(text)["tags"]
        return tags[0], kind, ""
    match = (_VOICE if kind == "voice" else _DOCUMENT).search(text)
    assert match, text[:200]
    return match[1], kind, match[2] or ""


def _spoken(row: dict[str, Any]) -> str:
    return row["description"]


def _named(row: dict[str, Any]) -> str:
    return row["name"]


def _tagged(row: dict[str, Any]) -> str:
    return json.dumps({"tags": list(row["settings"]["tags"])})
