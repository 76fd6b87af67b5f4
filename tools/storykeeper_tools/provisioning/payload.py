"""The agent that is sent to ElevenLabs: private, honest, bounded. Unknown fields would be ignored in silence there,
so every path in here is checked against the official OpenAPI file by the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..companion.persona import Persona
from ..companion.spec import Privacy
from ..companion.voicing import Speech
from ..model import Model
from . import retrieval

HONESTY = (
    "Block any reply in which the agent claims to be a living person, a human or the real person whose memories it "
    "tells, or denies being an AI."
)


class DocumentRef(Model):
    """A knowledge document as an agent refers to it."""

    id: str
    name: str
    type: str = "text"

    def item(self) -> dict[str, str]:
        return {"type": self.type, "name": self.name, "id": self.id, "usage_mode": "auto"}


def agent(
    name: str,
    persona: Persona,
    *,
    marker: str,
    voice_id: str,
    documents: Sequence[DocumentRef],
    embedding: str,
    llm: str,
    speech: Speech,
    privacy: Privacy,
) -> dict[str, Any]:
    """The whole body of `POST /v1/convai/agents/create`."""
    return {
        "name": name,
        "tags": [marker],
        "conversation_config": {
            "agent": {
                "first_message": persona.first_message,
                "language": persona.language,
                "disable_first_message_interruptions": True,
                "prompt": mind(persona, documents, embedding, llm),
            },
            "tts": tts(persona, voice_id, speech),
            "asr": {"quality": "high", "user_input_audio_format": "pcm_16000"},
            "conversation": {"max_duration_seconds": privacy.max_minutes * 60, "text_only": False},
        },
        "platform_settings": platform(persona, privacy),
    }


def mind(persona: Persona, documents: Sequence[DocumentRef], embedding: str, llm: str) -> dict[str, Any]:
    ending = {"name": "end_call", "description": "", "params": {"system_tool_type": "end_call"}}
    return {
        "prompt": persona.prompt,
        "llm": llm,
        "knowledge_base": [document.item() for document in documents],
        "rag": retrieval.settings(embedding),
        "built_in_tools": {"end_call": ending},
    }


def tts(persona: Persona, voice_id: str, speech: Speech) -> dict[str, Any]:
    return {"voice_id": voice_id, "model_id": persona.tts_model, **asdict(speech)}


def platform(persona: Persona, privacy: Privacy) -> dict[str, Any]:
    """Private, little kept, few calls, guarded; a visitor may change nothing but speech to text."""
    return {
        "auth": {"enable_auth": True, "allowlist": [], "require_origin_header": False},
        "privacy": {
            "record_voice": False,
            "retention_days": privacy.retention_days,
            "delete_audio": True,
            "zero_retention_mode": privacy.zero_retention,
            "conversation_history_redaction": redaction(privacy),
        },
        "call_limits": {
            "agent_concurrency_limit": privacy.at_once,
            "daily_limit": privacy.daily_visits,
            "bursting_enabled": False,
        },
        "guardrails": guardrails(persona),
        "overrides": {"conversation_config_override": {"conversation": {"text_only": True}}},
    }


def redaction(privacy: Privacy) -> dict[str, Any]:
    return {"enabled": True, "entities": privacy.redact} if privacy.redact else {"enabled": False}


def guardrails(persona: Persona) -> dict[str, Any]:
    """Nobody in distress is hung up on: what trips a guardrail is answered again, with the crisis text in mind."""
    return {
        "version": "1",
        "focus": {"is_enabled": True},
        "prompt_injection": {"is_enabled": True},
        "content": {
            "config": {
                "self_harm": {"is_enabled": True, "threshold": "low"},
                "medical_and_legal_information": {"is_enabled": True, "threshold": "medium"},
            },
            "trigger_action": {"type": "retry", "feedback": persona.crisis},
        },
        "custom": {"config": {"configs": [{"is_enabled": True, "name": "Honesty", "prompt": HONESTY}]}},
    }
