"""What the account may still spend."""

from __future__ import annotations

from datetime import UTC, datetime

from .elevenlabs.client import ElevenLabs
from .elevenlabs.models import Subscription
from .model import Model
from .part import part
from .provisioning.workspace import Workspace, room


class Quota(Model):
    tier: str
    credits_left: int
    credits_limit: int
    voice_slots_left: int
    voice_slots: int
    voice_changes_left: int | None
    can_clone: bool
    resets_at: str | None
    fits_one_more: bool
    warnings: list[str]

    def __str__(self) -> str:
        fits = "One more companion fits." if self.fits_one_more else "No further companion fits."
        left = (
            f"{self.credits_left} of {self.credits_limit} credits, {self.voice_slots_left} of {self.voice_slots} slots"
        )
        return " ".join([f"{self.tier}: {left} left, resets {self.resets_at or 'never'}. {fits}", *self.warnings])


@part
class Account:
    elevenlabs: ElevenLabs
    workspace: Workspace

    async def check_quota(self) -> Quota:
        """What the ElevenLabs account may still spend, and whether one more companion fits."""
        return quota(await self.elevenlabs.subscription(), self.workspace.notes)


def quota(s: Subscription, notes: list[str]) -> Quota:
    obstacle = room(s)
    reset = s.next_character_count_reset_unix
    changes = None if s.max_voice_add_edits is None else max(s.max_voice_add_edits - s.voice_add_edit_counter, 0)
    return Quota(
        tier=s.tier,
        credits_left=max(s.character_limit - s.character_count, 0),
        credits_limit=s.character_limit,
        voice_slots_left=max(s.voice_limit - s.voice_slots_used, 0),
        voice_slots=s.voice_limit,
        voice_changes_left=changes,
        can_clone=s.can_use_instant_voice_cloning,
        resets_at=datetime.fromtimestamp(reset, UTC).isoformat() if reset else None,
        fits_one_more=obstacle is None,
        warnings=[*([f"{obstacle.what}: {obstacle.next}."] if obstacle else []), *notes],
    )
