"""Whose voice an agent speaks in, and whether that is still allowed.

A voice of ours is known by its row, or by the marker in its description; its consent by the companion that it was made
for, or by the records for a voice on its own. What isn't ours, such as a voice of the library, needs no consent here.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any, cast

from ..companion.consent import Consent
from ..companion.spec import name_key
from ..elevenlabs.client import ElevenLabs
from ..elevenlabs.models import Agent
from ..errors import MissingPermission, NeedsConsent, NotFound
from ..part import part
from .consents import Consents, Standing
from .ledger import Companion, Ledger, Resource
from .marked import carried, marked
from .plan import contents, marker

_GOOD: frozenset[Standing] = frozenset(["holds", "not enough here"])


def voice_marker(workspace: str, name: str, recordings: Collection[str]) -> str:
    """What a voice on its own carries."""
    return marker(workspace, f"voice|{name_key(name)}|{contents(recordings)}")


@part
class Voiced:
    elevenlabs: ElevenLabs
    ledger: Ledger
    consents: Consents
    workspace: str

    async def require(self, *voice_ids: str) -> None:
        """Raise NeedsConsent for a voice of ours to which nobody consents, or not any more."""
        for id in voice_ids:
            known = self.ledger.by_remote_id(id)
            mark = known.marker if known else await self._carried(id)
            if mark:
                self._require(mark, known)

    def refuse_lapsed(self, companion: Companion) -> None:
        """Raise NeedsConsent where a voice was made, and the consent to it doesn't hold any more."""
        self.ledger.refuse_revoked(companion.id)
        if self.consents.lapsed(companion):
            raise NeedsConsent("the consent to this companion is over", exists="what was made is kept as it is")

    def records(self, voice: str) -> list[tuple[Consent, Standing]]:
        """What a voice on its own was made under, by its marker."""
        known = self.ledger.resource(voice, "voice", "")
        return [(c, s) for c, s in self.consents.standing(None) if self._under(c, voice, known)]

    def made_under(self, record: Consent) -> list[Resource]:
        """The voices on their own that a record allowed."""
        rows = [row for row in self.ledger.every() if row.kind == "voice" and row.state == "made"]
        return [row for row in rows if self._under(record, row.marker, row)]

    def behind(self, id: str) -> Companion | list[Consent]:
        """Whose consent the id of a consent or of a voice stands for: a companion's, or a voice's on its own. Raises
        NotFound."""
        record = self.consents.record(id)
        known = self.ledger.by_remote_id(id)
        owner = self.ledger.companion(record.companion or "") if record else known and self.ledger.owner(known.marker)
        alone = [record] if record else [c for c, _ in self.records(known.marker)] if known else []
        if owner is None and not alone:
            raise NotFound("there is no such companion, consent or voice in this workspace")
        return owner or alone

    async def speakers(self, voice_ids: Collection[str], agents: Collection[str]) -> list[Agent]:
        """Those of some agents that speak in one of these voices."""
        found: list[Agent] = []
        for id in agents:
            with suppress(NotFound):
                agent = await self.elevenlabs.agent(id)
                if voices(agent) & set(voice_ids):
                    found.append(agent)
        return found

    async def others(self, things: Collection[tuple[str, str]]) -> list[Agent]:
        """The agents of ours that are no companion's, and speak in a voice that is among some things."""
        owned = {companion.marker for companion in self.ledger.companions()}
        rows = (row for row in self.ledger.every() if row.kind == "agent" and row.state == "made")
        lost = [id for kind, id in things if kind == "voice"]
        return await self.speakers(lost, [row.id for row in rows if row.marker not in owned] if lost else [])

    async def silenced(self) -> list[str]:
        """Every agent of ours at the service that speaks in a voice whose consent was taken back."""
        made = {row.id: row.marker for row in self.ledger.every() if row.kind == "voice" and row.state == "made"}
        made |= {voice.id: voice.marker for voice in await marked(self.elevenlabs, None, {"voice"})}
        lost = [id for id, mark in made.items() if self._taken_back(mark)]
        agents = [agent.id for agent in await marked(self.elevenlabs, None, {"agent"})] if lost else []
        return [agent.agent_id for agent in await self.speakers(lost, agents)]

    async def _carried(self, voice_id: str) -> str:
        """The marker of a voice of ours; nothing for any other, and for what a key may not look at."""
        with suppress(MissingPermission, NotFound):
            return carried(await self.elevenlabs.voice(voice_id))
        return ""

    def _require(self, voice: str, known: Resource | None) -> None:
        owner = self.ledger.owner(voice)
        if owner and known:  # which may be one that the companion itself speaks in no more
            self.ledger.refuse_revoked(owner.id)
            if not self.consents.allows(owner, known.slot):
                raise NeedsConsent(_why({"over"}), exists="what was made is kept as it is")
        elif owner:
            self.refuse_lapsed(owner)
        elif not self._standings(voice) & _GOOD:
            raise NeedsConsent(_why(self._standings(voice)), exists="what was made is kept as it is")

    def _taken_back(self, voice: str) -> bool:
        owner = self.ledger.owner(voice)
        if owner:
            return self.ledger.revoked(owner.id)
        return "taken back" in self._standings(voice) and not self._standings(voice) & _GOOD

    def _standings(self, voice: str) -> set[Standing]:
        return {standing for _, standing in self.records(voice)}

    def _under(self, record: Consent, voice: str, known: Resource | None) -> bool:
        """Older rows don't say what they were cloned from: then all that the record names is tried."""
        sounds = known.recordings if known and known.recordings else record.recordings
        return set(sounds) <= set(record.recordings) and voice_marker(self.workspace, record.subject, sounds) == voice


def _why(standings: Collection[Standing]) -> str:
    if "taken back" in standings:
        return "the consent to this voice was taken back"
    return "the consent to this voice is over" if standings else "nobody has allowed here that this voice is used"


def voices(agent: Agent) -> set[str]:
    """Every voice that an agent may speak in: its own, other characters', other languages'."""
    return _named(agent.conversation_config)


def _named(part: object) -> set[str]:
    if isinstance(part, list):
        return {id for item in cast("list[Any]", part) for id in _named(item)}
    if not isinstance(part, dict):
        return set()
    fields = cast("dict[str, Any]", part)
    own = fields.get("voice_id")
    return {id for value in fields.values() for id in _named(value)} | (
        {own} if isinstance(own, str) and own else set()
    )
