"""A fake of Firestore: the two calls of its protocol that reading needs, spoken over gRPC on a loopback port.

It isn't Google's emulator, which needs Java: what it answers is what Google's own message classes hold, and nothing of
Firestore's rules, limits or consistency is in it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.cloud.firestore_v1._helpers import encode_dict
from google.cloud.firestore_v1.types import document, firestore

SERVICE = "google.firestore.v1.Firestore"


@dataclass
class Fake:
    """`documents` by their path, such as `memories/dorothy/items/1`. Each of `refusals` answers one call; while `silent`
    is set calls wait."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: list[grpc.StatusCode] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    silent: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def get(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self._met("get", context)
        now = {"seconds": 1}
        for name in request.documents:
            found = self._shown(name)
            yield (
                firestore.BatchGetDocumentsResponse(found=found, read_time=now)
                if found
                else (firestore.BatchGetDocumentsResponse(missing=name, read_time=now))
            )

    def query(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Only documents of one collection, in the order of their names, from a cursor on."""
        self._met("query", context)
        wanted = request.structured_query
        folder = f"{request.parent}/{wanted.from_[0].collection_id}/"
        after = wanted.start_at.values[0].reference_value if wanted.start_at.values else ""
        base = request.parent.partition("/documents/")[0] + "/documents/"
        names = sorted(base + path for path in self.documents)
        inside = [n for n in names if n.startswith(folder) and "/" not in n.removeprefix(folder) and n > after]
        for name in inside[: wanted.limit]:
            yield firestore.RunQueryResponse(document=self._shown(name), read_time={"seconds": 1})

    def _met(self, what: str, context: grpc.ServicerContext) -> None:
        self.calls.append(what)
        if self.silent:
            self.over.wait()
        if self.refusals:
            context.abort(self.refusals.pop(0), "projects/secret-project is not for you")

    def _shown(self, name: str) -> Any:
        fields = self.documents.get(name.partition("/documents/")[2])
        if fields is None:
            return None
        at = {"seconds": 1}
        return document.Document(name=name, fields=encode_dict(fields), create_time=at, update_time=at)


@contextmanager
def serving() -> Iterator[Fake]:
    fake = Fake()
    calls = {
        "BatchGetDocuments": _handler(fake.get, "BatchGetDocuments"),
        "RunQuery": _handler(fake.query, "RunQuery"),
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, calls),))
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield fake
    finally:
        fake.over.set()
        server.stop(grace=None).wait()


def _handler(answer: Any, name: str) -> Any:
    return grpc.unary_stream_rpc_method_handler(
        answer,
        request_deserializer=getattr(firestore, f"{name}Request").deserialize,
        response_serializer=getattr(firestore, f"{name}Response").serialize,
    )
