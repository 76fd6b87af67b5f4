"""Memories too long to have in mind: they are indexed before an agent may look things up in them (RAG)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Judge
from stage import EXAMPLE, Stage, open_stage
from storykeeper_server.sandbox.app import Switches
from storykeeper_tools.companion.changes import Changes
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import PlanLimit, StorykeeperError
from storykeeper_tools.provisioning.plan import StagedMemory
from storykeeper_tools.provisioning.retrieval import LARGEST_FILE, WHOLE, embedding, notes

pytestmark = pytest.mark.anyio

INDEXES = "/v1/convai/knowledge-base/rag-index"
ROOM = Switches(rag_seconds=0, max_knowledge_characters=9_000_000)


def book(characters: int, start: int = 0) -> str:
    """A text of many memories, no two of which are the same."""
    walk = "Then she walked home by the river, as she always did. " * 10
    told = (f"On day {start + n} Dorothy baked {n % 17 + 2} loaves. {walk}\n\n" for n in range(10**6))
    text = ""
    while len(text) < characters:
        text += next(told)
    return text


def wish(home: Path, text: str, **more: Any) -> Wish:
    (home / "book.md").write_text(text)
    said = {"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")], "memories": ["book.md"]}
    return Wish.model_validate(said | more)


async def made(stage: Stage, wish: Wish) -> Any:
    plan = await stage.call("plan_companion", spec=wish)
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    return await stage.call("provision_companion", plan_id=plan.plan_id)


async def retrieval(stage: Stage, agent_id: str) -> dict[str, Any]:
    """The agent's `rag`, as it is stored."""
    agent = await stage.call("get_agent", agent_id=agent_id)
    rag = agent.conversation_config["agent"]["prompt"]["rag"]
    return {"enabled": rag["enabled"], "model": rag["embedding_model"]}


def asked(stage: Stage) -> list[str]:
    """The documents whose indexes were asked for, each time that they were."""
    bodies = [json.loads(body) for method, path, body in stage.faults.bodies if (method, path) == ("POST", INDEXES)]
    return [item["document_id"] for body in bodies for item in body["items"] if item["create_if_missing"]]


def order(stage: Stage, *parts: str) -> list[str]:
    """In which order the requests to these paths first came."""
    paths = [path for method, path in stage.faults.log if method != "GET"]
    return sorted((part for part in parts), key=lambda part: next(n for n, path in enumerate(paths) if part in path))


@pytest.mark.parametrize(
    ("language", "model"), [("en", "e5_mistral_7b_instruct"), ("es", "multilingual_e5_large_instruct")]
)
async def test_a_long_book_is_indexed_before_there_is_an_agent(
    judge: Judge, tmp_path: Path, language: str, model: str
) -> None:
    """All of it, once, by the model of its language; the plan says so, and the agent is the last to come."""
    async with open_stage(judge, tmp_path, switches=Switches(rag_seconds=0.5)) as stage:
        plan = await stage.call("plan_companion", spec=wish(tmp_path, book(120_000), language=language))
        view = await made(stage, wish(tmp_path, book(120_000), language=language))
        rag = await retrieval(stage, view.agent_id)

    assert any("RAG" in warning for warning in plan.warnings)
    assert rag == {"enabled": True, "model": model}
    assert sorted(asked(stage)) == sorted(document.id for document in view.documents)
    assert order(stage, "create", "rag-index", "text") == ["text", "rag-index", "create"]
    assert "index documents" in view.done


def text(size: int) -> StagedMemory:
    return StagedMemory(sha256="0" * 64, title="Cork", type="text", mime="text/plain", size=size, characters=size)


@pytest.mark.parametrize(
    ("documents", "needed"),
    [
        ([], False),
        ([text(WHOLE)], False),
        ([text(WHOLE), text(1)], True),
        ([text(1).model_copy(update={"type": "file", "size": LARGEST_FILE})], False),
        ([text(1).model_copy(update={"type": "file", "size": LARGEST_FILE + 1})], True),
    ],
)
def test_texts_count_together_and_each_file_by_itself(documents: list[StagedMemory], needed: bool) -> None:
    """How much text is in a file only the service knows."""
    assert bool(embedding("en", documents)) is needed


@pytest.mark.parametrize(("size", "told"), [(300_000, False), (300_001, True)])
def test_more_than_an_account_holds_is_told_before(size: int, told: bool) -> None:
    """And nothing is cut."""
    assert any("300,000" in note for note in notes([text(size)])) is told


async def test_what_an_account_may_not_hold_costs_no_voice_slot(judge: Judge, tmp_path: Path) -> None:
    """The plan says that it may be refused; it is, before a voice is made. With more room the same call ends it."""
    text = wish(tmp_path, book(330_000))
    async with open_stage(judge, tmp_path) as stage:
        plan = await stage.call("plan_companion", spec=text)
        await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
        with pytest.raises(PlanLimit, match="300000"):
            await stage.call("provision_companion", plan_id=plan.plan_id)
        spent = stage.faults.sent("POST", "/v1/voices/add")
    async with open_stage(judge, tmp_path, switches=ROOM, state=stage.state) as larger:
        view = await larger.call("provision_companion", plan_id=plan.plan_id)
        kept = await larger.keeper.elevenlabs.documents(page_size=100)

    assert any("hold 300,000" in warning for warning in plan.warnings)
    assert spent == 0
    assert (view.status, larger.faults.sent("POST", "/v1/voices/add")) == ("done", 1)
    assert len(kept.documents) == plan.cost.documents


@pytest.mark.parametrize(("characters", "enabled"), [(WHOLE // 3, False), (WHOLE + 5_000, True)])
async def test_size_decides(judge: Judge, tmp_path: Path, characters: int, enabled: bool) -> None:
    """What retrieval would put into a prompt anyway needs none."""
    async with open_stage(judge, tmp_path, switches=ROOM) as stage:
        view = await made(stage, wish(tmp_path, book(characters)))
        rag = await retrieval(stage, view.agent_id)

    assert rag["enabled"] is enabled
    assert bool(asked(stage)) is enabled


async def test_it_comes_and_goes_with_a_change(judge: Judge, tmp_path: Path) -> None:
    """Memories grow, and shrink again: each time the plan shows it, and only what is new is indexed."""
    (tmp_path / "more.md").write_text(book(70_000, start=10**7))
    async with open_stage(judge, tmp_path, switches=ROOM) as stage:
        view = await made(stage, wish(tmp_path, book(2_000)))
        before = await retrieval(stage, view.agent_id)
        grow = await changed(stage, view.companion, add_memories=["more.md"])
        grown = await retrieval(stage, view.agent_id)
        added = [document.id for document in grow[1].documents if document.id not in {d.id for d in view.documents}]
        shrink = await changed(stage, view.companion, remove_memories=added)
        shrunk = await retrieval(stage, view.agent_id)

    assert [before["enabled"], grown["enabled"], shrunk["enabled"]] == [False, True, False]
    assert "looked up (RAG): False -> True" in str(grow[0])
    assert "looked up (RAG): True -> False" in str(shrink[0])
    assert len(asked(stage)) == len(set(asked(stage)))
    assert set(added) <= set(asked(stage))


async def changed(stage: Stage, companion: str, **changes: Any) -> tuple[Any, Any]:
    """The plan of a change, and what became of it."""
    plan = await stage.call("plan_companion", companion=companion, changes=Changes.model_validate(changes))
    return plan, await stage.call("provision_companion", plan_id=plan.plan_id)


async def test_the_same_spec_twice_asks_for_no_index(judge: Judge, tmp_path: Path) -> None:
    """Nor does a change of something else ask for one that is there."""
    async with open_stage(judge, tmp_path, switches=ROOM) as stage:
        view = await made(stage, wish(tmp_path, book(60_000)))
        first = len(asked(stage))
        again = await stage.call("plan_companion", spec=wish(tmp_path, book(60_000)))
        await changed(stage, view.companion, wishes="slowly")

    assert {step.action for step in again.steps} == {"keep"}
    assert len(asked(stage)) == first


@pytest.mark.parametrize("refusal", ["off", "422", "400"])
async def test_what_is_not_ready_is_waited_for(judge: Judge, tmp_path: Path, refusal: Any) -> None:
    """Whatever ElevenLabs says of it: an index that seemed ready and is refused all the same, too."""
    switches = Switches(rag_seconds=0.6, rag_not_ready=refusal)
    # The official file keeps 422 for errors of the schema.
    async with open_stage(None if refusal == "422" else judge, tmp_path, switches=switches) as stage:
        text = wish(tmp_path, book(60_000))
        plan = await stage.call("plan_companion", spec=text)
        await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
        stage.faults.inner = Hasty(stage.faults.inner)
        view = await stage.call("provision_companion", plan_id=plan.plan_id)
        rag = await retrieval(stage, view.agent_id)

    assert (view.status, rag["enabled"]) == ("done", True)
    creates = stage.faults.sent("POST", "/v1/convai/agents/create")
    assert creates == 1 if refusal == "off" else creates > 1


@pytest.mark.parametrize("tool", ["provision_companion", "update_agent"])
async def test_a_change_that_is_not_ready_is_waited_for(judge: Judge, tmp_path: Path, tool: str) -> None:
    """As a new agent is."""
    (tmp_path / "more.md").write_text(book(60_000))
    switches = Switches(rag_seconds=0.6, rag_not_ready="400")
    async with open_stage(judge, tmp_path, switches=switches) as stage:
        view = await made(stage, wish(tmp_path, book(2_000)))
        documents = await uploaded(stage, book(60_000), "More") if tool == "update_agent" else []
        stage.faults.inner = Hasty(stage.faults.inner)
        if documents:
            await stage.call("update_agent", agent_id=view.agent_id, add_documents=documents)
        else:
            await changed(stage, view.companion, add_memories=["more.md"])
        rag = await retrieval(stage, view.agent_id)

    assert rag["enabled"] is True
    assert stage.faults.sent("PATCH", f"/v1/convai/agents/{view.agent_id}") > 1


class Hasty(httpx.AsyncBaseTransport):
    """A service that says of every index that it is done, before it is."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if request.url.path != INDEXES:
            return response
        answer = json.loads(await response.aread())
        for entry in answer.values():
            entry.get("data", {})["status"] = "SUCCEEDED"
        return httpx.Response(200, json=answer)


async def test_a_plan_without_room_parks_the_run_until_there_is_some(judge: Judge, tmp_path: Path) -> None:
    """It says what to do; with a larger plan the same call ends it, and nothing is made twice."""
    async with open_stage(judge, tmp_path, switches=ROOM, plan="starter") as stage:
        other = (await stage.keeper.elevenlabs.add_text("Somebody else's", "x" * 2_060_000)).id
        await stage.keeper.elevenlabs.rag_indexes([other], "e5_mistral_7b_instruct", create=True)
        plan = await stage.call("plan_companion", spec=wish(tmp_path, book(60_000)))
        await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
        with pytest.raises(PlanLimit, match="RAG") as refused:
            await stage.call("provision_companion", plan_id=plan.plan_id)
        state = (await stage.call("get_companion", companion=plan.companion)).status
    async with open_stage(judge, tmp_path, switches=ROOM, plan="pro", state=stage.state) as larger:
        view = await larger.call("provision_companion", plan_id=plan.plan_id)

    assert "larger plan" in refused.value.next
    assert state == "parked"
    assert view.status == "done"
    assert larger.faults.sent("POST", "/v1/voices/add") == 0


@pytest.mark.parametrize(("times", "ends"), [(2, "done"), (9, "unexpected_answer")])
async def test_a_failed_index_is_asked_for_once_more(judge: Judge, tmp_path: Path, times: int, ends: str) -> None:
    """And only once: what fails again is told."""
    async with open_stage(judge, tmp_path, switches=ROOM) as stage:
        plan = await stage.call("plan_companion", spec=wish(tmp_path, book(60_000)))
        await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
        stage.faults.inner = Failing(stage.faults.inner, times)
        outcome = await provisioned(stage, plan.plan_id)

    assert outcome == ends
    assert sum(method == "DELETE" and "/rag-index/" in path for method, path in stage.faults.log) == 1


async def provisioned(stage: Stage, plan_id: str) -> str:
    """How a run ended: its state, or the code of its error."""
    try:
        return (await stage.call("provision_companion", plan_id=plan_id)).status
    except StorykeeperError as error:
        return error.code


class Failing(Hasty):
    """A service whose indexes fail a few times."""

    def __init__(self, inner: httpx.AsyncBaseTransport, times: int) -> None:
        super().__init__(inner)
        self.left = times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if request.url.path != INDEXES or not self.left:
            return response
        answer = json.loads(await response.aread())
        for entry in [entry for entry in answer.values() if "data" in entry]:
            entry["data"]["status"] = "failed"
        self.left -= any("data" in entry for entry in answer.values())
        return httpx.Response(200, json=answer)


async def test_the_journal_tells_of_each_index_once(judge: Judge, tmp_path: Path) -> None:
    """That it was asked for, and that it is there."""
    async with open_stage(judge, tmp_path, switches=ROOM) as stage:
        view = await made(stage, wish(tmp_path, book(60_000)))
        await changed(stage, view.companion, wishes="slowly")
        marker = stage.keeper.ledger.companions()[0].marker
        entries = stage.keeper.ledger.journal.entries(marker)

    told = [(entry.event, entry.id) for entry in entries if entry.event in {"index", "indexed"}]
    assert sorted(told) == sorted((event, d.id) for d in view.documents for event in ("index", "indexed"))


async def test_looking_up_that_somebody_switched_on_elsewhere_stops_no_change(judge: Judge, tmp_path: Path) -> None:
    """It is told as drift and stays; what is added is indexed, or the agent couldn't be given it."""
    async with open_stage(judge, tmp_path, switches=ROOM) as stage:
        view = await made(stage, wish(tmp_path, "Dorothy was born in Cork in 1941.\n" * 30))
        rag = {"conversation_config": {"agent": {"prompt": {"rag": {"enabled": True}}}}}
        documents = [document.id for document in view.documents]
        await stage.keeper.elevenlabs.rag_indexes(documents, "e5_mistral_7b_instruct", create=True)
        await stage.in_the_dashboard(view.agent_id, rag)
        (tmp_path / "more.md").write_text(book(3_000))
        plan, after = await changed(stage, view.companion, add_memories=["more.md"])
        stored = await retrieval(stage, view.agent_id)

    assert after.status == "done"
    assert any("rag.enabled" in warning for warning in plan.warnings)
    assert stored["enabled"] is True


# The tools that do one thing


async def test_an_agent_of_long_documents_looks_things_up(judge: Judge, tmp_path: Path) -> None:
    """It does from its making, by the model of its language, and no longer once they are taken away."""
    async with open_stage(judge, tmp_path, switches=ROOM) as stage:
        voice = (await stage.keeper.elevenlabs.voices(category="premade")).voices[0].voice_id
        small = await uploaded(stage, "Born in Cork. " * 80, "Cork")
        large = await uploaded(stage, book(70_000), "Book")
        agent = (await stage.call("create_agent", name="Dorothy", voice_id=voice, documents=[*small, *large])).agent_id
        seen = [await retrieval(stage, agent)]
        for change in ({"language": "es"}, {"remove_documents": large}, {"add_documents": large}):
            await stage.call("update_agent", agent_id=agent, **change)
            seen.append(await retrieval(stage, agent))

    assert [rag["enabled"] for rag in seen] == [True, True, False, True]
    assert [rag["model"] for rag in seen if rag["enabled"]] == [
        "e5_mistral_7b_instruct",
        "multilingual_e5_large_instruct",
        "multilingual_e5_large_instruct",
    ]


async def uploaded(stage: Stage, text: str, title: str) -> Sequence[str]:
    return [d.id for d in (await stage.call("upload_knowledge_base", text=text, title=title)).documents]
