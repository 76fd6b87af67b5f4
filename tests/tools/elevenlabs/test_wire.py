"""Each call as it goes over the wire, judged by the official file; and what comes back from it."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import respx

from judge import Judge, JudgedTransport
from storykeeper_tools.elevenlabs.client import ElevenLabs, Upload
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.errors import AuthMissing, BadInput, UnexpectedAnswer
from storykeeper_tools.provisioning.asking import visitor

pytestmark = pytest.mark.anyio
BASE = "https://api.elevenlabs.io"
SUBSCRIPTION = {"tier": "creator", "character_count": 1, "character_limit": 9, "voice_slots_used": 1, "voice_limit": 3}


class Unjudged(Judge):
    """Judges requests only: the answers here are cut down to what the client reads."""

    def response(self, method: str, path: str, status: int, content_type: str, body: bytes) -> None:
        return None


@pytest.fixture
async def router(judge: Judge) -> AsyncIterator[respx.Router]:
    """Stands where the service would; every request that reaches it has been judged."""
    router = respx.Router(base_url=BASE, assert_all_called=True)
    yield router
    router.assert_all_called()


@pytest.fixture
async def client(judge: Judge, router: respx.Router) -> AsyncIterator[ElevenLabs]:
    judge.__class__ = Unjudged
    transport = JudgedTransport(httpx.MockTransport(router.async_handler), judge)
    link = Link(BASE, "sk_a_real_looking_key", transport)
    yield ElevenLabs(link)
    await link.close()


def sent(router: respx.Router) -> httpx.Request:
    return router.calls.last.request


async def test_every_request_carries_the_key_in_its_header(client: ElevenLabs, router: respx.Router) -> None:
    """And nowhere else."""
    router.get("/v1/user").respond(json={"user_id": "u", "something_new": True})
    assert (await client.user()).user_id == "u"
    assert sent(router).headers["xi-api-key"] == "sk_a_real_looking_key"
    assert "sk_a_real" not in str(sent(router).url)


async def test_without_a_key_nothing_is_sent(router: respx.Router) -> None:
    """The error says which variable to set."""
    client = ElevenLabs(Link(BASE, None, httpx.MockTransport(router.async_handler)))
    with pytest.raises(AuthMissing, match="ELEVENLABS_API_KEY"):
        await client.user()
    assert not router.calls


async def test_subscription(client: ElevenLabs, router: respx.Router) -> None:
    """Slots and credits."""
    router.get("/v1/user/subscription").respond(json=SUBSCRIPTION)
    assert (await client.subscription()).voice_limit == 3


async def test_models_and_language_models(client: ElevenLabs, router: respx.Router) -> None:
    """A bare array, and a list in an object."""
    router.get("/v1/models").respond(json=[{"model_id": "eleven_flash_v2"}])
    router.get("/v1/convai/llm/list").respond(json={"llms": [{"llm": "gemini-2.5-flash", "is_checkpoint": False}]})
    assert [m.model_id for m in await client.models()] == ["eleven_flash_v2"]
    assert [m.llm for m in await client.llms()] == ["gemini-2.5-flash"]


async def test_adding_a_voice_streams_open_files_under_plain_names(client: ElevenLabs, router: respx.Router) -> None:
    """Multipart with one `files` part for each recording, its true type, and the form fields."""
    router.post("/v1/voices/add").respond(json={"voice_id": "v1", "requires_verification": True})
    uploads = [
        Upload("recording-1.wav", io.BytesIO(b"RIFF"), "audio/wav"),
        Upload("recording-2.mp3", io.BytesIO(b"ID3"), "audio/mpeg"),
    ]
    added = await client.add_voice("Dorothy", uploads, description="Storykeeper [keep-1]")
    assert (added.voice_id, added.requires_verification) == ("v1", True)
    body = sent(router).content
    assert body.count(b'name="files"') == 2
    assert b'filename="recording-2.mp3"\r\nContent-Type: audio/mpeg' in body
    assert b'name="remove_background_noise"\r\n\r\nfalse' in body


async def test_listing_voices(client: ElevenLabs, router: respx.Router) -> None:
    """Lists in a query repeat their name."""
    router.get("/v2/voices").respond(json={"voices": [], "has_more": False, "total_count": 0})
    await client.voices(page_size=5, voice_ids=["a", "b"])
    assert sent(router).url.query == b"page_size=5&voice_ids=a&voice_ids=b"


async def test_getting_and_deleting_a_voice(client: ElevenLabs, router: respx.Router) -> None:
    """By id."""
    router.get("/v1/voices/v1").respond(json={"voice_id": "v1", "name": "Dorothy"})
    router.delete("/v1/voices/v1").respond(json={"status": "ok"})
    assert (await client.voice("v1")).name == "Dorothy"
    await client.delete_voice("v1")


async def test_a_text_document_is_json(client: ElevenLabs, router: respx.Router) -> None:
    """Not multipart, which the service would refuse."""
    router.post("/v1/convai/knowledge-base/text").respond(json={"id": "d1", "name": "n"})
    assert (await client.add_text("n", "Born in Cork.")).id == "d1"
    assert json.loads(sent(router).content) == {"text": "Born in Cork.", "name": "n"}


async def test_a_file_document_is_multipart(client: ElevenLabs, router: respx.Router) -> None:
    """With its name and type."""
    router.post("/v1/convai/knowledge-base/file").respond(json={"id": "d2", "name": "n"})
    upload = Upload("memories.pdf", io.BytesIO(b"%PDF-1.7"), "application/pdf")
    assert (await client.add_file("n", upload)).id == "d2"
    assert b'name="file"; filename="memories.pdf"\r\nContent-Type: application/pdf' in sent(router).content


async def test_listing_getting_and_deleting_documents(client: ElevenLabs, router: respx.Router) -> None:
    """`force` detaches a document from the agents that use it."""
    row = {"id": "d1", "name": "n", "type": "text"}
    router.get("/v1/convai/knowledge-base").respond(json={"documents": [row], "has_more": False})
    router.get("/v1/convai/knowledge-base/d1").respond(json=row)
    router.delete("/v1/convai/knowledge-base/d1").respond(content=b"")
    assert [d.id for d in (await client.documents(search="keep-1")).documents] == ["d1"]
    assert (await client.document("d1")).type == "text"
    await client.delete_document("d1", force=True)
    assert sent(router).url.query == b"force=true"


async def test_indexes_are_looked_at_or_asked_for_all_at_once(client: ElevenLabs, router: respx.Router) -> None:
    """Those that there are, by document; the documentation spells statuses in capitals, the schema doesn't."""
    index = {"id": "r1", "model": "e5_mistral_7b_instruct", "status": "SUCCEEDED", "progress_percentage": 100}
    found = {"d1": {"status": "success", "data": index}, "d2": {"status": "failure", "error_code": 404}}
    router.post("/v1/convai/knowledge-base/rag-index").respond(json=found)
    router.delete("/v1/convai/knowledge-base/d1/rag-index/r1").respond(json=index)
    indexes = await client.rag_indexes(["d1", "d2"], "e5_mistral_7b_instruct", create=False)
    assert {id: index.state for id, index in indexes.items()} == {"d1": "succeeded"}
    assert json.loads(sent(router).content)["items"][1] == {
        "document_id": "d2",
        "create_if_missing": False,
        "model": "e5_mistral_7b_instruct",
    }
    await client.delete_rag_index("d1", "r1")


async def test_creating_and_changing_an_agent(client: ElevenLabs, router: respx.Router) -> None:
    """A change is sent as the part that changes."""
    router.post("/v1/convai/agents/create").respond(json={"agent_id": "a1"})
    router.patch("/v1/convai/agents/a1").respond(json={"agent_id": "a1", "name": "D", "conversation_config": {}})
    assert (await client.create_agent({"conversation_config": {}, "name": "D", "tags": ["keep-1"]})).agent_id == "a1"
    await client.patch_agent("a1", {"conversation_config": {"tts": {"voice_id": "v2"}}})
    assert json.loads(sent(router).content) == {"conversation_config": {"tts": {"voice_id": "v2"}}}


async def test_reading_listing_and_deleting_agents(client: ElevenLabs, router: respx.Router) -> None:
    """Unknown fields of a configuration survive, since it may be sent back."""
    config = {"agent": {"new_field": 1}}
    router.get("/v1/convai/agents/a1").respond(json={"agent_id": "a1", "name": "D", "conversation_config": config})
    router.get("/v1/convai/agents").respond(json={"agents": [], "has_more": False})
    router.delete("/v1/convai/agents/a1").respond(content=b"")
    assert (await client.agent("a1")).conversation_config == config
    assert (await client.agents(tags=["keep-1"])).agents == []
    await client.delete_agent("a1")


async def test_a_simulated_talk(client: ElevenLabs, router: respx.Router) -> None:
    """Who says what; a turn that only calls a tool has no words."""
    turns = [{"role": "user", "message": "Hello"}, {"role": "agent", "message": None, "tool_calls": []}]
    router.post("/v1/convai/agents/a1/simulate-conversation").respond(json={"simulated_conversation": turns})
    done = await client.simulate("a1", visitor('Are you "alive"?', "en"))
    assert [(turn.role, turn.message) for turn in done.simulated_conversation] == [("user", "Hello"), ("agent", None)]
    said = json.loads(sent(router).content)["simulation_specification"]["simulated_user_config"]
    assert """exactly this line, and nothing else: "Are you 'alive'?"\n""" in said["prompt"]["prompt"]


async def test_signed_url_and_token(client: ElevenLabs, router: respx.Router) -> None:
    """Credentials for one agent."""
    url = "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a1&conversation_signature=cvtkn_x"
    router.get("/v1/convai/conversation/get-signed-url").respond(json={"signed_url": url})
    router.get("/v1/convai/conversation/token").respond(json={"token": "jwt", "conversation_id": "c"})
    assert await client.signed_url("a1") == url
    assert (await client.token("a1")).token == "jwt"


@pytest.mark.parametrize("url", ["wss://evil.example/x", "ws://api.elevenlabs.io/x", "https://api.elevenlabs.io/x"])
async def test_a_signed_url_to_anywhere_else_is_thrown_away(client: ElevenLabs, router: respx.Router, url: str) -> None:
    """A visitor's voice goes there."""
    router.get("/v1/convai/conversation/get-signed-url").respond(json={"signed_url": url})
    with pytest.raises(UnexpectedAnswer) as told:
        await client.signed_url("a1")
    assert "evil" not in str(told.value)


@pytest.mark.parametrize("identifier", ["", "../v1/user", "a?x=1#y", "%2e%2e", "a/b", "a" * 65, "ä"])
async def test_what_is_no_id_never_becomes_part_of_a_url(client: ElevenLabs, identifier: str) -> None:
    """Refused before anything is sent."""
    with pytest.raises(BadInput, match="not an id"):
        await client.agent(identifier)
