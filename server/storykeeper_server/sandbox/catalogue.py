"""What the service offers to everybody: language models, speech models and premade voices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

FAMILIES = [
    "gpt-4o-mini", "gpt-4o", "gpt-4", "gpt-4-turbo", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5", "gpt-5.1",
    "gpt-5.2", "gpt-5.2-chat-latest", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.5", "gpt-5.6-sol",
    "gpt-5.6-terra", "gpt-5.6-luna", "gpt-5-mini", "gpt-5-nano", "gpt-3.5-turbo", "gemini-1.5-pro",
    "gemini-1.5-flash", "gemini-2.0-flash", "gemini-2.0-flash-lite", "gemini-2.5-flash-lite", "gemini-2.5-flash",
    "gemini-3-pro-preview", "gemini-3-flash-preview", "gemini-3.1-pro-preview", "gemini-3.1-flash-lite-preview",
    "gemini-3.1-flash-lite", "gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.6-flash", "gemini-3.7-flash",
    "gemini-3.8-flash", "claude-sonnet-4-5", "claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-4-6",
    "claude-sonnet-5", "claude-sonnet-4", "claude-haiku-4-5", "claude-3-7-sonnet", "claude-3-5-sonnet",
    "claude-3-5-sonnet-v1", "claude-3-haiku", "grok-beta", "custom-llm", "qwen3-4b", "qwen3-30b-a3b",
    "qwen36-35b-a3b", "qwen35-397b-a17b", "gpt-oss-20b", "gpt-oss-120b", "glm-45-air-fp8", "watt-tool-8b",
    "watt-tool-70b",
]  # fmt: skip
CHECKPOINTS = [
    "gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash-lite-preview-09-2025", "gemini-2.5-flash-preview-05-20",
    "gemini-2.5-flash-preview-04-17", "gemini-2.5-flash-lite-preview-06-17", "gemini-2.0-flash-lite-001",
    "gemini-2.0-flash-001", "gemini-1.5-flash-002", "gemini-1.5-flash-001", "gemini-1.5-pro-002",
    "gemini-1.5-pro-001", "claude-sonnet-4@20250514", "claude-sonnet-4-5@20250929", "claude-haiku-4-5@20251001",
    "claude-3-7-sonnet@20250219", "claude-3-5-sonnet@20240620", "claude-3-5-sonnet-v2@20241022",
    "claude-3-haiku@20240307", "gpt-5-2025-08-07", "gpt-5.1-2025-11-13", "gpt-5.2-2025-12-11", "gpt-5.4-2026-03-05",
    "gpt-5.4-mini-2026-03-17", "gpt-5.4-nano-2026-03-17", "gpt-5.5-2026-04-23", "gpt-5-mini-2025-08-07",
    "gpt-5-nano-2025-08-07", "gpt-4.1-2025-04-14", "gpt-4.1-mini-2025-04-14", "gpt-4.1-nano-2025-04-14",
    "gpt-4o-mini-2024-07-18", "gpt-4o-2024-11-20", "gpt-4o-2024-08-06", "gpt-4o-2024-05-13", "gpt-4-0613",
    "gpt-4-0314", "gpt-4-turbo-2024-04-09", "gpt-3.5-turbo-0125", "gpt-3.5-turbo-1106",
]  # fmt: skip
# Known to the official client but not yet to the official schema file: accepted, not listed.
NEWER = [
    "claude-haiku-5-5", "claude-opus-4-6", "claude-opus-5", "claude-opus-5-5", "claude-sonnet-5-5",
    "deepseek-v41-flash", "gemini-4-argon", "glm-52", "gpt-6-astra", "gpt-6-luna", "gpt-6-sol", "gpt-6.1-sol",
    "gpt-6.1-terra", "nemotron-35-super-vl-nvfp4",
]  # fmt: skip


def _known(llm: str) -> str:
    if llm not in {*FAMILIES, *CHECKPOINTS, *NEWER}:
        names = ", ".join(f"'{name}'" for name in FAMILIES)
        raise PydanticCustomError("enum", "Input should be {expected}", {"expected": names})
    return llm


Llm = Annotated[str, AfterValidator(_known)]

DEPRECATION = {
    "warning_start_days": 30,
    "fallback_start_days": 14,
    "fallback_complete_days": 0,
    "fallback_start_percentage": 0,
    "fallback_complete_percentage": 100,
}


def llms() -> list[dict[str, Any]]:
    """What `GET /v1/convai/llm/list` tells. Limits are round numbers, the same for all."""
    return [_llm(name, name in CHECKPOINTS) for name in (*FAMILIES, *CHECKPOINTS)]


def _llm(name: str, checkpoint: bool) -> dict[str, Any]:
    return {
        "llm": name,
        "is_checkpoint": checkpoint,
        "max_tokens_limit": 8_192,
        "max_context_limit": 128_000,
        "supports_image_input": name != "custom-llm",
        "supports_document_input": False,
        "supports_parallel_tool_calls": True,
        "available_reasoning_efforts": None,
        "deprecation_info": None,
        "regional_processing_surcharge": None,
    }


_LANGUAGES = {
    "en": "English", "de": "German", "es": "Spanish", "fr": "French", "ga": "Irish", "hi": "Hindi", "it": "Italian",
    "ja": "Japanese", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "sv": "Swedish", "tr": "Turkish",
    "uk": "Ukrainian", "zh": "Chinese",
}  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """A model that speaks: the longest text it takes, in characters, and what a character costs, in credits."""

    id: str
    name: str
    longest: int
    cost: float
    languages: tuple[str, ...] = (*_LANGUAGES,)

    @property
    def quick(self) -> bool:
        """Whether it is of the flash kind, of which twice as many requests may run at once."""
        return self.cost < 1

    def credits(self, text: str) -> int:
        """What a text costs; parts of a credit count as one."""
        return math.ceil(len(text) * self.cost)


SPEECH = {
    model.id: model
    for model in (
        Speech("eleven_v3", "Eleven v3", 5_000, 1.0),
        Speech("eleven_multilingual_v2", "Eleven Multilingual v2", 10_000, 1.0),
        Speech("eleven_flash_v2_5", "Eleven Flash v2.5", 40_000, 0.5),
        Speech("eleven_turbo_v2_5", "Eleven Turbo v2.5", 40_000, 0.5),
        Speech("eleven_flash_v2", "Eleven Flash v2", 30_000, 0.5, ("en",)),
        Speech("eleven_turbo_v2", "Eleven Turbo v2", 30_000, 0.5, ("en",)),
    )
}


def models() -> list[dict[str, Any]]:
    """What `GET /v1/models` tells."""
    return [_model(model) for model in SPEECH.values()]


def _model(model: Speech) -> dict[str, Any]:
    return {
        "model_id": model.id,
        "name": model.name,
        "can_be_finetuned": False,
        "can_do_text_to_speech": True,
        "can_do_voice_conversion": False,
        "can_use_style": "multilingual" in model.id,
        "can_use_speaker_boost": "multilingual" in model.id,
        "serves_pro_voices": False,
        "token_cost_factor": 1.0,
        "description": f"{model.name}, as the sandbox lists it.",
        "requires_alpha_access": False,
        "max_characters_request_free_user": min(model.longest, 5_000),
        "max_characters_request_subscribed_user": model.longest,
        "maximum_text_length_per_request": model.longest,
        "languages": [{"language_id": code, "name": _LANGUAGES[code]} for code in model.languages],
        "model_rates": {"character_cost_multiplier": model.cost, "cost_discount_multiplier": 1.0},
        "concurrency_group": "turbo" if model.quick else "standard",
    }


def _premade(id: str, name: str, description: str, **labels: str) -> dict[str, Any]:
    return {"id": id, "name": name, "description": description, "labels": labels, "category": "premade", "created": 0.0}


PREMADE = {
    voice["id"]: voice
    for voice in (
        _premade("cjVigY5qzO86Huf0OWal", "Eric", "A smooth tenor", gender="male", age="middle_aged", accent="american"),
        _premade("21m00Tcm4TlvDq8ikWAM", "Rachel", "Calm and clear", gender="female", age="young", accent="american"),
        _premade("JBFqnCBsd6RMkjVDRZzb", "George", "Warm and slow", gender="male", age="middle_aged", accent="british"),
    )
}
