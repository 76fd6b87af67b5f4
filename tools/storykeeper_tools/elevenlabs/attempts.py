"""Requests as they are told of: by the template of their path, since paths hold ids, and queries may hold more."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind

from .. import telemetry
from ..telemetry import Work

# What paths are made of where it isn't an id. Whatever else stands in one is told as {id}, also what an id pretends.
_WORDS = re.compile(
    "v1|v2|user|subscription|models|convai|llm|list|voices|add|knowledge-base|text|file|rag-index|agents|create"
    "|simulate-conversation|conversation|get-signed-url|token|conversations|"
)
_TRACE = re.compile(r"[\w-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Attempt:
    work: Work

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """`headers` have ElevenLabs' own id of the request, by which its support finds it."""
        told: dict[str, str | int] = {"http.response.status_code": status}
        traced = headers.get("x-trace-id", "")
        if _TRACE.fullmatch(traced):
            told["storykeeper.upstream.trace_id"] = traced
        self.work.tell(told)
        if status >= 400:
            self.work.fail(str(status))


@contextmanager
def attempt(method: str, base_url: str, path: str, resent: int) -> Generator[Attempt]:
    """One request; `resent` is how often it was sent before. ElevenLabs isn't told of the trace."""
    told: dict[str, str | int] = {"http.request.method": method, "url.template": template(path), **_server(base_url)}
    if resent:
        told["http.request.resend_count"] = resent
        telemetry.RETRIES.tell(1, told)
    name = f"{method} {told['url.template']}"
    with telemetry.span(name, told, kind=SpanKind.CLIENT, measure=telemetry.REQUESTS) as work:
        yield Attempt(work)


@lru_cache(maxsize=256)
def template(path: str) -> str:
    return "/".join(part if _WORDS.fullmatch(part) else "{id}" for part in path.split("/"))


@lru_cache(maxsize=8)
def _server(base_url: str) -> dict[str, str | int]:
    parts = urlsplit(base_url)
    return {
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }
