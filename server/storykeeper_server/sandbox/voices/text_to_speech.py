"""Text to speech: whole or streamed, with or without the times of the characters. No voice is cloned: all sound alike."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import anyio.to_thread
from pydantic_core import to_json
from starlette.responses import Response, StreamingResponse

from .. import account, ids
from ..catalogue import SPEECH, Speech
from ..concurrency import Full
from ..envelopes import Refusal, Reply, invalid, not_found
from ..plans import PLANS, Plan
from ..routing import Call, route
from ..schema import Body, Part, Query
from ..state import Row, Snapshot
from . import speech, voice_store
from .voice_settings import Settings, checked

Streamed = Literal[
    "mp3_22050_32", "mp3_24000_48", "mp3_44100_32", "mp3_44100_64", "mp3_44100_96", "mp3_44100_128", "mp3_44100_192",
    "pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_32000", "pcm_44100", "pcm_48000", "ulaw_8000", "alaw_8000",
    "opus_48000_32", "opus_48000_64", "opus_48000_96", "opus_48000_128", "opus_48000_192",
]  # fmt: skip
Whole = Literal[
    Streamed, "wav_8000", "wav_16000", "wav_22050", "wav_24000", "wav_32000", "wav_44100", "wav_48000"
]  # fmt: skip

# The official file only knows `audio/mpeg`; the others are what the formats are called.
_MEDIA = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "pcm": "audio/pcm",
    "wav": "audio/wav",
    "ulaw": "audio/basic",
    "alaw": "audio/x-alaw-basic",
}
# Formats that need a tier, as their documentation says.
_NEEDS = {"mp3_44100_192": "creator", "pcm_44100": "pro", "wav_44100": "pro"}
_CHUNK_CHARACTERS = 64
_CHUNK_BYTES = 16 * 1024
_MOST_NEIGHBOURS = 3
_SEEDS = range(2**32)


class Locator(Part):
    """A pronunciation dictionary."""

    pronunciation_dictionary_id: str
    version_id: str | None = None


class SpeechBody(Body):
    """What is to be said. `audio_effects` is known to the official client only; what shapes a live voice has no effect."""

    text: str
    model_id: str = "eleven_multilingual_v2"
    language_code: str | None = None
    voice_settings: Settings | None = None
    pronunciation_dictionary_locators: list[Locator] | None = None
    seed: int | None = None
    previous_text: str | None = None
    next_text: str | None = None
    previous_request_ids: list[str] | None = None
    next_request_ids: list[str] | None = None
    use_pvc_as_ivc: bool = False
    apply_text_normalization: Literal["auto", "on", "off"] = "auto"
    apply_language_text_normalization: bool = False
    audio_effects: Any = None


class WholeQuery(Query):
    """How to answer at once. `optimize_streaming_latency` is deprecated and has no effect."""

    enable_logging: bool = True
    optimize_streaming_latency: int | None = None
    output_format: Whole = "mp3_44100_128"


class StreamQuery(Query):
    """How to answer in pieces, which WAV can't be."""

    enable_logging: bool = True
    optimize_streaming_latency: int | None = None
    output_format: Streamed = "mp3_44100_128"


Asked = Call[SpeechBody, WholeQuery] | Call[SpeechBody, StreamQuery]


@dataclass(frozen=True)
class Spoken:
    """Encoded speech, how long it is, and the headers that tell about it."""

    audio: bytes
    seconds: float
    headers: dict[str, str]


async def convert(call: Call[SpeechBody, WholeQuery]) -> Response:
    """POST /v1/text-to-speech/{id}"""
    spoken = await _spoken(call)
    return Response(spoken.audio, media_type=_media(call), headers=spoken.headers)


async def stream(call: Call[SpeechBody, StreamQuery]) -> Response:
    """POST /v1/text-to-speech/{id}/stream"""
    spoken = await _spoken(call)
    pieces = (spoken.audio[at : at + _CHUNK_BYTES] for at in range(0, len(spoken.audio), _CHUNK_BYTES))
    return StreamingResponse(pieces, media_type=_media(call), headers=spoken.headers)


async def convert_timed(call: Call[SpeechBody, WholeQuery]) -> Response:
    """POST /v1/text-to-speech/{id}/with-timestamps"""
    spoken, text = await _spoken(call), call.body.text
    return Reply(_timed(spoken.audio, text, 0, spoken.seconds / len(text)), headers=spoken.headers)


async def stream_timed(call: Call[SpeechBody, StreamQuery]) -> Response:
    """POST /v1/text-to-speech/{id}/stream/with-timestamps: a line of JSON for every 64 characters, times from the start."""
    spoken = await _spoken(call)
    lines = (to_json(piece) + b"\n" for piece in _pieces(spoken, call.body.text))
    return StreamingResponse(lines, media_type="application/json", headers=spoken.headers)


def _media(call: Asked) -> str:
    return _MEDIA[call.query.output_format.partition("_")[0]]


async def _spoken(call: Asked) -> Spoken:
    plan, body = call.setup.plan, call.body
    with call.reading() as rows:
        model, settings = _admitted(rows, call)
    most = plan.flash if model.quick else plan.standard
    try:
        with call.setup.concurrency.slot(call.workspace, "flash" if model.quick else "standard", most) as running:
            audio, seconds = await _made(call, settings["speed"])
    except Full as error:
        raise _crowded(call, error.limit) from error
    credits = model.credits(body.text)
    # `_admitted` refuses early; this decides, since other requests may have spent what was left meanwhile.
    with call.rows() as rows:
        account.charge(rows, plan, call.now, credits, call.setup.switches.credit_refusal, call.key)
    headers = {
        "request-id": ids.short(),
        "character-cost": str(credits),
        "current-concurrent-requests": str(running),
        "maximum-concurrent-requests": str(most),
    }
    return Spoken(audio, seconds, headers)


async def _made(call: Asked, speed: float) -> tuple[bytes, float]:
    output_format = call.query.output_format
    rate = int(output_format.split("_")[1])
    language = call.body.language_code or "en"
    pcm = await speech.speak(call.body.text, rate=rate, speed=speed, language=language)
    return await anyio.to_thread.run_sync(speech.encode, pcm, rate, output_format), len(pcm) / 2 / rate


def _admitted(rows: Snapshot, call: Asked) -> tuple[Speech, Row]:
    # In the service's order: what the plan allows, what is there, what the rules say.
    body, plan, model = call.body, call.setup.plan, SPEECH.get(call.body.model_id)
    _check_plan(call, plan)
    if model:
        cost, refusal = model.credits(body.text), call.setup.switches.credit_refusal
        account.check_credits(rows, plan, call.now, cost, refusal, call.key)
    voice_store.find(rows, call.id)
    if model is None:
        raise not_found("model_not_found", f"A model with model ID {body.model_id} does not exist.", "model_id")
    voice_store.usable(rows, call.id)
    _check_text(body.text, model)
    _check_rest(body)
    settings = voice_store.settings(rows, call.id)
    return model, checked(body.voice_settings) if body.voice_settings else settings


def _check_plan(call: Asked, plan: Plan) -> None:
    output_format, tiers = call.query.output_format, [*PLANS]
    needed = _NEEDS.get(output_format, tiers[0])
    if tiers.index(plan.tier) < tiers.index(needed):
        message = f"Output format '{output_format}' is only available on the {needed.title()} tier and above."
        code, status = "subscription_required", "output_format_not_allowed"
        raise Refusal(403, "authorization_error", code, message, status=status, param="output_format")
    if not call.query.enable_logging:
        message = "Zero retention mode is only available to enterprise customers."
        raise Refusal(403, "authorization_error", "feature_not_available", message, param="enable_logging")


def _check_text(text: str, model: Speech) -> None:
    if not text.strip():
        raise invalid("empty_text", "The text is empty.", "text")
    if len(text) > model.longest:
        message = (
            f"This request's text has {len(text)} characters and exceeds the character limit of "
            f"{model.longest} characters for model {model.id}."
        )
        raise Refusal(
            400, "validation_error", "text_too_long", message, status="max_character_limit_exceeded", param="text"
        )


def _check_rest(body: SpeechBody) -> None:
    if body.seed is not None and body.seed not in _SEEDS:
        raise invalid("invalid_parameters", "The seed must be between 0 and 4294967295.", "seed")
    for name in ("previous_request_ids", "next_request_ids", "pronunciation_dictionary_locators"):
        if len(getattr(body, name) or []) > _MOST_NEIGHBOURS:
            raise invalid("invalid_parameters", f"There can be at most {_MOST_NEIGHBOURS} {name}.", name)
    for locator in body.pronunciation_dictionary_locators or []:
        message = f"Pronunciation dictionary {locator.pronunciation_dictionary_id} was not found."
        raise not_found("pronunciation_dictionary_not_found", message, "pronunciation_dictionary_locators")


def _crowded(call: Asked, limit: int) -> Refusal:
    switches = call.setup.switches
    message = f"Too many concurrent requests. Your current subscription is limited to {limit} concurrent requests."
    wait = switches.retry_after_seconds
    headers = {"retry-after": str(wait)} if wait else None
    return Refusal(429, "rate_limit_error", switches.concurrency_refusal, message, headers=headers)


def _pieces(spoken: Spoken, text: str) -> Iterator[Row]:
    count = -(-len(text) // _CHUNK_CHARACTERS)
    each = spoken.seconds / len(text)
    # Whole samples only, so that every piece of PCM can be played.
    cuts = [len(spoken.audio) * index // count // 2 * 2 for index in range(count)] + [len(spoken.audio)]
    for index in range(count):
        first = index * _CHUNK_CHARACTERS
        audio = spoken.audio[cuts[index] : cuts[index + 1]]
        yield _timed(audio, text[first : first + _CHUNK_CHARACTERS], first, each)


def _timed(audio: bytes, text: str, first: int, each: float) -> Row:
    # Characters are spread evenly over the speech; the synthesiser doesn't tell their times.
    alignment = {
        "characters": list(text),
        "character_start_times_seconds": [round(at * each, 3) for at in range(first, first + len(text))],
        "character_end_times_seconds": [round((at + 1) * each, 3) for at in range(first, first + len(text))],
    }
    return {"audio_base64": base64.b64encode(audio), "alignment": alignment, "normalized_alignment": alignment}


_PATH = "/v1/text-to-speech/{id}"
_SCOPE = "text_to_speech"
ROUTES = [
    route("POST", _PATH, convert, body=SpeechBody, query=WholeQuery, scope=_SCOPE),
    route("POST", f"{_PATH}/stream", stream, body=SpeechBody, query=StreamQuery, scope=_SCOPE),
    route("POST", f"{_PATH}/with-timestamps", convert_timed, body=SpeechBody, query=WholeQuery, scope=_SCOPE),
    route("POST", f"{_PATH}/stream/with-timestamps", stream_timed, body=SpeechBody, query=StreamQuery, scope=_SCOPE),
]
