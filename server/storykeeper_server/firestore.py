"""Memories that an application keeps in Firestore: one document for each person, under the id that is given.

Its texts are read from its own fields, from a list in it, and from its subcollection `items`. Credentials, and the
emulator, are found as Google's own library finds them.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar, cast

from storykeeper_tools.companion.memories.source import Found, Raw
from storykeeper_tools.errors import (
    AuthInvalid,
    AuthMissing,
    BadInput,
    MissingPermission,
    NotFound,
    QuotaExceeded,
    StorykeeperError,
    TimedOut,
    Unavailable,
    UnexpectedAnswer,
)

T = TypeVar("T")

LISTS = ("memories", "items", "entries", "stories")
TEXTS = ("text", "memory", "story", "content", "body")
_DATES = ("date", "when")
_PAGE = 100  # of documents that may have 1 MB each
_DEEPEST = 20  # as Firestore itself has it


@dataclass(frozen=True, slots=True)
class Firestore:
    """`place` is `PROJECT`, `PROJECT/COLLECTION` or `PROJECT/DATABASE/COLLECTION`; `seconds` are for the whole reading."""

    place: str
    seconds: float = 30.0
    most: int = 5000
    most_bytes: int = 20 * 1024 * 1024

    def read(self, reference: str) -> Found:
        """One file of JSON with all memories of that id, in the order of their ids. Raises an error of ours, and
        BadInput for more than can be taken: nothing is cut."""
        id = document_id(reference)
        client = self._client()
        try:
            with _told():
                records = _Records(self.most, self.most_bytes)
                _Reading(records, time.monotonic() + self.seconds).read(self._document(client, id))
        finally:
            client.close()
        if not records.rows:
            raise BadInput("Firestore has no texts under that id", next="see that its documents have a field `text`")
        data = b"[" + b",\n".join(records.rows) + b"]"
        return Found([Raw(f"firestore-{id}.json", data)], records.left_out)

    def _client(self) -> Any:
        """Raises BadInput where the library isn't there, AuthMissing where there are no credentials."""
        try:
            from google.auth.exceptions import DefaultCredentialsError  # gRPC is large, and few need it
            from google.cloud import firestore
        except ImportError:
            raise BadInput(
                "reading Firestore needs a library that isn't installed", next="pip install 'storykeeper[firestore]'"
            ) from None
        project, *rest = self.place.split("/")
        try:
            return firestore.Client(project=project, database=rest[0] if len(rest) == 2 else None)
        except DefaultCredentialsError:
            raise AuthMissing(
                "there are no Google credentials to read Firestore with",
                next="run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
            ) from None

    def _document(self, client: Any, id: str) -> Any:
        collection = self.place.split("/")[-1] if "/" in self.place else "memories"
        return client.collection(collection).document(id)


_DIVIDE = "divide them over several ids, or give them as files"


def document_id(text: str) -> str:
    """An id as Firestore takes them. Raises BadInput for one that it doesn't, or that could name another place."""
    odd = text in {"", ".", ".."} or "/" in text or re.fullmatch(r"__.*__", text) or not text.isprintable()
    if odd or len(text.encode()) > 1500:
        raise BadInput("that is not the id of a Firestore document: it has no / and no control characters")
    return text


@dataclass(slots=True)
class _Records:
    """Memories as plain JSON, and the names of what isn't any."""

    most: int
    room: int
    rows: list[bytes] = field(default_factory=list[bytes])
    left_out: list[str] = field(default_factory=list[str])

    def add(self, where: str, value: object, id: str = "") -> None:
        """One memory: a text, or fields. Those of a list have no id but their own, since places in it change."""
        if isinstance(value, str):
            value = {"text": value}
        if not isinstance(value, Mapping):
            self.left_out.append(where)
            return
        fields = self._fields(where, cast("Mapping[str, Any]", value))
        row = json.dumps({"id": id, **fields} if id else fields, ensure_ascii=False).encode("utf-8", "surrogatepass")
        self.room -= len(row) + 2
        if len(self.rows) >= self.most or self.room < 0:
            raise BadInput("there are more memories under that id than can be taken", next=_DIVIDE)
        if fields:
            self.rows.append(row)

    def _fields(self, where: str, fields: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
        pairs = [(name, self._plain(f"{where}.{name}", name, value, depth)) for name, value in fields.items()]
        return {name: value for name, value in pairs if value is not None}

    def _plain(self, where: str, name: str, value: Any, depth: int) -> Any:
        """What JSON can say; anything else is left out, and so named."""
        if isinstance(value, datetime):
            return value.date().isoformat() if name in _DATES else value.isoformat(timespec="seconds")
        if isinstance(value, (str, bool, int)) or value is None or (isinstance(value, float) and math.isfinite(value)):
            return value
        if isinstance(value, Mapping) and depth < _DEEPEST:
            return self._fields(where, cast("Mapping[str, Any]", value), depth + 1)
        if isinstance(value, list) and depth < _DEEPEST:
            plain = [self._plain(where, name, item, depth + 1) for item in cast("list[Any]", value)]
            return [item for item in plain if item is not None]
        kind = type(cast("object", value)).__name__
        self.left_out.append(f"{where} ({kind})")
        return None


@dataclass(frozen=True, slots=True)
class _Reading:
    records: _Records
    until: float

    def read(self, document: Any) -> None:
        """The document itself, its lists, and its items. Raises NotFound where there is neither."""
        whole = self._repeated(lambda left: document.get(retry=_once(), timeout=left))
        items = self._items(document)
        first = next(items, None)
        if not whole.exists and first is None:
            raise NotFound("Firestore has nothing under that id", next="check the id, and STORYKEEPER_FIRESTORE")
        own = cast("dict[str, Any]", whole.to_dict() or {})
        lists = {name: own.pop(name) for name in LISTS if isinstance(own.get(name), list)}
        alone = not lists and first is None
        if alone or any(isinstance(own.get(name), str) for name in TEXTS):
            self.records.add(document.id, own, document.id)
        else:
            self.records.left_out.extend(f"{document.id}.{name}" for name in sorted(own))
        for name, entries in lists.items():
            for n, entry in enumerate(entries, 1):
                self.records.add(f"{document.id}.{name}.{n}", entry)
        for id, fields in chain([first] if first else [], items):
            self.records.add(f"{document.id}/items/{id}", fields, id)

    def _items(self, document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Page after page, in the order of their ids."""
        query = page = document.collection("items").order_by("__name__").limit(_PAGE)
        while True:
            found: list[Any] = self._repeated(lambda left, page=page: list(page.stream(retry=_once(), timeout=left)))
            yield from ((one.id, one.to_dict() or {}) for one in found)
            if len(found) < _PAGE:
                return
            page = query.start_after(found[-1])

    def _repeated(self, call: Callable[[float], T]) -> T:
        """A read that is said again while nobody answers, until the time is over."""
        from google.api_core.exceptions import ServiceUnavailable
        from google.api_core.retry import Retry, if_exception_type

        again = Retry(predicate=if_exception_type(ServiceUnavailable), initial=0.2, maximum=2.0, timeout=self._left())
        return again(lambda: call(self._left()))()

    def _left(self) -> float:
        return max(0.1, self.until - time.monotonic())


def _once() -> Any:
    """Google's library repeats for minutes if it may."""
    from google.api_core.retry import Retry

    return Retry(predicate=lambda error: False)


@contextmanager
def _told() -> Generator[None]:
    """Google's errors as ours, without their words, which name projects and paths."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except (GoogleAPIError, GoogleAuthError) as error:
        raise _ours(error) from None


def _ours(error: Exception) -> StorykeeperError:
    from google.api_core import exceptions as google
    from google.auth.exceptions import GoogleAuthError

    role = "give whoever the credentials belong to the role Cloud Datastore Viewer"
    place = "check the project and the database in STORYKEEPER_FIRESTORE"
    known: dict[tuple[type[Exception], ...], StorykeeperError] = {
        (google.Unauthenticated, GoogleAuthError): AuthInvalid(
            "Google refused the credentials for Firestore", next="renew them, and call again"
        ),
        (google.PermissionDenied,): MissingPermission("these credentials may not read that Firestore", next=role),
        (google.NotFound, google.FailedPrecondition): NotFound("Google has no such Firestore", next=place),
        (google.ResourceExhausted,): QuotaExceeded(
            "Firestore allows no more reads for now", next="wait, or raise them"
        ),
        (google.DeadlineExceeded,): TimedOut("Firestore gave no answer in time"),
        (google.RetryError, google.ServiceUnavailable): Unavailable("Firestore can't be reached"),
    }
    told = next((ours for kinds, ours in known.items() if isinstance(error, kinds)), None)
    return told or UnexpectedAnswer(f"Firestore answered with {type(error).__name__}", next="wait and call again")
