"""A sandbox in a process of its own, and what a campaign asks of it: faults, its log, and what exists there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx

import canary

KEYS = ("sandbox", canary.KEY)
CREATES = {
    "voice": "/v1/voices/add",
    "document": "/v1/convai/knowledge-base/text",
    "agent": "/v1/convai/agents/create",
}
LISTS = {"voice": "/v2/voices", "document": "/v1/convai/knowledge-base", "agent": "/v1/convai/agents"}
_MARKER = re.compile(r"keep-[0-9a-f]{20}")


@dataclass(frozen=True)
class Thing:
    """Something at the service that carries one of our markers; `slot` tells a companion's documents apart."""

    kind: str
    marker: str
    slot: str
    id: str


@dataclass(frozen=True)
class Remote:
    http: httpx.Client

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def arm(self, rules: list[str]) -> None:
        """These faults and no others."""
        self.http.delete("/_sandbox/faults").raise_for_status()
        for rule in rules:
            self.http.post("/_sandbox/faults", json=rule).raise_for_status()

    def struck(self) -> dict[str, Any] | None:
        """The request that the first fault has met."""
        [fault, *_] = self.http.get("/_sandbox/faults").json()["faults"]
        if not fault["fired"]:
            return None
        return next(r for r in reversed(self.requests(fault["method"], fault["path"])) if r["fault"] == fault["text"])

    def forget(self) -> None:
        """Begin a new log."""
        self.http.delete("/_sandbox/requests").raise_for_status()

    def requests(self, method: str = "*", path: str = "*") -> list[dict[str, Any]]:
        """The latest thousand, oldest first."""
        return self.http.get("/_sandbox/requests", params={"method": method, "path": path}).json()["requests"]

    def count(self) -> int:
        """How many voices, documents and agents there are."""
        counts = self.http.get("/_sandbox").json()["counts"]
        return sum(counts[kind] for kind in CREATES)

    def turn(self, **switches: Any) -> None:
        self.http.patch("/_sandbox/switches", json=switches).raise_for_status()

    def things(self) -> list[Thing]:
        """All that carries a marker."""
        voices = [(v["description"] or "", "", v["voice_id"]) for v in self._all("voice", "voices", "next_page_token")]
        documents = [
            (d["name"], d["name"].split(" ")[0], d["id"]) for d in self._all("document", "documents", "cursor")
        ]
        agents = [(" ".join(a["tags"]), "", a["agent_id"]) for a in self._all("agent", "agents", "cursor")]
        rows = {"voice": voices, "document": documents, "agent": agents}
        marked = [(kind, _MARKER.search(text), slot, id) for kind, found in rows.items() for text, slot, id in found]
        return [Thing(kind, marker[0], slot, id) for kind, marker, slot, id in marked if marker]

    def parts(self, agent_id: str) -> set[str]:
        """The ids of the voice and the documents that an agent is made of."""
        config = self.http.get(f"{LISTS['agent']}/{agent_id}").json()["conversation_config"]
        return {config["tts"]["voice_id"], *(d["id"] for d in config["agent"]["prompt"]["knowledge_base"])}

    def _all(self, kind: str, field: str, cursor: str) -> Iterator[dict[str, Any]]:
        more: dict[str, Any] = {"page_size": 100}
        while True:
            page = self.http.get(LISTS[kind], params=more).raise_for_status().json()
            yield from page[field]
            token = page.get("next_page_token") or page.get("next_cursor")
            if not page["has_more"] or not token:
                return
            more[cursor] = token


def digest(key: str) -> str:
    """What the sandbox's log calls a key."""
    return sha256(key.encode()).hexdigest()[:8]


@contextmanager
def sandbox(lag: float) -> Iterator[Remote]:
    """One account with two keys, so that its log says who of two asked; new things show up late in its lists."""
    command = [sys.executable, "-m", "storykeeper_server", "sandbox", "--port", "0", "--plan", "scale"]
    command += ["--key", KEYS[0], f"{KEYS[1]} workspace={KEYS[0]}", "--switch", f"list_lag_seconds={lag}"]
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        url = re.search(r"http://[\d.:]+", process.stderr.readline())
        assert url, "the sandbox doesn't start"
        with httpx.Client(base_url=url[0], headers={"xi-api-key": KEYS[0]}, timeout=30) as http:
            yield Remote(http)
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()
