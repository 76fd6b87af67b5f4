"""What the sandbox assumes about the live service, as named switches: each default is stated, each can be turned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Switches:
    """Behaviour that is an assumption about the live service, or that a test wants otherwise."""

    check_voice: bool = True
    """An agent's voice must exist. Whether the live service looks when an agent is made is unverified."""
    check_language: bool = True
    """English agents need a v2 model, others v2.5. Reported widely, not in the official schema."""
    require_verification: bool = False
    """New voices answer `requires_verification: true`."""
    min_voice_seconds: float = 1.0
    """Shorter recordings are refused as `audio_too_short`. The threshold is ours."""
    max_body_bytes: int = 64 * 1024 * 1024
    """Larger bodies are refused with 413. The limit is ours."""
    max_knowledge_bytes: int = 20 * 1024 * 1024
    max_knowledge_characters: int = 300_000
    """The documented totals of an account; how the live service words the refusal is unverified."""
    signed_url_seconds: int = 15 * 60
    list_lag_seconds: float = 0.0
    """How long a new voice, document or agent is missing from lists. Whether the live lists lag is unverified."""
