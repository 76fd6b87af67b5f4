"""The ledger and the service, compared as a whole: what came too late to be known, and what was lost.

Every act is safe to repeat: whoever is interrupted finds what is left when it is done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import NotFound, StorykeeperError, Unavailable
from ..model import Model
from .ensure import AT_ONCE, Ensure
from .kinds import UNPROVEN
from .ledger import Companion, Resource
from .marked import Marked, marked
from .observing import observe
from .plan import marker
from .runs import Runs
from .strays import TO_DO, Facts, Finding, findings
from .surplus import delete, ordered
from .tree import at, rows, tree
from .workspace import Workspace


class Report(Model):
    """`things` is how many at the service carry a marker."""

    workspace: str
    things: int
    findings: list[Finding]

    @property
    def clean(self) -> bool:
        """Whether nothing is left to be done."""
        return all(finding.done or finding.do not in TO_DO for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings)) or f"Ledger and service agree; {self.things} things."


@dataclass(frozen=True, slots=True)
class Reconcile:
    ensure: Ensure
    runs: Runs
    workspace: Workspace

    async def look(self) -> Report:
        """Compare. Changes nothing. Raises AuthInvalid for a key of another account."""
        await self.workspace.check()
        things = await marked(self.ensure.elevenlabs)
        found = findings(await self._facts(things))
        return Report(workspace=self.workspace.name, things=len(things), findings=found)

    async def act(self, report: Report, *, adopt: bool, delete: bool) -> Report:
        """Do what the report says: bring the ledger in line, delete what shouldn't be there."""
        todo = [f for f in report.findings if adopt and f.do in {"cross out", "adopt"}]
        todo += ordered(f for f in report.findings if delete and f.do == "delete")
        done = {finding.id: await self._done(finding) for finding in todo}
        return report.model_copy(update={"findings": [done.get(f.id, f) for f in report.findings]})

    async def _done(self, finding: Finding) -> Finding:
        acts = {"adopt": self._adopt, "cross out": self._cross_out, "delete": self._delete}
        try:
            problem = await acts[finding.do](finding)
        except StorykeeperError as error:
            problem = f"{error.code}: {error.what}"
        return finding.model_copy(update={"done": not problem, "problem": problem})

    async def _adopt(self, finding: Finding) -> str:
        known = finding.model_dump(include={"marker", "kind", "slot", "id", "name", "type"})
        found = Resource(state="made", doubted=True, blocked=UNPROVEN if finding.unproven else "", **known)
        free = self.ensure.ledger.adopt(found, before=self.ensure.clock() - self.ensure.patience.settle)
        return "" if free else _CHANGED

    async def _cross_out(self, finding: Finding) -> str:
        known = self.ensure.ledger.by_remote_id(finding.id)
        if known:
            self.ensure.ledger.lose(known)
        return ""

    async def _delete(self, finding: Finding) -> str:
        if self.ensure.ledger.by_remote_id(finding.id) or finding.marker in self._going():
            return _CHANGED
        await delete(self.ensure, finding)
        return ""

    async def _facts(self, things: Sequence[Marked]) -> Facts:
        ledger, name = self.ensure.ledger, self.workspace.name
        ids = {*ledger.planned(), *(companion.id for companion in ledger.companions())}
        facts = Facts(
            now=self.ensure.clock(),
            settle=self.ensure.patience.settle,
            things=things,
            rows=ledger.every(),
            companions={marker(name, id): id for id in ids},
            wanted={companion.marker: self._contents(companion) for companion in ledger.companions()},
            voices={companion.marker: self._voice(companion) for companion in ledger.companions()},
            going=self._going(),
        )
        strays = facts.strays()
        markers = {thing.marker for thing in strays}
        return replace(
            facts,
            history={chain: ledger.journal.entries(chain) for chain in markers},
            forgotten=frozenset(filter(ledger.forgotten, markers)),
            gone=await self._gone(facts),
            uses=await self._uses(things, strays),
        )

    def _going(self) -> frozenset[str]:
        return frozenset(marker(self.workspace.name, companion) for companion in self.runs.going())

    def _contents(self, companion: Companion) -> frozenset[str]:
        plan = self.ensure.ledger.plan(companion.plan_id)
        return frozenset(memory.sha256 for memory in plan.memories) if plan else frozenset()

    def _voice(self, companion: Companion) -> str:
        plan = self.ensure.ledger.plan(companion.plan_id)
        return plan.voice if plan else ""

    async def _gone(self, facts: Facts) -> frozenset[str]:
        """What no list has is looked at by its id, since lists lag and markers can be edited away."""
        listed = {thing.id for thing in facts.things}
        unseen = [row for row in facts.rows if row.state == "made" and row.id not in listed]
        gone: frozenset[str] = frozenset()
        for first in range(0, len(unseen), AT_ONCE):
            live = await observe(self.ensure.elevenlabs, unseen[first : first + AT_ONCE])
            if live.unseen:
                raise Unavailable(live.unseen[0], exists="nothing was changed")
            gone |= live.gone
        return gone

    async def _uses(self, things: Sequence[Marked], strays: Sequence[Marked]) -> dict[str, frozenset[str]]:
        """What the agents use whose companions have strays: what somebody talks to isn't to lose its voice."""
        doubtful = {thing.marker for thing in strays}
        agents = [thing.id for thing in things if thing.kind == "agent" and thing.marker in doubtful]
        return {id: await self._used(id) for id in agents}

    async def _used(self, agent_id: str) -> frozenset[str]:
        try:
            config = (await self.ensure.elevenlabs.agent(agent_id)).conversation_config
        except NotFound:
            return frozenset()
        known = [str(tree(item).get("id")) for item in rows(at(config, "agent.prompt.knowledge_base"))]
        return frozenset([*known, str(at(config, "tts.voice_id"))])


_CHANGED = "things have changed meanwhile; look again"
