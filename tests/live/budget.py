"""What a run may make and spend at the real service: whatever a step tries, more than this isn't sent.

It also touches nothing that it didn't make: a request that changes something must name only what this run made.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import httpx

from coverage_table import Operation
from live.exchanges import Book, body, jsonable

KNOWLEDGE = "/v1/convai/knowledge-base"
# How much may be made: a sort of thing by the operation that makes it, and the field of its id in the answer.
MAKES = {
    "POST /v1/voices/add": ("voice", "voice_id"),
    f"POST {KNOWLEDGE}/text": ("document", "id"),
    f"POST {KNOWLEDGE}/file": ("document", "id"),
    f"POST {KNOWLEDGE}/url": ("document", "id"),
    f"POST {KNOWLEDGE}/folder": ("document", "id"),
    f"POST {KNOWLEDGE}": ("document", "id"),
    "POST /v1/convai/agents/create": ("agent", "agent_id"),
}
MOST = {"voice": 1, "document": 3, "agent": 1, "characters": 100}
# What names documents in its body and not in its path.
_BULK = {f"POST {KNOWLEDGE}/{name}" for name in ("bulk-delete", "bulk-move", "dependent-agents", "rag-index")}


class OverBudget(Exception):
    """A request that a run at the real service may not send."""


@dataclass
class Budget:
    """Watches the requests of one run. `bounded` is off for the sandbox, where nothing costs."""

    book: Book
    bounded: bool
    made: dict[str, str] = field(default_factory=dict[str, str])
    used: Counter[str] = field(default_factory=Counter[str])

    def allow(self, request: httpx.Request, operation: Operation | None) -> None:
        """Raises OverBudget for what may not be sent."""
        if not self.bounded or request.method == "GET":
            return
        name = str(operation)
        if name in MAKES:
            self._spend(MAKES[name][0], 1, dry=True)
        elif operation is None or not self._is_ours(request, operation):
            raise OverBudget(f"{request.method} {request.url.path} would change what this run didn't make")
        if name.startswith("POST /v1/text-to-speech/"):
            self._spend("characters", len((jsonable(request) or {}).get("text", "")))

    def note(self, operation: Operation | None, answer: httpx.Response) -> None:
        """Remembers what was made."""
        sort, id = MAKES.get(str(operation), ("", ""))
        content = body(answer)
        if sort and answer.is_success and isinstance(content, dict) and id in content:
            self.made[content[id]] = sort
            self._spend(sort, 1)

    def _spend(self, what: str, amount: int, *, dry: bool = False) -> None:
        if self.bounded and self.used[what] + amount > MOST[what]:
            raise OverBudget(f"this run may have {MOST[what]} of {what}, and no more")
        self.used[what] += 0 if dry else amount

    def _is_ours(self, request: httpx.Request, operation: Operation) -> bool:
        if str(operation) in _BULK:
            return all(id in self.made for id in _documents(jsonable(request)))
        ids = self.book.ids(operation, request.url.path)
        # What comes later in the path belongs to what comes first.
        return bool(ids) and ids[0] in self.made


def _documents(content: object) -> list[str]:
    if not isinstance(content, dict):
        return [""]
    items = content.get("items")
    return content.get("document_ids", []) if items is None else [item["document_id"] for item in items]
