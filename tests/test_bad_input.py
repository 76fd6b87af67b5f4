"""The table of bad input, tried on a real server over its pipes and over HTTP: nothing crashes, hangs, leaks or is lost."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator

import pytest

from bad_input import given, upstream
from bad_input.bench import OUTSIDE, Bench, Row, furnished, lawless
from wire import ERAS, Pipe, Reply, piped, webbed

ROWS = [*given.rows(), *upstream.rows()]


@pytest.fixture(scope="module", params=["pipe", "http"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One server for all rows: each finds it as the one before has left it."""
    home = tmp_path_factory.mktemp("bad")
    (home / "allowed").mkdir()
    over = piped if request.param == "pipe" else webbed
    era = ERAS[0] if request.param == "pipe" else ERAS[1]
    with (
        lawless(home / "state", STORYKEEPER_FILES=str(home / "allowed")) as here,
        over(here, era, home / "stderr") as (wire, running),
    ):
        bench = Bench(wire, here, home / "allowed", home / "outside")
        furnished(bench)
        yield bench
        assert OUTSIDE not in running.said()
        assert running.process.poll() is None, running.said()


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{row.group}: {row.what}"[:70] for row in ROWS])
def test_bad_input_is_refused_in_a_sentence_and_nothing_is_lost(
    bench: Bench, number: int, record_property: Callable[[str, object], None]
) -> None:
    """With its stable code, sending nothing that the row doesn't allow; and the next call works."""
    row = ROWS[number]
    record_property("bad input", row.group)
    bench.clear()
    reply = row.attempt(bench)
    expect(row, reply)
    sent, seen = bench.changes(), len(bench.requests())
    assert row.sends is None or sent == row.sends
    assert row.reads or seen == sent
    assert row.check(bench, reply)
    bench.clear()
    assert bench.call("list_companions").code == "ok"
    assert not isinstance(bench.wire, Pipe) or bench.wire.strays == []


def expect(row: Row, reply: Reply) -> None:
    """The code, in four parts, short, and with nothing of what was given or of this machine in it."""
    allowed = {"bad_input", "not_found"} if row.code == "no id" else {row.code}
    assert reply.code in allowed, reply.message
    said = json.dumps(reply.message, ensure_ascii=False)
    assert row.says in said
    assert not re.search(rf"Traceback|{OUTSIDE}|\.py\b|site-packages|{re.escape(os.getcwd())}", said)
    if reply.refused:
        assert (len(reply.text.split(" · ")), len(reply.text) <= 600) == (4, True), reply.text
        assert not re.search(r"(^|[\s'\"(])/(etc|proc|dev|tmp|home|root)\b", reply.text), reply.text
