"""A sandbox with one of everything in it, so that requests find what they name."""

from __future__ import annotations

import io
import wave
from typing import Any

import httpx
from starlette.types import ASGIApp

from storykeeper_server.sandbox import auth
from storykeeper_server.sandbox.state import State

KNOWLEDGE = "/v1/convai/knowledge-base"
MODEL = "multilingual_e5_large_instruct"
HOOK = {"settings": {"auth_type": "hmac", "name": "hook", "webhook_url": "https://example.org/hook"}}
ADDRESSES = {"url": "https://example.org/", "webhook_url": "https://example.org/", "model_id": "eleven_flash_v2_5"}


# What a conversation that simply ended has, as its socket leaves it.
ENDED: dict[str, Any] = {
    "user": None,
    "text_only": False,
    "source": None,
    "source_version": None,
    "method": "public",
    "reason": "Client disconnected",
    "error": None,
    "cost": 0,
    "client_data": {},
    "language": "en",
}


async def furnish(sandbox: ASGIApp, state: State) -> dict[str, Any]:
    """Make a voice, a document with an index, an agent, a webhook and a conversation; answers their ids by field."""
    transport = httpx.ASGITransport(sandbox)
    headers = {"xi-api-key": "sandbox"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        ids = await _voice(client) | await _document(client)
        agent = {"conversation_config": {}, "name": "Dorothy"}
        ids |= await _made(client, "/v1/convai/agents/create", json=agent)
        ids |= {"webhook_id": (await _made(client, "/v1/workspace/webhooks", json=HOOK))["webhook_id"]}
    return ids | ADDRESSES | {"conversation_id": _talk(state, ids["agent_id"])}


async def _made(client: httpx.AsyncClient, path: str, **content: Any) -> dict[str, Any]:
    answer = await client.post(path, **content)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _voice(client: httpx.AsyncClient) -> dict[str, Any]:
    files = {"files": ("dorothy.wav", _recording(), "audio/wav")}
    voice = (await _made(client, "/v1/voices/add", data={"name": "Dorothy"}, files=files))["voice_id"]
    samples = (await client.get(f"/v1/voices/{voice}")).json()["samples"]
    return {"voice_id": voice, "sample_id": samples[0]["sample_id"]}


async def _document(client: httpx.AsyncClient) -> dict[str, Any]:
    folder = (await _made(client, f"{KNOWLEDGE}/folder", json={"name": "Letters"}))["id"]
    id = (await _made(client, f"{KNOWLEDGE}/text", json={"text": "Born in Cork. " * 100, "name": "Dorothy"}))["id"]
    index = await _made(client, f"{KNOWLEDGE}/{id}/rag-index", json={"model": MODEL})
    chunks = (await client.get(f"{KNOWLEDGE}/{id}/chunks", params={"embedding_model": MODEL})).json()["chunks"]
    return {
        "documentation_id": id,
        "document_id": id,
        "document_ids": [id],
        "rag_index_id": index["id"],
        "chunk_id": chunks[0]["id"],
        "parent_folder_id": folder,
        "move_to": folder,
    }


def _recording() -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(2 * 8_000 * 2))
    return made.getvalue()


def _talk(state: State, agent_id: str) -> str:
    """Stored as the socket does when a conversation ends."""
    with state.rows(auth.workspace("sandbox")) as rows:
        agent = rows.get("agent", agent_id) or {}
        said = {"message": "Hello.", "at": 1.0, "medium": "audio", "interrupted": False, "original": None}
        turn = {"role": "agent", **said, "tool_calls": [], "tool_results": [], "sources": [], "feedback": None}
        row = {
            "id": "conv_1",
            "created": agent["created"],
            "agent": agent_id,
            "branch": agent["branch"],
            "version": agent["version"],
            "status": "done",
            "ended": agent["created"] + 60,
            **ENDED,
            "transcript": [turn],
            "rating": None,
            "has_user_audio": True,
            "has_response_audio": True,
        }
        rows.put("conversation", "conv_1", row)
        rows.keep("conversation audio", "conv_1", b"mp3")
    return "conv_1"
