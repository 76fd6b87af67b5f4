"""Bytes that no client should send: answered in a sentence that repeats nothing of them, and the next call works."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from garbled import SECRET, Garbled, rows
from processes import Place, place
from wire import ERAS, Pipe, Reply, Web, answered, piped, webbed

OLD = ERAS[0]
HEADERS_DIFFER = -32020  # the newer era says a name twice, and compares


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> None:
    """All of it is of the table's group H."""
    record_property("bad input", "H")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One sandbox for all of it: nothing should reach it anyway."""
    with place(tmp_path_factory.mktemp("home")) as here:
        yield here


@pytest.fixture(scope="module", params=ERAS)
def pipe(request: pytest.FixtureRequest, here: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    """A server over its pipes that takes all of it, one after the other."""
    with piped(here, request.param, tmp_path_factory.mktemp("log") / "stderr") as (pipe, running):
        yield pipe
    assert (pipe.strays, running.process.returncode) == ([], 0)
    assert SECRET not in running.said()


@pytest.fixture(scope="module", params=ERAS)
def web(request: pytest.FixtureRequest, here: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The same over HTTP."""
    with webbed(here, request.param, tmp_path_factory.mktemp("log") / "stderr") as (web, running):
        yield web
    assert SECRET not in running.said()


def told(row: Garbled, reply: Reply) -> None:
    """What is said fits the row, is short, and repeats nothing."""
    text = reply.text or reply.error["message"]
    assert reply.code == row.code or (row.code == "half" and reply.code in {-32700, "bad_input"})
    assert len(text) <= 600
    assert SECRET not in json.dumps(reply.message)
    assert not {"Traceback", "\x1b"} & set(text.split())
    if reply.refused:
        assert len(text.split(" · ")) == 4


@pytest.mark.parametrize("number", range(len(rows(OLD))), ids=[row.what for row in rows(OLD)])
def test_over_a_pipe_whatever_comes_is_answered_once(pipe: Pipe, here: Place, number: int) -> None:
    """Under its own number where it has one; and the next call is answered as if nothing had been."""
    row = rows(pipe.era)[number]
    pipe.send(row.data)
    if row.code is not None:
        reply = pipe.next()
        assert reply.message["id"] == row.number
        told(row, reply)
    after = pipe.begin("tools/call", {"name": "list_companions", "arguments": {}})
    assert pipe.next().message["id"] == after
    assert requests(here) == 0


@pytest.mark.parametrize("number", range(len(rows(OLD))), ids=[row.what for row in rows(OLD)])
def test_over_http_whatever_comes_is_answered(web: Web, here: Place, number: int) -> None:
    """With an error of the protocol or a refusal, or, where there is nothing to say, with nothing."""
    row = rows(web.era)[number]
    response = web.post(row.data, row.method, row.name)
    assert SECRET not in response.text
    if response.status_code == 202:
        assert (row.code, response.content) == (None, b"")
    elif row.code is not None:
        reply = Reply(answered(response, row.number))
        if reply.code != HEADERS_DIFFER:
            told(row, reply)
    assert web.call("list_companions").code == "ok"
    assert requests(here) == 0


def requests(here: Place) -> int:
    """How many have reached the sandbox."""
    return here.http.get("/_sandbox/requests").json()["count"]
