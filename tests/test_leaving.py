"""How calls and servers end: cancelled, broken, told to go, or left alone. On stdout there are messages, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.types import INTERNAL_ERROR

from processes import place
from storykeeper_server.mcp.app import build
from wire import ERAS, Era, Pipe, Silence, held, piped, request, started

NOISE = """
import atexit, os, sys

class Loud:
    def find_spec(self, name, path=None, target=None):
        if name in ("mcp.server", "httpx", "storykeeper_tools.account"):
            print("NOISE while", name, "is imported", flush=True)

def last():
    print("NOISE at exit")
    sys.__stdout__.write("NOISE at exit, around what sys.stdout became")
    os.write(1, b"NOISE at exit, past Python")

print("NOISE at the start")
sys.meta_path.insert(0, Loud())
atexit.register(last)
"""
BREAKING = """
import httpx

async def broken(self, *arguments, **more):
    print("NOISE in a call")
    raise RuntimeError("hunter2hunter2")

httpx.AsyncClient.request = broken
"""


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> None:
    """All of it is of the table's group H."""
    record_property("bad input", "H")


def loud(folder: Path, *texts: str) -> dict[str, str]:
    """The environment of a Python that says more than it should, as those with plugins may."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("\n".join(texts))
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def test_whatever_prints_stdout_holds_only_messages(tmp_path: Path) -> None:
    """While modules are loaded, in calls, and after the last of them: all of it goes to stderr."""
    env = loud(tmp_path / "loud", NOISE)
    with place(tmp_path / "home") as here, piped(here, ERAS[0], tmp_path / "stderr", env) as (pipe, running):
        assert pipe.call("check_quota").code == "ok"
        assert len(pipe.ask("tools/list").message["result"]["tools"]) == 20
    assert (running.process.wait(), pipe.strays) == (0, [])
    said = running.said()
    assert all(f"NOISE {part}" in said for part in ("while mcp.server", "while httpx", "at the start", "at exit, past"))


def test_a_tool_that_breaks_says_nothing_of_itself(tmp_path: Path) -> None:
    """It is `internal`, its traceback is on stderr, and the next call works."""
    env = loud(tmp_path / "loud", BREAKING, NOISE)
    with place(tmp_path / "home") as here, piped(here, ERAS[1], tmp_path / "stderr", env) as (pipe, running):
        broken = pipe.call("check_quota")
        after = pipe.call("list_companions")
    assert (broken.code, len(broken.text.split(" · ")), after.code) == ("internal", 4, "ok")
    assert "hunter2" not in json.dumps(broken.message)
    assert (pipe.strays, running.process.wait()) == ([], 0)
    assert "the tool check_quota broke" in running.said()


@asynccontextmanager
async def running(_: object) -> AsyncGenerator[None]:
    """Nothing to open."""
    yield


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_breaks_beside_the_tools_says_nothing_of_itself_either(mode: Any) -> None:
    """A prompt, for one; the older era would tell the exception's words."""

    async def broken() -> str:
        raise RuntimeError("hunter2hunter2")

    async with Client(build([], running, "0", [Prompt.from_function(broken)]), mode=mode) as client:
        with pytest.raises(MCPError) as told:
            await client.get_prompt("broken")
    assert told.value.error.code == INTERNAL_ERROR
    assert "hunter2" not in str(told.value)


def test_ten_thousand_requests_at_once_are_each_answered(tmp_path: Path) -> None:
    """Every other one of them no message at all; nothing is mixed up, and the next call works."""
    era = ERAS[1]
    with place(tmp_path / "home") as here, piped(here, era, tmp_path / "stderr") as (pipe, _):
        unknown = {"name": "unknown", "arguments": {}}
        lines = [json.dumps(request(era, f"r{n}", "tools/call", unknown)) if n % 2 else "hello" for n in range(10_000)]
        sending = threading.Thread(target=pipe.send, args=("\n".join(lines).encode(),))
        sending.start()
        answers = Counter(pipe.next(30).message["id"] for _ in lines)
        sending.join()
        assert pipe.call("list_companions").code == "ok"
    assert answers == {None: 5000} | {f"r{n}": 1 for n in range(1, 10_000, 2)}
    assert pipe.strays == []


@pytest.mark.parametrize("era", ERAS)
def test_a_call_that_is_cancelled_ends_and_the_next_one_works(tmp_path: Path, era: Era) -> None:
    """Nobody waits for what was given up, and there is no result of it."""
    with place(tmp_path / "home") as here, piped(here, era, tmp_path / "stderr") as (pipe, _):
        number = held(here, pipe)
        cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
        pipe.send(json.dumps(cancelled).encode())
        assert pipe.call("check_quota").code == "ok"
        told = [each for each in pipe.others if each.get("id") == number]
    assert not [each for each in told if "result" in each]


@pytest.mark.parametrize("era", ERAS)
def test_progress_is_told_to_whoever_wants_it(tmp_path: Path, era: Era) -> None:
    """Under the token that they gave, ever further, and before the result; to others nothing."""
    tokens = ("abc", 7, None)
    with place(tmp_path / "home") as here, piped(here, era, tmp_path / "stderr") as (pipe, _):
        for token in tokens:
            call = {"name": "upload_knowledge_base", "arguments": {"text": f"Born in Cork, {token}."}}
            assert pipe.answer(pipe.begin("tools/call", call, {"progressToken": token} if token else None)).code == "ok"
    told = [each["params"] for each in pipe.others if each.get("method") == "notifications/progress"]
    steps = {token: [each["progress"] for each in told if each["progressToken"] == token] for token in tokens}
    assert sum(map(len, steps.values())) == len(told)
    assert (len(steps["abc"]) > 1, steps["abc"] == steps[7] == sorted(steps[7]), steps[None]) == (True, True, [])


@pytest.mark.parametrize(("era", "busy"), [(ERAS[0], True), (ERAS[1], True), (ERAS[1], False)])
@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "EOF"])
def test_a_server_that_is_told_to_go_goes(
    tmp_path: Path, era: Era, how: str, busy: bool, record_property: Callable[[str, object], None]
) -> None:
    """Also in the middle of a call, and with nothing on stdout but messages; the benchmark tells how soon."""
    with place(tmp_path / "home") as here, piped(here, era, tmp_path / "stderr") as (pipe, running):
        if busy:
            held(here, pipe)
        begun = time.monotonic()
        if how == "EOF":
            assert pipe.process.stdin
            pipe.process.stdin.close()
        else:
            pipe.process.send_signal(getattr(signal, how))
        code = pipe.process.wait(30)
        took = time.monotonic() - begun
    record_property("seconds", took)
    print(f"{how}, {'busy' if busy else 'idle'}, {era}: gone after {took:.2f} s")
    assert code == (0 if how == "EOF" else 130)
    assert (pipe.strays, "Traceback" in running.said()) == ([], False)


@pytest.mark.parametrize("how", ["half a line", "nothing at all"])
def test_a_client_that_goes_before_it_has_said_anything_is_let_go(tmp_path: Path, how: str) -> None:
    """The server goes, too, without a word."""
    with place(tmp_path / "home") as here, started(here, log=tmp_path / "stderr") as running:
        out, _ = running.process.communicate(b'{"jsonrpc":"2.0","id":1' if how == "half a line" else b"", timeout=30)
    assert (running.process.returncode, "Traceback" in running.said()) == (0, False)
    assert [json.loads(line)["error"]["code"] for line in out.splitlines()] == (
        [-32700] if how == "half a line" else []
    )
    with pytest.raises(Silence):
        Pipe(running.process, ERAS[0]).next(0)


@pytest.mark.parametrize("how", ["a call before the greeting", "a line of 10 MB", "the same number twice"])
def test_a_client_that_does_not_know_the_rules_is_answered(tmp_path: Path, how: str) -> None:
    """Each time, and what comes after is as it would have been."""
    call = {"name": "list_companions", "arguments": {"x": "a" * 10_000_000} if how.endswith("MB") else {}}
    line = json.dumps(request(ERAS[0], 1, "tools/call", call)).encode()
    with place(tmp_path / "home") as here, started(here, log=tmp_path / "stderr") as running:
        pipe = Pipe(running.process, ERAS[0], last=10)
        threading.Thread(target=pipe.read, daemon=True).start()
        if how != "a call before the greeting":
            pipe.greet()
        pipe.send(line + (b"\n" + line if how.endswith("twice") else b""))
        codes = [pipe.next(30).code for _ in range(2 if how.endswith("twice") else 1)]
        if how == "a call before the greeting":
            pipe.greet()
        assert pipe.call("list_companions").code == "ok"
    assert codes == {"a call before the greeting": [-32602], "a line of 10 MB": ["unknown_argument"]}.get(
        how, ["ok"] * 2
    )
