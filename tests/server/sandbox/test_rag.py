"""RAG indexes follow the clock, and an agent that needs them is refused until they are ready."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from elevenlabs.client import ElevenLabs

from judged import build, served
from storykeeper_server.sandbox import app
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.knowledge import rag
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
BASE = "/v1/convai/knowledge-base"
AGENTS = "/v1/convai/agents"
E5 = "e5_mistral_7b_instruct"
MULTILINGUAL = "multilingual_e5_large_instruct"
LONG = "Dorothy was born in Cork in 1938. " * 30


def still() -> Clock:
    """A clock that only tests move."""
    return Clock(lambda: 1_800_000_000.0)


def connect(sandbox: Any) -> httpx.AsyncClient:
    """A client of that sandbox."""
    transport = httpx.ASGITransport(sandbox)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": "sandbox"})


async def add(client: httpx.AsyncClient, text: str = LONG, **more: Any) -> str:
    """A document given as text; answers its id."""
    return (await client.post(f"{BASE}/text", json={"text": text, **more})).json()["id"]


async def compute(client: httpx.AsyncClient, id: str, model: str = E5) -> dict[str, Any]:
    """Ask for an index."""
    return (await client.post(f"{BASE}/{id}/rag-index", json={"model": model})).json()


async def create(client: httpx.AsyncClient, *items: dict[str, str], **more: Any) -> httpx.Response:
    """Create an agent with RAG on."""
    base = [{"type": "text", "name": "x", **item} for item in items]
    prompt = {"knowledge_base": base, "rag": {"enabled": True, **more}}
    return await client.post(f"{AGENTS}/create", json={"conversation_config": {"agent": {"prompt": prompt}}})


def test_the_official_client_indexes_reads_and_deletes() -> None:
    """One index, a batch, the overview, the chunks and the delete through the SDK."""
    with (
        served(build(State(None), switches=Switches(rag_seconds=0))) as url,
        httpx.Client() as connections,
    ):
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections).conversational_ai
        base = official.knowledge_base
        text = base.documents.create_from_text(text=LONG, name="Life").id
        made = base.document.compute_rag_index(text, model=E5)
        items: Any = [
            {"document_id": text, "create_if_missing": True, "model": MULTILINGUAL},
            {"document_id": "nothing", "create_if_missing": True, "model": E5},
        ]
        batch = base.get_or_create_rag_indexes(items=items)
        indexes = official.get_document_rag_indexes(text).indexes
        overview = official.rag_index_overview()
        chunks = base.documents.chunks.list(text, embedding_model=E5).chunks
        chunk = base.documents.chunk.get(text, chunks[-1].id, embedding_model=E5)
        deleted = official.delete_document_rag_index(text, made.id)
        left = official.get_document_rag_indexes(text).indexes

    assert (made.status, made.progress_percentage, made.document_model_index_usage.used_bytes) == (
        "succeeded",
        100,
        len(LONG),
    )
    assert [batch[id].status for id in (text, "nothing")] == ["success", "failure"]
    assert [index.model for index in indexes] == [E5, MULTILINGUAL]
    assert (overview.total_used_bytes, overview.total_max_bytes) == (2 * len(LONG), 20 * 1024 * 1024)
    assert {(model.model, model.used_bytes) for model in overview.models} == {
        (E5, len(LONG)),
        (MULTILINGUAL, len(LONG)),
    }
    assert [" ".join(chunk.content for chunk in chunks), len(chunks)] == [LONG.strip(), 2]
    assert (chunk, chunk.name) == (chunks[-1], "Life")
    assert (deleted.id, [index.model for index in left]) == (made.id, [MULTILINGUAL])


async def test_an_index_takes_its_time() -> None:
    """Created, then processing with a percentage, then succeeded; asking again starts nothing new."""
    clock = still()
    async with connect(build(State(None), clock=clock, switches=Switches(rag_seconds=10))) as client:
        id = await add(client)
        seen = [await compute(client, id)]
        for _ in range(3):
            clock.advance(4)
            seen.append(await compute(client, id))
        listed = (await client.get(f"{BASE}/{id}/rag-index")).json()["indexes"]

    assert [(index["status"], index["progress_percentage"]) for index in seen] == [
        ("created", 0),
        ("processing", 40),
        ("processing", 80),
        ("succeeded", 100),
    ]
    assert listed == [seen[-1]]
    assert {index["id"] for index in seen} == {seen[0]["id"]}


@pytest.mark.parametrize(("size", "status"), [(499, "document_too_small"), (500, "created")])
async def test_a_short_document_is_not_indexed(size: int, status: str) -> None:
    """Below 500 bytes."""
    async with connect(build(State(None), clock=still())) as client:
        index = await compute(client, await add(client, "x" * size))

    assert index["status"] == status
    assert index["document_model_index_usage"]["used_bytes"] == (size if size >= 500 else 0)


async def test_a_folder_is_not_indexed() -> None:
    """The status says so."""
    async with connect(build(State(None))) as client:
        id = (await client.post(f"{BASE}/folder", json={"name": "Box"})).json()["id"]
        index = await compute(client, id)

    assert index["status"] == "cannot_index_folder"


async def test_indexes_stay_within_the_plan() -> None:
    """What is too much is refused by its status, and taken once there is room."""
    async with connect(
        build(State(None), plan="free", switches=Switches(max_knowledge_characters=9_000_000))
    ) as client:
        one, two = await add(client, "x" * 600_000), await add(client, "y" * 600_000)
        first, second = await compute(client, one), await compute(client, two)
        overview = (await client.get(f"{BASE}/rag-index")).json()
        await client.delete(f"{BASE}/{one}/rag-index/{first['id']}")
        later = await compute(client, two)
        await client.delete(f"{BASE}/{two}")
        empty = (await client.get(f"{BASE}/rag-index")).json()

    assert (second["status"], second["document_model_index_usage"]["used_bytes"]) == ("rag_limit_exceeded", 0)
    assert (overview["total_used_bytes"], overview["total_max_bytes"]) == (600_000, 1024 * 1024)
    assert later["status"] in ("created", "processing")
    assert (later["id"], empty["total_used_bytes"]) == (second["id"], 0)


async def test_a_batch_makes_only_what_it_is_told_to() -> None:
    """An index that isn't there and shall not be made is a failure of that item alone."""
    async with connect(build(State(None))) as client:
        one, two = await add(client), await add(client)
        items = [
            {"document_id": one, "create_if_missing": False, "model": E5},
            {"document_id": two, "create_if_missing": True, "model": E5},
        ]
        answers = (await client.post(f"{BASE}/rag-index", json={"items": items})).json()
        listed = [(await client.get(f"{BASE}/{id}/rag-index")).json()["indexes"] for id in (one, two)]
        empty = await client.post(f"{BASE}/rag-index", json={"items": []})

    assert (answers[one]["status"], answers[one]["error_code"]) == ("failure", 404)
    assert answers[one]["error_status"] == "rag_index_not_found"
    assert answers[two]["status"] == "success"
    assert [len(indexes) for indexes in listed] == [0, 1]
    assert empty.status_code == 422


async def test_a_changed_document_is_indexed_anew() -> None:
    """In place, from the start; and what is too short by now has no index."""
    clock = still()
    async with connect(build(State(None), clock=clock)) as client:
        id = await add(client)
        made = await compute(client, id)
        clock.advance(60)
        ready = await compute(client, id)
        await client.patch(f"{BASE}/{id}", json={"name": "Only the name"})
        named = await compute(client, id)
        await client.patch(f"{BASE}/{id}", json={"content": LONG * 2})
        stale = (await client.get(f"{BASE}/{id}/rag-index")).json()["indexes"]
        await client.patch(f"{BASE}/{id}", json={"content": "short"})
        short = await compute(client, id)

    assert (ready["status"], named["status"]) == ("succeeded", "succeeded")
    assert [(index["id"], index["status"]) for index in stale] == [(made["id"], "created")]
    assert stale[0]["document_model_index_usage"]["used_bytes"] == 2 * len(LONG)
    assert short["status"] == "document_too_small"


async def test_chunks_are_those_of_a_finished_index() -> None:
    """In pages, in order, none before the index is ready, none by another model."""
    clock = still()
    async with connect(build(State(None), clock=clock)) as client:
        id = await add(client, "\n\n".join(f"{number} " + "word " * 150 for number in range(5)) + "z" * 1500)
        await compute(client, id)
        path = f"{BASE}/{id}/chunks?embedding_model={E5}"
        early = (await client.get(path)).json()
        clock.advance(60)
        first = (await client.get(f"{path}&page_size=4")).json()
        second = (await client.get(f"{path}&page_size=4&cursor={first['next_cursor']}")).json()
        other = (await client.get(f"{BASE}/{id}/chunks?embedding_model={MULTILINGUAL}")).json()
        any_model = await client.get(f"{BASE}/{id}/chunk/{first['chunks'][0]['id']}")
        by_other = await client.get(f"{BASE}/{id}/chunk/{first['chunks'][0]['id']}?embedding_model={MULTILINGUAL}")
        nameless = await client.get(f"{BASE}/{id}/chunks")

    chunks = [*first["chunks"], *second["chunks"]]
    assert early == other == {"chunks": [], "next_cursor": None}
    assert [chunk["content"][0] for chunk in chunks] == ["0", "1", "2", "3", "4", "z", "z"]
    assert max(len(chunk["content"]) for chunk in chunks) <= 1000
    assert second["next_cursor"] is None
    assert any_model.json() == first["chunks"][0]
    assert (by_other.status_code, nameless.status_code) == (404, 422)


@pytest.mark.parametrize("status", ["422", "400"])
async def test_an_agent_waits_for_its_indexes(status: Any) -> None:
    """With RAG on, each document must be indexed by the agent's model, when created and when changed."""
    clock = still()
    # Not judged: the official file has only lists of schema errors as a 422.
    async with connect(app.build(State(None), clock=clock, switches=Switches(rag_not_ready=status))) as client:
        id = await add(client)
        none = await create(client, {"id": id})
        await compute(client, id)
        early = await create(client, {"id": id})
        clock.advance(60)
        ready = await create(client, {"id": id})
        other = await create(client, {"id": id}, embedding_model=MULTILINGUAL)
        path = f"{AGENTS}/{ready.json()['agent_id']}"
        await client.patch(f"{BASE}/{id}", json={"content": LONG * 2})
        stale = await client.patch(path, json={"name": "Changed"})
        clock.advance(60)
        fresh = await client.patch(path, json={"name": "Changed"})

    refusals = (none, early, other, stale)
    assert {(answer.status_code, answer.json()["detail"]["status"]) for answer in refusals} == {
        (int(status), "rag_index_not_ready")
    }
    assert (ready.status_code, fresh.status_code) == (200, 200)


async def test_what_needs_no_index_keeps_no_agent_waiting() -> None:
    """Short documents, those that always stand in the prompt, agents without RAG, and with the switch off all."""
    async with connect(build(State(None))) as client:
        id, short = await add(client), await add(client, "short")
        small = await create(client, {"id": short})
        prompt = await create(client, {"id": id, "usage_mode": "prompt"})
        without = await create(client, {"id": id}, enabled=False)
    async with connect(build(State(None), switches=Switches(rag_not_ready="off"))) as client:
        off = await create(client, {"id": await add(client)})

    assert [answer.status_code for answer in (small, prompt, without, off)] == [200, 200, 200, 200]


async def test_what_a_folder_holds_must_be_indexed() -> None:
    """The folder itself can't be."""
    clock = still()
    async with connect(build(State(None), clock=clock, switches=Switches(rag_not_ready="400"))) as client:
        box = (await client.post(f"{BASE}/folder", json={"name": "Box"})).json()["id"]
        id = await add(client, parent_folder_id=box)
        early = await create(client, {"id": box, "type": "folder"})
        await compute(client, id)
        clock.advance(60)
        ready = await create(client, {"id": box, "type": "folder"})

    assert (early.json()["detail"]["code"], ready.status_code) == ("rag_index_not_ready", 200)


async def test_an_agent_knows_its_documents_and_what_is_in_its_folders() -> None:
    """Each once, in the agent's order; not what could not be read, nor what others know."""
    state = State(None)
    async with connect(build(state)) as client:
        box = (await client.post(f"{BASE}/folder", json={"name": "Box"})).json()["id"]
        inner = (await client.post(f"{BASE}/folder", json={"name": "Inner", "parent_folder_id": box})).json()["id"]
        life = await add(client, "Born in Cork.", name="Life")
        deep = await add(client, "She sang.", name="Deep", parent_folder_id=inner)
        await add(client, "Somebody else's.")
        scan = {"file": ("scan.pdf", b"%PDF-1.7", "application/pdf")}
        await client.post(f"{BASE}/file", files=scan, data={"parent_folder_id": box})
        items = [{"type": "text", "name": "x", "id": life}, {"type": "folder", "name": "x", "id": box}]
        prompt = {"knowledge_base": [*items, {"type": "text", "name": "x", "id": deep}]}
        config = {"conversation_config": {"agent": {"prompt": prompt}}}
        made = (await client.post(f"{AGENTS}/create", json=config)).json()["agent_id"]
    with state.rows(state.owner("agent", made) or "") as rows:
        agent = rows.get("agent", made)
        assert agent is not None
        found = rag.documents(rows, agent["settings"])

    assert [(source.id, source.name, source.text) for source in found] == [
        (life, "Life", "Born in Cork."),
        (deep, "Deep", "She sang."),
    ]
