"""Consents taken back: whatever was made under them is closed at once, and stays so."""

from __future__ import annotations

from .caller import NOBODY, Caller
from .companion.consent import Consent
from .errors import NotFound
from .part import part
from .provisioning.closing import closing
from .provisioning.engine import Engine
from .provisioning.ledger import Companion
from .provisioning.plan import marker
from .provisioning.planner import Planner
from .provisioning.runs import Run
from .provisioning.voiced import Voiced
from .provisioning.watching import watch
from .provisioning.workspace import Workspace
from .views import Retired


@part
class Revoking:
    engine: Engine
    planner: Planner
    workspace: Workspace
    voiced: Voiced

    async def revoke(self, companion: str, seconds: float, caller: Caller = NOBODY) -> Retired:
        """Take the consent to a companion back, or that to a voice on its own, by the id of either: from now on nobody
        is let in, and nothing more is done for it. What can't be paused at the service now is tried again until it is."""
        behind = self._behind(companion)
        if isinstance(behind, list):
            return await self._revoke_alone(behind, seconds, caller)
        known, going = behind, closing(behind.id, behind.marker)
        ledger = self.planner.ledger
        with ledger.database.transaction():
            self.planner.consents.revoke(known)
            run = self.engine.look(going.plan_id)
            if not ledger.forgotten(known.marker) and (run is None or run.state != "done"):
                self.engine.submit(going)
        await watch(self.engine, going.plan_id, seconds if self.engine.carried() else 0, caller)
        next = f"retire_companion(companion={known.id}, action=forget) deletes it for good"
        return self._revoked(known.id, self.engine.look(going.plan_id), next)

    def _behind(self, which: str) -> Companion | list[Consent]:
        try:
            return self.planner.known(which)
        except NotFound:
            return self.voiced.behind(which)

    async def _revoke_alone(self, records: list[Consent], seconds: float, caller: Caller) -> Retired:
        """`of` is its voice, or the consent itself where there is none."""
        first = records[0]
        going = closing(first.id, marker(self.workspace.name, f"consent|{first.id}"))
        with self.planner.ledger.database.transaction():
            self.planner.consents.revoke_alone(records)
            self.engine.submit(going)
        await watch(self.engine, going.plan_id, seconds if self.engine.carried() else 0, caller)
        voices = [voice.id for voice in self.voiced.made_under(first)]
        told = self._revoked([*voices, first.id][0], self.engine.look(going.plan_id), "")
        told.next = f"delete_resource(id={told.of}) deletes it for good"
        told.warnings += [f"voice {id} was made under it, too: delete_resource(id={id})" for id in voices[1:]]
        return told

    def _revoked(self, of: str, run: Run | None, next: str) -> Retired:
        """Whether it is paused at the service, too; `closing` where that is still to come."""
        closed = run is None or run.state == "done"
        error = run.result.error if run and run.result else None
        why = f" ({error['code']})" if error else ""
        waits = f"at ElevenLabs it isn't paused yet{why}; that goes on by itself while a Storykeeper is open"
        return Retired(
            of=of,
            status="revoked" if closed else "closing",
            receipt=None,
            warnings=[*([] if closed else [waits]), *self.workspace.notes],
            next=next,
        )
