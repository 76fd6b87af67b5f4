"""Speech, from the synthesiser to the four routes that answer with it."""

from __future__ import annotations

import array
import base64
import io
import json
from typing import Any, get_args

import anyio
import av
import httpx
import pytest
from elevenlabs import EffectsSpecInput, VoiceSettings
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from starlette.types import ASGIApp

from judged import build, served
from storykeeper_server.sandbox import app
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.concurrency import Concurrency, Full
from storykeeper_server.sandbox.envelopes import Refusal
from storykeeper_server.sandbox.state import State
from storykeeper_server.sandbox.voices import speech
from storykeeper_server.sandbox.voices.text_to_speech import Whole

pytestmark = pytest.mark.anyio
ERIC = "cjVigY5qzO86Huf0OWal"
SPEECH = f"/v1/text-to-speech/{ERIC}"
TEXT = "I was born in Cork, in nineteen thirty-eight."
LONG = "The sea was grey that morning, and my mother sang while she hung out the washing. " * 3
FORMATS = [name for part in get_args(Whole) for name in (get_args(part) or (part,))]


def unjudged(**options: Any) -> ASGIApp:
    """A sandbox for the answers that the official file declares otherwise than the official client reads them.

    It knows no audio but MPEG, though `output_format` has six kinds; and it calls a stream of JSON lines one object.
    """
    return app.build(State(None), **options)


def connect(sandbox: ASGIApp | None = None) -> httpx.AsyncClient:
    """A client of a sandbox, fresh and judged unless one is given."""
    transport = httpx.ASGITransport(sandbox or build(State(None)))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": "sandbox"})


def seconds(audio: bytes, kind: str = "") -> float:
    """The length of encoded audio, by decoding it; raw kinds have no header to tell their rate."""
    raw = {"pcm": "s16le", "ulaw": "mulaw", "alaw": "alaw"}
    name, _, rest = kind.partition("_")
    options = {"sample_rate": rest.partition("_")[0]} if name in raw else {}
    with av.open(io.BytesIO(audio), "r", format=raw.get(name), options=options) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(container.streams.audio[0]))


def loudness(pcm: bytes) -> int:
    """The largest sample."""
    return max(abs(sample) for sample in array.array("h", pcm))


def test_the_official_client_converts_and_streams() -> None:
    """Both ways give the same MP3."""
    with served(build(State(None))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections).text_to_speech
        whole = b"".join(official.convert(ERIC, text=TEXT, model_id="eleven_flash_v2"))
        pieces = b"".join(official.stream(ERIC, text=TEXT, model_id="eleven_flash_v2"))

    assert whole == pieces
    assert 1 < seconds(whole) < 10


def test_the_official_client_gets_the_times_of_characters() -> None:
    """They go from the start of the speech to its end."""
    with served(build(State(None))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections).text_to_speech
        timed = official.convert_with_timestamps(ERIC, text=TEXT)

    assert timed.alignment is not None
    ends = timed.alignment.character_end_times_seconds
    assert "".join(timed.alignment.characters) == TEXT
    assert timed.alignment.character_start_times_seconds == [0.0, *ends[:-1]]
    assert ends[-1] == pytest.approx(seconds(base64.b64decode(timed.audio_base_64)), abs=0.1)


def test_the_official_client_streams_the_times_of_characters() -> None:
    """The pieces, put together, are the whole text and the whole speech."""
    with served(unjudged()) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections).text_to_speech
        whole = b"".join(official.convert(ERIC, text=LONG))
        pieces = list(official.stream_with_timestamps(ERIC, text=LONG))

    alignments = [piece.alignment for piece in pieces if piece.alignment]
    starts = [start for alignment in alignments for start in alignment.character_start_times_seconds]
    assert len(pieces) == 4
    assert "".join(character for alignment in alignments for character in alignment.characters) == LONG
    assert starts == sorted(starts)
    assert b"".join(base64.b64decode(piece.audio_base_64) for piece in pieces) == whole


async def test_every_piece_of_a_stream_can_be_played() -> None:
    """No 16-bit sample is cut in two."""
    async with connect(unjudged()) as client:
        path, query = f"{SPEECH}/stream/with-timestamps", {"output_format": "pcm_8000"}
        answers = [await client.post(path, params=query, json={"text": LONG + "!" * more}) for more in range(5)]

    pieces = [json.loads(line)["audio_base64"] for answer in answers for line in answer.text.splitlines()]
    assert {len(base64.b64decode(piece)) % 2 for piece in pieces} == {0}


async def test_a_short_stream_with_times_is_what_the_official_file_declares() -> None:
    """One line, one object."""
    async with connect() as client:
        answer = await client.post(f"{SPEECH}/stream/with-timestamps", json={"text": "Hello."})

    assert answer.headers["content-type"] == "application/json"
    assert "".join(answer.json()["alignment"]["characters"]) == "Hello."


def test_the_official_client_is_told_that_a_voice_is_unknown() -> None:
    """Also when it asks for a stream."""
    with served(build(State(None))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections).text_to_speech
        with pytest.raises(ApiError) as unknown:
            b"".join(official.stream("nobody", text=TEXT))

    assert (unknown.value.status_code, unknown.value.body["detail"]["code"]) == (404, "voice_not_found")


@pytest.mark.parametrize("output_format", FORMATS)
async def test_every_format_of_the_service_can_be_had(output_format: str) -> None:
    """The same speech, as long in each; its type is that of the format."""
    kind = output_format.partition("_")[0]
    types = {"mp3": "mpeg", "opus": "ogg", "ulaw": "basic", "alaw": "x-alaw-basic"}
    spoken = await speech.speak("Hello there.")
    async with connect(unjudged(plan="pro")) as client:
        answer = await client.post(SPEECH, params={"output_format": output_format}, json={"text": "Hello there."})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"audio/{types.get(kind, kind)}"
    assert seconds(answer.content, output_format) == pytest.approx(len(spoken) / 32_000, abs=0.05)


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("samples", [0, 1, 100])
def test_the_shortest_speech_can_be_encoded(output_format: str, samples: int) -> None:
    """Less than a codec's block, too."""
    encoded = speech.encode(bytes(samples * 2), 16_000, output_format)

    assert encoded or output_format.startswith(("pcm", "ulaw", "alaw"))
    assert not encoded or seconds(encoded, output_format) <= 0.2


@pytest.mark.parametrize("output_format", ["flac_16000", "mp4_44100_128"])
def test_a_format_that_the_service_does_not_have_is_refused(output_format: str) -> None:
    """By its name."""
    with pytest.raises(Refusal, match=output_format) as refused:
        speech.encode(bytes(320), 16_000, output_format)

    assert refused.value.http == 501


def test_all_formats_of_the_official_file_are_known() -> None:
    """Twenty-eight, of which WAV can't be streamed."""
    assert len({*FORMATS}) == 28


async def test_headers_tell_the_cost_and_how_many_run() -> None:
    """Flash costs half a credit for a character, and twice as many may run."""
    async with connect() as client:
        answers = [
            await client.post(f"{SPEECH}{path}", json={"text": "Hello", "model_id": model})
            for path in ("", "/stream", "/with-timestamps", "/stream/with-timestamps")
            for model in ("eleven_multilingual_v2", "eleven_flash_v2_5")
        ]

    told = ("character-cost", "current-concurrent-requests", "maximum-concurrent-requests")
    assert [tuple(answer.headers[name] for name in told) for answer in answers] == [
        ("5", "1", "5"),
        ("3", "1", "10"),
    ] * 4
    assert len({answer.headers["request-id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        ({}, {}, 422, None),
        ({"output_format": "mp3"}, {"text": TEXT}, 422, None),
        ({}, {"text": TEXT, "voice_settings": {"stability": 2}}, 422, None),
        ({}, {"text": ""}, 400, "empty_text"),
        ({}, {"text": " \n"}, 400, "empty_text"),
        ({}, {"text": "x" * 10_001}, 400, "text_too_long"),
        ({}, {"text": "x" * 5_001, "model_id": "eleven_v3"}, 400, "text_too_long"),
        ({}, {"text": TEXT, "model_id": "eleven_v2"}, 404, "model_not_found"),
        ({}, {"text": TEXT, "voice_settings": {"speed": 2}}, 400, "invalid_voice_settings"),
        ({}, {"text": TEXT, "seed": -1}, 400, "invalid_parameters"),
        ({}, {"text": TEXT, "previous_request_ids": ["x"] * 4}, 400, "invalid_parameters"),
        (
            {},
            {"text": TEXT, "pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "x"}]},
            404,
            "pronunciation_dictionary_not_found",
        ),
        ({"output_format": "pcm_44100"}, {"text": TEXT}, 403, "subscription_required"),
        ({"enable_logging": "false"}, {"text": TEXT}, 403, "feature_not_available"),
    ],
)
async def test_what_cannot_be_said_is_refused(
    query: dict[str, str], body: dict[str, Any], status: int, code: str | None
) -> None:
    """By all four routes alike; nothing is charged, and the next request works."""
    async with connect() as client:
        for path in ("", "/stream", "/with-timestamps", "/stream/with-timestamps"):
            answer = await client.post(f"{SPEECH}{path}", params=query, json=body)
            assert answer.status_code == status
            assert code is None or answer.json()["detail"]["code"] == code
        after = await client.post(SPEECH, json={"text": "Hello"})
        used = (await client.get("/v1/user/subscription")).json()["character_count"]

    assert (after.status_code, used) == (200, 5)


async def test_wav_cannot_be_streamed() -> None:
    """Its format isn't one of the stream's schema."""
    async with connect() as client:
        answer = await client.post(f"{SPEECH}/stream", params={"output_format": "wav_16000"}, json={"text": TEXT})

    assert answer.status_code == 422


@pytest.mark.parametrize(("plan", "status"), [("starter", 403), ("creator", 200)])
async def test_better_formats_need_better_plans(plan: str, status: int) -> None:
    """The refusal has the status that is known from live."""
    async with connect(build(State(None), plan=plan)) as client:
        answer = await client.post(SPEECH, params={"output_format": "mp3_44100_192"}, json={"text": "Hello"})

    assert answer.status_code == status
    assert status == 200 or answer.json()["detail"]["status"] == "output_format_not_allowed"


@pytest.mark.parametrize("switches", [Switches(require_verification=True), Switches(library_voice_match=True)])
async def test_a_voice_that_requires_verification_cannot_speak(switches: Switches, recording: Any) -> None:
    """It exists, and that is all."""
    async with connect(unjudged(switches=switches)) as client:
        files = {"files": ("a.wav", recording(1.0))}
        voice = (await client.post("/v1/voices/add", data={"name": "Dot"}, files=files)).json()["voice_id"]
        answer = await client.post(f"/v1/text-to-speech/{voice}", json={"text": "Hello"})

    assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "voice_access_denied")


async def test_a_voice_speaks_as_it_was_set_unless_a_request_says_otherwise() -> None:
    """Slow by its settings, quick by the request's."""
    async with connect() as client:
        usual = await client.post(SPEECH, json={"text": TEXT})
        await client.post(f"/v1/voices/{ERIC}/settings/edit", json={"speed": 0.7})
        slow = await client.post(SPEECH, json={"text": TEXT})
        quick = await client.post(SPEECH, json={"text": TEXT, "voice_settings": {"speed": 1.2}})

    assert seconds(slow.content) > seconds(usual.content) > seconds(quick.content)


def test_fields_that_only_the_official_client_knows_are_taken() -> None:
    """The official file has neither; they aren't called unknown."""
    with served(build(State(None), switches=Switches(unknown_fields="refuse"))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections).text_to_speech
        settings, effects = VoiceSettings(clone_strength=0.5), EffectsSpecInput(distance=0.5)
        audio = b"".join(official.convert(ERIC, text="Hello", voice_settings=settings, audio_effects=effects))

    assert audio


@pytest.mark.parametrize("code", ["concurrent_limit_exceeded", "too_many_concurrent_requests"])
@pytest.mark.parametrize("wait", [0, 7])
async def test_more_requests_at_once_than_the_plan_allows_are_refused(code: Any, wait: int) -> None:
    """Two of three are answered on a free plan; places are free again afterwards, and those of flash are others."""
    switches = Switches(concurrency_refusal=code, retry_after_seconds=wait)
    answers: list[httpx.Response] = []
    async with connect(build(State(None), plan="free", switches=switches)) as client:

        async def say(model: str) -> None:
            answers.append(await client.post(SPEECH, json={"text": TEXT, "model_id": model}))

        async with anyio.create_task_group() as group:
            for model in ["eleven_multilingual_v2"] * 3 + ["eleven_flash_v2"] * 4:
                group.start_soon(say, model)
        after = await client.post(SPEECH, json={"text": TEXT})

    (refused,) = [answer for answer in answers if answer.status_code != 200]
    detail = refused.json()["detail"]
    assert (refused.status_code, detail["type"], detail["code"]) == (429, "rate_limit_error", code)
    assert refused.headers.get("retry-after") == (str(wait) if wait else None)
    assert {answer.headers.get("current-concurrent-requests") for answer in answers} == {None, "1", "2", "3", "4"}
    assert after.status_code == 200


def test_a_place_is_free_again_whatever_happened_in_it() -> None:
    """Each workspace and group has places of its own."""
    places = Concurrency()
    with pytest.raises(RuntimeError), places.slot("one", "flash", 1):
        raise RuntimeError
    with places.slot("one", "flash", 1) as taken, places.slot("two", "flash", 1), places.slot("one", "standard", 1):
        with pytest.raises(Full), places.slot("one", "flash", 1):
            pass

        assert (taken, places.running("one", "flash")) == (1, 1)
    assert places.running("one", "flash") == 0


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
async def test_speech_is_as_long_at_any_rate(rate: int) -> None:
    """And it can be heard."""
    usual, pcm = await speech.speak(TEXT), await speech.speak(TEXT, rate=rate)

    assert len(pcm) / 2 / rate == pytest.approx(len(usual) / 2 / 16_000, abs=0.01)
    assert loudness(pcm) > 1_000


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("--version", "en"),
        ("-w /tmp/out.wav", "en"),
        ("\0Hello", "en"),
        ("\ud800", "en"),
        ("<speak><break time='9999s'/></speak>", "en"),
        ("Hello", "--help"),
        ("Hello", "fil"),
        ("Hello", "en\n-w x"),
        ("", "en"),
        ("…", "de"),
    ],
)
async def test_any_text_in_any_language_gives_some_audio(text: str, language: str) -> None:
    """Neither can become an option of the synthesiser, and what can't be said is a short pause."""
    once, again = [await speech.speak(text, language=language) for _ in range(2)]

    assert once == again
    assert 0.1 < len(once) / 32_000 < 20


@pytest.mark.parametrize("language", ["de", "fr", "ga", "hi", "ja", "pt-br", "uk", "zh"])
async def test_languages_differ_where_there_is_a_synthesiser(language: str) -> None:
    """The same letters are read by other rules; a tone speaks all languages alike."""
    differ = await speech.speak("pain 1938", language=language) != await speech.speak("pain 1938")

    assert differ == (speech.synthesiser() == "espeak-ng")


async def test_without_a_synthesiser_there_are_beeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the text asks for, loud enough, and never taken for a voice: two pitches in turn."""
    monkeypatch.setenv("PATH", "")
    short, long = await speech.speak("x" * 30), await speech.speak("x" * 300)
    beeps = [short[at : at + 3_840] for at in range(0, len(short), 3_840)]

    assert speech.synthesiser() == "tone"
    assert len(long) == 10 * len(short)
    assert loudness(short) > 5_000
    assert beeps[0] != beeps[1]
    assert beeps == beeps[:2] * 5
