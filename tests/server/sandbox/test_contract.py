"""The official SDK, unchanged, drives a sandbox over loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs, ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import UnprocessableEntityError

from judged import build, served
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State


@contextmanager
def client(plan: str = "creator") -> Iterator[ElevenLabs]:
    """The official client of a fresh sandbox."""
    with served(build(State(None), plan=plan)) as url, httpx.Client() as connections:
        yield ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections)


def test_a_cloned_voice_can_be_listed_read_and_deleted(recording: Callable[[float], bytes]) -> None:
    """Instant voice cloning from the upload to the delete."""
    with client() as official:
        made = official.voices.ivc.create(
            name="Dorothy", files=[("a.wav", recording(1.5), "audio/wav")], labels={"language": "en"}
        )
        voice = official.voices.get(made.voice_id)
        listed = official.voices.search(search="doro")
        official.voices.delete(made.voice_id)
        left = official.voices.search(search="doro")

    assert made.requires_verification is False
    assert (voice.name, voice.category, voice.labels) == ("Dorothy", "cloned", {"language": "en"})
    assert voice.samples is not None
    assert voice.samples[0].duration_secs == 1.5
    assert [found.voice_id for found in listed.voices] == [made.voice_id]
    assert left.voices == []


def test_a_voice_without_labels_has_none(recording: Callable[[float], bytes]) -> None:
    """The SDK sends `labels=null` when there are none."""
    with client() as official:
        made = official.voices.ivc.create(name="Dorothy", files=[("a.wav", recording(1.5), "audio/wav")])

        assert official.voices.get(made.voice_id).labels == {}


def test_documents_come_from_texts_and_files() -> None:
    """The knowledge base from both uploads to the delete."""
    with client() as official:
        base = official.conversational_ai.knowledge_base
        text = base.documents.create_from_text(text="# Dorothy\n\nBorn in Cork.", name="Dorothy")
        file = base.documents.create_from_file(file=("letters.md", b"Dear Anna", "text/markdown"))
        read = base.documents.get(text.id)
        listed = base.list(types=["file"])
        base.documents.delete(text.id)
        with pytest.raises(ApiError) as gone:
            base.documents.get(text.id)

    assert (read.type, read.name, read.metadata.size_bytes) == ("text", "Dorothy", 24)
    assert [(found.id, found.name) for found in listed.documents] == [(file.id, "letters.md")]
    assert gone.value.status_code == 404


def test_an_agent_keeps_what_was_set_and_gets_the_defaults_for_the_rest() -> None:
    """Create, read, list, change and delete an agent."""
    with client() as official:
        agents = official.conversational_ai.agents
        made = agents.create(
            conversation_config={"agent": {"first_message": "Hello"}, "tts": {"stability": 0.75}},  # pyright: ignore[reportArgumentType]
            name="Companion",
            tags=["keep-1"],
        )
        read = agents.get(made.agent_id)
        listed = agents.list(tags=["keep-1", "keep-2"])
        changed = agents.update(made.agent_id, conversation_config={"tts": {"speed": 0.9}})  # pyright: ignore[reportArgumentType]
        agents.delete(made.agent_id)
        left = agents.list()

    tts, later = read.conversation_config.tts, changed.conversation_config.tts
    assert tts is not None
    assert later is not None
    assert (tts.stability, tts.speed, tts.model_id) == (0.75, 1.0, "eleven_flash_v2")
    assert (later.stability, later.speed) == (0.75, 0.9)
    assert changed.version_id != read.version_id
    assert [found.agent_id for found in listed.agents] == [made.agent_id]
    assert left.agents == []


def test_a_signed_url_points_back_at_the_sandbox() -> None:
    """The address, the agent and a signature are all in the URL."""
    with served(build(State(None))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections)
        agent = official.conversational_ai.agents.create(conversation_config={})  # pyright: ignore[reportArgumentType]
        signed = official.conversational_ai.conversations.get_signed_url(agent_id=agent.agent_id)

    parts = urlsplit(signed.signed_url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == url.replace("http", "ws") + "/v1/convai/conversation"
    assert parse_qs(parts.query)["agent_id"] == [agent.agent_id]
    assert parse_qs(parts.query)["conversation_signature"][0].startswith("cvtkn_")


def test_the_subscription_counts_voices(recording: Callable[[float], bytes]) -> None:
    """A clone takes a slot and an edit; its delete gives back only the slot."""
    with client(plan="starter") as official:
        voice = official.voices.ivc.create(name="Dorothy", files=[("a.wav", recording(1.5), "audio/wav")])
        before = official.user.subscription.get()
        official.voices.delete(voice.voice_id)
        after = official.user.get().subscription

    assert (before.tier, before.voice_slots_used, before.voice_limit, before.voice_add_edit_counter) == (
        "starter",
        1,
        10,
        1,
    )
    assert (after.voice_slots_used, after.voice_add_edit_counter) == (0, 1)


def test_models_are_listed() -> None:
    """Both speech models and language models can be chosen from a list."""
    with client() as official:
        speech = {model.model_id for model in official.models.list()}
        language = {model.llm for model in official.conversational_ai.llm.list().llms}

    assert {"eleven_flash_v2", "eleven_flash_v2_5"} <= speech
    assert "gemini-2.5-flash" in language


def test_refusals_reach_the_sdk_as_its_own_errors() -> None:
    """A schema error has a type of its own; the rest carries the status and the body."""
    with served(build(State(None))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="wrong", base_url=url, httpx_client=connections)
        with pytest.raises(UnprocessableEntityError):
            official.conversational_ai.agents.create(conversation_config={"tts": {"speed": 9}})  # pyright: ignore[reportArgumentType]
        with pytest.raises(ApiError) as unknown:
            official.voices.search()

    assert unknown.value.status_code == 401
    assert unknown.value.body["detail"]["status"] == "invalid_api_key"


@pytest.mark.anyio
async def test_the_asynchronous_client_works_in_the_loop_that_serves(recording: Callable[[float], bytes]) -> None:
    """`serving` needs no thread of its own, and stops while a client keeps its connection."""
    async with httpx.AsyncClient() as connections:
        async with serving(build(State(None))) as url:
            official = AsyncElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections)
            voice = await official.voices.ivc.create(name="Dorothy", files=[("a.wav", recording(1.5), "audio/wav")])
            found = await official.voices.get(voice.voice_id)
            ended = anyio.current_time()
        took = anyio.current_time() - ended

    assert took < 2
    assert found.name == "Dorothy"
