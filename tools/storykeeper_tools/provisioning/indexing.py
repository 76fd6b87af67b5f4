"""Documents are indexed before an agent may look things up in them: asked for once, and waited for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from ..elevenlabs.models import Document
from ..errors import NotFound, PlanLimit, RateLimited, StorykeeperError, TimedOut, Unavailable, UnexpectedAnswer
from . import retrieval
from .ensure import Direct, Ensure, Run
from .steps import checked
from .tree import Tree, at, rows, tree

_READY = frozenset({"succeeded", "document_too_small"})  # what is too small always stands in the prompt
_FULL, _MISSING = "rag_limit_exceeded", "missing"
_REFUSED = frozenset({"failed", "cannot_index_folder", _FULL, _MISSING})
_AT_A_TIME = 100
_SLOWEST = 15.0


async def index(run: Run, ensure: Ensure, documents: Sequence[str], model: str, seconds: float) -> None:
    """Wait until all of them are indexed by a model, about so long. What was refused is asked for once more.

    Raises PlanLimit where the plan has no room for the indexes, UnexpectedAnswer for what can't be indexed, TimedOut
    for what takes too long.
    """
    queue, patience = _Queue(list(documents)), ensure.patience
    busy, waited, pause = 0, 0.0, patience.poll
    while queue.left:
        try:
            queue.take(await checked(run, "index documents", _look, ensure, queue.left, model, queue.again))
            busy = 0
        except (RateLimited, Unavailable, TimedOut):
            busy += 1
            if busy >= patience.rounds:
                raise
        if queue.left and waited >= seconds:
            raise TimedOut("ElevenLabs hasn't indexed the memories yet", exists=_EXISTS)
        if queue.left:
            await run.sleep(pause)
            waited, pause = waited + pause, min(1.5 * pause, _SLOWEST)


_EXISTS = "the documents exist; no agent was made or changed"


@dataclass
class _Queue:
    """`left` are the documents without an index, `again` those of them whose index was refused for the first time."""

    left: list[str]
    again: list[str] = field(default_factory=list[str])
    tried: set[str] = field(default_factory=set[str])

    def take(self, found: dict[str, Any]) -> None:
        refused: dict[str, str] = found["refused"]
        for id, status in refused.items():
            if id in self.tried:
                raise _refusal(id, status)
        self.again = [*refused]
        self.tried.update(refused)
        self.left = [*found["waiting"], *refused]


def _refusal(id: str, status: str) -> StorykeeperError:
    if status == _FULL:
        return PlanLimit(
            "the indexes of the memories (RAG) don't fit into the ElevenLabs plan",
            exists=_EXISTS,
            next="give fewer memories, delete documents that nothing uses, or choose a larger plan",
        )
    return UnexpectedAnswer(f"ElevenLabs can't index the document {id}: {status}", exists=_EXISTS)


async def lookups(ensure: Ensure, config: Tree, seconds: float) -> Tree:
    """What an agent that is configured so must be told of lookups, once its documents are indexed for them."""
    ids = [str(tree(item).get("id")) for item in rows(at(config, "agent.prompt.knowledge_base"))]
    documents: list[Document] = []
    for id in ids:
        with suppress(NotFound):  # somebody deleted it, and it can't be in the way
            documents.append(await ensure.elevenlabs.document(id))
    embedding = retrieval.embedding(str(at(config, "agent.language")), documents)
    if embedding:
        await index(Direct(), ensure, [document.id for document in documents], embedding, seconds)
    return {"agent": {"prompt": {"rag": retrieval.settings(embedding)}}}


async def settled(ensure: Ensure, send: Callable[[], Awaitable[object]]) -> None:
    """Send something that is refused until an index is seen everywhere; anything else that goes wrong is raised."""
    for _ in range(ensure.patience.rounds):
        try:
            await send()
        except Unavailable as error:
            if error.maybe_done:
                raise
            await ensure.sleep(ensure.patience.poll)
        else:
            return
    await send()


async def _look(ensure: Ensure, documents: Sequence[str], model: str, again: Sequence[str]) -> dict[str, Any]:
    """One look at all of them; what has no index, or shall have another one, gets it."""
    found: dict[str, str] = {}
    for start in range(0, len(documents), _AT_A_TIME):
        found |= await _asked(ensure, documents[start : start + _AT_A_TIME], model, again)
    _note(ensure, "indexed", [id for id in documents if found[id] in _READY])
    return {
        "waiting": [id for id in documents if found[id] not in _READY | _REFUSED],
        "refused": {id: status for id, status in found.items() if status in _REFUSED},
    }


async def _asked(ensure: Ensure, documents: Sequence[str], model: str, again: Sequence[str]) -> dict[str, str]:
    """How far each is."""
    there = await ensure.elevenlabs.rag_indexes(documents, model, create=False)
    for id in [id for id in again if id in there and there[id].state in _REFUSED]:
        await ensure.elevenlabs.delete_rag_index(id, there.pop(id).id)
    lacking = [id for id in documents if id not in there]
    if lacking:
        _note(ensure, "index", lacking)
        there |= await ensure.elevenlabs.rag_indexes(lacking, model, create=True)
    return {id: there[id].state if id in there else _MISSING for id in documents}


def _note(ensure: Ensure, event: Literal["index", "indexed"], documents: Sequence[str]) -> None:
    """Tell the journal of what is ours, and of an end only once: another look changes nothing."""
    ledger = ensure.ledger
    for row in [row for id in documents if (row := ledger.by_remote_id(id))]:
        last = next((e.event for e in reversed(ledger.journal.entries(row.marker)) if e.id == row.id), None)
        if event == "index" or last == "index":
            ledger.note(event, row)
