"""Whether an agent looks memories up (RAG) or has all of them in mind, and by which model they are indexed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

# What retrieval puts into a prompt at most (`max_documents_length`): nothing is gained by it below that.
WHOLE = 50_000
LARGEST_FILE = 100_000  # bytes; how much text is in a file only the service knows
# What an account that isn't Enterprise holds in all.
MOST_CHARACTERS, MOST_BYTES = 300_000, 20 * 1024 * 1024
ENGLISH, OTHER = "e5_mistral_7b_instruct", "multilingual_e5_large_instruct"


class Sized(Protocol):
    """A document of `size` bytes."""

    @property
    def type(self) -> str: ...

    @property
    def size(self) -> int: ...


class Counted(Sized, Protocol):
    @property
    def characters(self) -> int: ...


def embedding(language: str, documents: Iterable[Sized]) -> str:
    """The model that these documents are indexed by; empty where an agent has all of them in mind."""
    if not _needed(list(documents)):
        return ""
    return ENGLISH if language == "en" else OTHER


def settings(embedding: str) -> dict[str, Any]:
    """The `rag` of an agent."""
    return {"enabled": True, "embedding_model": embedding} if embedding else {"enabled": False}


def notes(documents: Sequence[Counted]) -> list[str]:
    """What a keeper should know of the size of memories."""
    characters, size = _total(documents)
    found: list[str] = []
    if _needed(documents):
        found.append("the memories are long: the companion looks up what fits a question (RAG), once they are indexed")
    if refusable(documents):
        found.append(
            f"the memories have {characters:,} characters ({size / 1024**2:.1f} MB); accounts other than Enterprise"
            " hold 300,000 (20 MB) in all, and ElevenLabs refuses what is more: give fewer, or take a larger plan"
        )
    return found


def refusable(documents: Sequence[Counted]) -> bool:
    """Whether they are more than an account that isn't Enterprise holds, which nothing that it answers tells before."""
    characters, size = _total(documents)
    return characters > MOST_CHARACTERS or size > MOST_BYTES


def _total(documents: Sequence[Counted]) -> tuple[int, int]:
    """Characters, and bytes."""
    return sum(document.characters for document in documents), sum(document.size for document in documents)


def _needed(documents: Sequence[Sized]) -> bool:
    texts = sum(document.size for document in documents if document.type == "text")
    return texts > WHOLE or any(d.type != "text" and d.size > LARGEST_FILE for d in documents)
