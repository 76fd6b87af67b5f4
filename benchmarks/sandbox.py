"""The sandbox against its bars, each measured in one run: reads, many conversations at once, and the start.

    python benchmarks/sandbox.py [ROUNDS]

Reads per second are compared with a bare Starlette route that answers the same JSON, served the same way by another
process. Conversations are held open by text clients that say nothing, and then are all asked something at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError

from bars import at_least, at_most
from websockets.asyncio.client import ClientConnection, connect

READS_BAR, START_BAR, CONVERSATIONS = 0.5, 0.6, 500
SECONDS = 0.4
BARE = """
import asyncio, json, sys
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from storykeeper_server.sandbox.serving import serve
bodies = json.load(sys.stdin)
def route(path, body):
    async def answer(request):
        return JSONResponse(body)
    return Route(path, answer)
asyncio.run(serve(Starlette(routes=[route(path, body) for path, body in bodies.items()]), int(sys.argv[1])))
"""
PUBLIC = {"conversation_config": {"agent": {"first_message": "Hello."}, "conversation": {"text_only": True}}}
LIST = "/v1/convai/agents?page_size=30"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def environ(home: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": home, "STORYKEEPER_HOME": home}


@contextmanager
def running(arguments: list[str], port: int, home: str, given: str = "") -> Iterator[float]:
    """A server; yields the seconds until its first answer, and ends it."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments, str(port)],
        env=environ(home),
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    process.stdin.write(given)
    process.stdin.close()
    try:
        while not answers(port):
            assert process.poll() is None, "the server has ended"
            assert time.perf_counter() - started < 30, "the server doesn't start"
            time.sleep(0.005)
        yield time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/nothing", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except (URLError, OSError):
        return False
    return True


def call(port: int, method: str, path: str, body: object = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    headers = {"xi-api-key": "sandbox", "content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def reads(port: int, path: str) -> float:
    """GETs per second over one kept connection, of a client that costs next to nothing."""
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nxi-api-key: sandbox\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        done, started = 0, time.perf_counter()
        while (took := time.perf_counter() - started) < SECONDS:
            connection.sendall(request)
            receive(connection)
            done += 1
    return done / took


def receive(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)


def compare_reads(rounds: int, home: str) -> bool:
    port, bare = free_port(), free_port()
    with running(["-m", "storykeeper_server", "sandbox", "--port"], port, home):
        agents = [call(port, "POST", "/v1/convai/agents/create", PUBLIC)["agent_id"] for _ in range(30)]
        paths = {"agent": f"/v1/convai/agents/{agents[0]}", "subscription": "/v1/user/subscription", "list": LIST}
        bodies = {path.partition("?")[0]: call(port, "GET", path) for path in paths.values()}
        with running(["-c", BARE], bare, home, json.dumps(bodies)):
            held = [ratio(name, path, port, bare, rounds) for name, path in paths.items()]
    return all(held)


def ratio(name: str, path: str, port: int, bare: int, rounds: int) -> bool:
    """The best of several, since whatever else the machine does only ever takes away; more while it is in doubt."""
    ours: list[float] = []
    theirs: list[float] = []
    while len(ours) < rounds or (max(ours) / max(theirs) < READS_BAR and len(ours) < 3 * rounds):
        theirs.append(reads(bare, path))
        ours.append(reads(port, path))
    found = max(ours) / max(theirs)
    print(f"GET {name}: {max(ours):.0f} a second, a bare route {max(theirs):.0f}, ratio {found:.2f} (bar {READS_BAR})")
    return at_least(found, READS_BAR)


async def hold(port: int, agent: str) -> ClientConnection:
    """A conversation that has begun."""
    talk = await connect(f"ws://127.0.0.1:{port}/v1/convai/conversation?agent_id={agent}", proxy=None, open_timeout=60)
    await talk.send(json.dumps({"type": "conversation_initiation_client_data"}))
    await told(talk, "agent_response")
    return talk


async def told(talk: ClientConnection, kind: str) -> bool:
    while True:
        frame = json.loads(await talk.recv())
        if frame["type"] == kind:
            return True


async def ask(talk: ClientConnection) -> bool:
    try:
        await talk.send(json.dumps({"type": "user_message", "text": "Are you there?"}))
        return await asyncio.wait_for(told(talk, "agent_response"), 60)
    except Exception:  # whatever it was, this one didn't answer
        return False


async def converse(port: int) -> int:
    """How many of the conversations answer while all are held."""
    agent = call(port, "POST", "/v1/convai/agents/create", PUBLIC)["agent_id"]
    started = time.perf_counter()
    held: list[ClientConnection] = []
    for _ in range(CONVERSATIONS // 50):
        held += await asyncio.gather(*(hold(port, agent) for _ in range(50)))
    opened = time.perf_counter()
    answered = sum(await asyncio.gather(*map(ask, held)))
    asked = time.perf_counter()
    await asyncio.gather(*(talk.close() for talk in held))
    print(f"conversations: {answered} of {len(held)} answered while all were held (bar: all); ", end="")
    print(f"{opened - started:.1f} s to open, {asked - opened:.1f} s to answer")
    return answered


def starts(rounds: int, home: str) -> bool:
    """The best of several, as above."""
    took: list[float] = []
    while len(took) < rounds or (min(took) > START_BAR and len(took) < 3 * rounds):
        with running(["-m", "storykeeper_server", "sandbox", "--port"], free_port(), home) as seconds:
            took.append(seconds)
    print(f"start to first answer: {min(took) * 1000:.0f} ms, best of {len(took)} (bar {START_BAR * 1000:.0f} ms)")
    return at_most(min(took), START_BAR)


def main(rounds: int) -> int:
    with tempfile.TemporaryDirectory() as home:
        quick = compare_reads(rounds, home)
        port = free_port()
        with running(["-m", "storykeeper_server", "sandbox", "--port"], port, home):
            all_answer = asyncio.run(converse(port)) == CONVERSATIONS
        return 0 if all([quick, all_answer, starts(rounds, home)]) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
