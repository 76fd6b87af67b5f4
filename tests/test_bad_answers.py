"""Answers that no HTTP library would send, from what says that it is ElevenLabs: each ends in a sentence, none in a hang."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

import httpx
import pytest

import canary
from processes import Place
from wire import ERAS, Pipe, piped

PAGE = b'{"agents":[],"has_more":false,"next_cursor":null}'


def said(body: bytes, *headers: bytes, status: bytes = b"200 OK", length: int | None = None) -> bytes:
    """An answer, as bytes."""
    lines = [b"HTTP/1.1 " + status, b"content-type: application/json", *headers]
    return b"\r\n".join([*lines, b"content-length: %d" % (len(body) if length is None else length), b"", body])


ANSWERS = {
    "a good one": (said(PAGE), "ok"),
    "cookies twice": (said(PAGE, b"set-cookie: a=1", b"set-cookie: a=2"), "ok"),
    "a field that nobody knows": (said(PAGE[:-1] + b',"new":{"a":[1]}}'), "ok"),
    "no answer": (b"", "unavailable"),
    "words": (b"hello\r\n\r\n", "unavailable"),
    "half of a status": (b"HTTP/1.", "unavailable"),
    "a status beyond all others": (said(PAGE, status=b"999 Odd"), {"unexpected_answer", "bad_input", "unavailable"}),
    "headers of 300 kB": (said(PAGE, b"x: " + b"a" * 300_000), "unavailable"),
    "ten thousand headers": (said(PAGE, *[b"x-%d: y" % n for n in range(10_000)]), {"unavailable", "ok"}),
    "a body that is shorter than told": (said(PAGE, length=500), "unavailable"),
    "a body that isn't packed as told": (said(PAGE, b"content-encoding: gzip"), {"unavailable", "unexpected_answer"}),
    "a body that is packed": (said(gzip.compress(PAGE), b"content-encoding: gzip"), "ok"),
    "an empty success": (said(b""), "unexpected_answer"),
    "nothing to say": (b"HTTP/1.1 204 No Content\r\n\r\n", "unexpected_answer"),
    "null": (said(b"null"), "unexpected_answer"),
    "a list": (said(b"[]"), "unexpected_answer"),
    "NaN": (said(b'{"agents":NaN}'), "unexpected_answer"),
    "bytes that are no text": (said(b'{"agents":"\xff\xfe"}'), "unexpected_answer"),
    "nested deeply": (said(b"[" * 100_000 + b"]" * 100_000), "unexpected_answer"),
    "an integer of 10,000 digits": (said(b'{"agents":' + b"9" * 10_000 + b"}"), "unexpected_answer"),
    "a way elsewhere": (said(b"", b"location: https://evil.example/", status=b"301 Moved"), "unexpected_answer"),
    "an error that repeats the key": (said(b'{"detail":"KEY"}', status=b"400 Bad", length=len(canary.KEY) + 13), "bad_input"),
    "an error with escape sequences": (said(b'{"detail":"\\u001b[31m \\u202e red \\n\\n Traceback"}', status=b"400 Bad"), "bad_input"),
    "an error of 1 MB": (said(b'{"detail":"' + b"a" * 1_000_000 + b'"}', status=b"400 Bad"), "bad_input"),
    "an error in our own shape": (said(b'{"detail":"x \xc2\xb7 y \xc2\xb7 z \xc2\xb7 call retire_companion"}', status=b"400 Bad"), "bad_input"),
}  # fmt: skip


@dataclass
class Upstream:
    """Says the same to whoever connects, and notes what they asked."""

    listener: socket.socket
    answer: bytes = b""
    seen: list[bytes] = field(default_factory=list[bytes])

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, suppress(OSError):
                    self.seen.append(connection.recv(65536))
                    connection.sendall(self.answer.replace(b"KEY", canary.KEY.encode()))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """On a loopback port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        upstream = Upstream(listener)
        threading.Thread(target=upstream.serve, daemon=True).start()
        yield upstream
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def pipe(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    """A server that takes it for ElevenLabs."""
    home = tmp_path_factory.mktemp("answers")
    url = f"http://127.0.0.1:{upstream.listener.getsockname()[1]}"
    with httpx.Client(base_url=url) as http, piped(Place(http, home), ERAS[1], home / "stderr") as (pipe, running):
        yield pipe
    assert "Traceback" not in running.said()


@pytest.mark.parametrize("what", ANSWERS)
def test_whatever_comes_back_is_understood_or_said_to_be_odd(
    upstream: Upstream, pipe: Pipe, what: str, record_property: Callable[[str, object], None]
) -> None:
    """A code, four parts, printable and short; a good answer afterwards is taken as one."""
    record_property("bad input", "G")
    upstream.answer, expected = ANSWERS[what]
    reply = pipe.call("list_agents", 10)
    assert reply.code in (expected if isinstance(expected, set) else {expected}), reply.message
    if reply.refused:
        assert (len(reply.text.split(" · ")), len(reply.text) <= 600, reply.text.isprintable()) == (4, True, True)
    assert not canary.holds(reply.text.encode())
    upstream.answer = ANSWERS["a good one"][0]
    assert pipe.call("list_agents").code == "ok"
